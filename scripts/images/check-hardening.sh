#!/usr/bin/env bash
# check-hardening.sh FILE...: fails, and says what is missing, if a program of ours was built without the flags of
# cmake/hardening.cmake. The files may be stripped. A static program has no symbols: what it calls is looked for by its texts.
set -euo pipefail
wrong=0
complain() {
  printf '%s: %s\n' "$1" "$2" >&2
  wrong=1
}

for file in "$@"; do
  headers="$(readelf --wide --file-header --program-headers --dynamic "$file")"
  [[ "$headers" =~ Type:\ +DYN ]] && grep -qE 'FLAGS_1.* PIE' <<<"$headers" || complain "$file" "not position independent (-fPIE -pie)"
  grep -q GNU_RELRO <<<"$headers" || complain "$file" "no read-only relocations (-z relro)"
  grep -qE 'BIND_NOW|FLAGS_1.* NOW' <<<"$headers" || complain "$file" "binds functions late (-z now)"
  ! grep -qE 'GNU_STACK.* RWE' <<<"$headers" || complain "$file" "the stack can be executed"
  if grep -q INTERP <<<"$headers"; then
    called="$(readelf --wide --dyn-syms "$file")"
    grep -q __stack_chk_fail <<<"$called" || complain "$file" "no canaries on the stack (-fstack-protector-strong)"
    grep -qE ' __[a-z]+_chk@' <<<"$called" || complain "$file" "no checked functions (-D_FORTIFY_SOURCE=2)"
    grep -q __glibcxx_assert_fail <<<"$called" || complain "$file" "no checked containers (-D_GLIBCXX_ASSERTIONS)"
  else
    # The C library's own parts have the first two always.
    grep -qa '__n < this->size()' "$file" || complain "$file" "no checked containers (-D_GLIBCXX_ASSERTIONS)"
  fi
done
exit "$wrong"

#!/usr/bin/env bash
# docs/configuration.md must match the programs' --help and the chart's values. Skipped if the programs are not built.
set -euo pipefail
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
ROOT="$(cd "$HERE/../.." && pwd)"
. "$HERE/lib.bash"
for bin in "$ROOT/build/dev/bin" "$ROOT/build/release/bin" ""; do
  # Programs that are older than the source of their options show old options.
  if [[ "$bin/api-server" -nt "$ROOT/api-server/config.cpp" && "$bin/controller" -nt "$ROOT/controller/config.cpp" ]]; then break; fi
done
if [[ -z "$bin" ]]; then
  skip "docs/configuration.md (build the programs first)"
elif answer="$("$ROOT/scripts/checks/configuration-tables.py" --check "$bin" 2>&1)"; then
  pass "docs/configuration.md has every option and value, as they are"
else
  fail "docs/configuration.md has every option and value, as they are" "$answer"
fi

# The table of reasons in docs/operations.md is the one of the code (lib/job/causes.cpp).
if [[ -n "$bin" && "$bin/controller" -nt "$ROOT/lib/job/causes.cpp" ]]; then
  in_docs="$(sed -n '/<!-- reasons: begin/,/<!-- reasons: end/p' "$ROOT/docs/operations.md" | sed '1d;$d')"
  expect "docs/operations.md has the reasons of the code" "$("$bin/controller" reasons)" "$in_docs"
else
  skip "docs/operations.md has the reasons of the code (build the programs first)"
fi

# Each row of docs/security.md has a test or says why not, and what the page names exists.
problems="$("$ROOT/scripts/checks/security-page.py" 2>&1 || true)"
expect "docs/security.md has a test in each row, and names what exists" "" "$problems"

# docs/operations.md must describe every metric in the code, and no other.
in_code="$(grep -rhoE '"vbrain_[a-z_]+"' "$ROOT"/{api-server,controller,lib} --include='*.cpp' --include='*.hpp' | tr -d '"' | sort -u)"
in_docs="$(grep -oE '`vbrain_[a-z_]+' "$ROOT/docs/operations.md" | tr -d '`' | sort -u)"
expect "docs/operations.md has every metric" "$in_code" "$in_docs"
finish

#!/usr/bin/env bash
# Runs every parser of untrusted input with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer, for FUZZ_SECONDS (300)
# in all; only those of FUZZ_TARGETS, if that is set ("zip json"). Two run at a time if there are two processors. FUZZ_SEED
# sets the seed.
#
# .local/fuzz/TARGET keeps the inputs that showed something new; the next run begins with them. An input that fails is stored
# as .local/fuzz/TARGET-crash-… (or -timeout-…, -oom-…, -leak-…), its command is printed, and the exit code is 1.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cd "$ROOT"
scripts/install-packages.sh --fuzz
# A folder that another compiler was chosen for stays with that.
grep -qs '^CMAKE_CXX_COMPILER:.*clang++-19$' build/fuzz/CMakeCache.txt || rm -rf build/fuzz
scripts/build.sh fuzz fuzz
export PROGRAM=build/fuzz/tests/fuzz FOLDER=.local/fuzz SEED="${FUZZ_SEED:-1}"
export ASAN_SYMBOLIZER_PATH="${ASAN_SYMBOLIZER_PATH:-$(command -v llvm-symbolizer-19)}"
mkdir -p "$FOLDER"
# Some targets write files for each input. In containers this folder is often small.
free="$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)"
if [[ -w /dev/shm && "${free:-0}" -ge 262144 ]]; then export TMPDIR=/dev/shm; fi

mapfile -t known < <("$PROGRAM" --list)
read -ra targets <<<"${FUZZ_TARGETS:-${known[*]}}"
mapfile -t targets < <(printf '%s\n' "${targets[@]}" | sort -u)
for target in "${targets[@]}"; do
  [[ " ${known[*]} " == *" $target "* ]] || fail "no such target: $target; there are ${known[*]}"
done
at_a_time=$(($(nproc) > 1 ? 2 : 1))
((at_a_time <= ${#targets[@]})) || at_a_time=${#targets[@]}
# At least one second: 0 is no limit.
SECONDS_EACH=$((${FUZZ_SECONDS:-300} * at_a_time / ${#targets[@]}))
((SECONDS_EACH > 0)) || SECONDS_EACH=1
export SECONDS_EACH

# A figure of the last line that says it, in a log of libFuzzer.
last() { sed -nE "s/.*$1 *([0-9]+).*/\1/p" "$2" | tail -n 1; }

run_libfuzzer() {
  local target="$1"
  shift
  "$PROGRAM" "$target" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=512 "$@" </dev/null
}

fuzz_target() {
  set -euo pipefail
  local target="$1" log="$FOLDER/$1.log" first="$FOLDER/first/$1" end=$((SECONDS + SECONDS_EACH)) runs=0 ran status input=
  mkdir -p "$FOLDER/$target"
  "$PROGRAM" --write "$first" "$target"
  while :; do
    status=0
    run_libfuzzer "$target" "$FOLDER/$target" "$first/seeds" -dict="$first/words" -seed="$SEED" -max_len=32768 \
      -max_total_time=$((end > SECONDS ? end - SECONDS : 1)) -use_value_profile=1 -print_final_stats=1 -print_funcs=0 \
      -artifact_prefix="$FOLDER/$target-" >"$log" 2>&1 || status=$?
    ran="$(last stat::number_of_executed_units: "$log")"
    runs=$((runs + ${ran:-0}))
    ((status)) || break
    input="$(sed -nE 's/.*Test unit written to (.*)/\1/p' "$log" | tail -n 1)"
    # libFuzzer takes a program that was stopped for a while, with its machine, for one that hangs.
    [[ "$input" == *-timeout-* ]] && run_libfuzzer "$target" "$input" >/dev/null 2>&1 || break
    rm "$input"
    status=0
    ((SECONDS < end)) || break
  done
  printf '%-16s %9s runs %7s a second %6s branches %6s inputs kept\n' "$target" "$runs" "$((runs / SECONDS_EACH))" \
    "$(last cov: "$log")" "$(find "$FOLDER/$target" -type f | wc -l)"
  ((status)) || return 0
  {
    printf '\n✗ %s failed; the end of %s:\n\n' "$target" "$log"
    tail -n 60 "$log" | cut -c1-300 | sed 's/^/    /'
    [[ -z "$input" ]] || printf '\n  To repeat it: %s %s %s\n\n' "$PROGRAM" "$target" "$input"
  } >&2
  return 1
}
export -f fuzz_target run_libfuzzer last

# xargs goes on after a failure, and ends with 123 then.
printf '%s\0' "${targets[@]}" | xargs -0 -n 1 -P "$at_a_time" bash -c 'fuzz_target "$1"' fuzz && exit 0
say "inputs that failed are in $FOLDER; tests/README.md, The fuzzer, says how to make them smaller"
exit 1

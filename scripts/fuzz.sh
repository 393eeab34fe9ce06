#!/usr/bin/env bash
# Gives mutated inputs to every parser, for FUZZ_SECONDS (30) in all. What breaks one lies in .local/fuzz afterwards;
# `build/fuzz/tests/fuzz --replay FILE TARGET` shows it again. FUZZ_SEED starts from another number.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cd "$ROOT"
scripts/build.sh fuzz fuzz
program="$ROOT/build/fuzz/tests/fuzz"
mkdir -p .local/fuzz
cd .local/fuzz
mapfile -t targets < <("$program" --list)
seconds="$(awk "BEGIN {print ${FUZZ_SECONDS:-30} / ${#targets[@]}}")"
exec "$program" --seconds "$seconds" --seed "${FUZZ_SEED:-1}" "${targets[@]}"

#!/usr/bin/env bash
# Runs every parser with mutated inputs, for FUZZ_SECONDS (30) in all. An input that fails is stored in .local/fuzz;
# `build/fuzz/tests/fuzz --replay FILE TARGET` repeats it. FUZZ_SEED sets the seed.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cd "$ROOT"
scripts/build.sh fuzz fuzz
program="$ROOT/build/fuzz/tests/fuzz"
mkdir -p .local/fuzz
cd .local/fuzz
mapfile -t targets < <("$program" --list)
seconds="$(awk "BEGIN {print ${FUZZ_SECONDS:-30} / ${#targets[@]}}")"
exec "$program" --seconds "$seconds" --seed "${FUZZ_SEED:-1}" "${targets[@]}"

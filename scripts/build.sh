#!/usr/bin/env bash
# Configures and builds one preset: build.sh release|dev|debug|asan|fuzz|tsan [target...]
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

preset="${1:?usage: build.sh PRESET [target...]}"
shift
cd "$ROOT"
[[ -f "build/$preset/build.ninja" ]] || cmake --preset "$preset" >/dev/null
exec cmake --build --preset "$preset" ${@:+--target "$@"}

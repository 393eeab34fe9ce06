#!/usr/bin/env bash
# The flags of cmake/hardening.cmake reach a program, check-hardening.sh sees it if one is missing, and the programs that ship
# have them all. The last is skipped where they are not built.
set -euo pipefail
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
ROOT="$(cd "$HERE/../.." && pwd)"
. "$HERE/lib.bash"
check="$ROOT/scripts/images/check-hardening.sh"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

cat >"$folder/main.cpp" <<'CODE'
#include <cstdio>
#include <cstring>
#include <vector>
int main(int argc, char** argv) {
  char text[16];
  std::strcpy(text, argv[0]);
  const std::vector<int> numbers(argc);
  return std::printf("%s %d\n", text, numbers[static_cast<std::size_t>(argc) - 1]) < 0;
}
CODE
all="-O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2 -D_GLIBCXX_ASSERTIONS -fPIE -pie -Wl,-z,relro,-z,now"
for without in "" -fstack-protector-strong -D_FORTIFY_SOURCE=2 -D_GLIBCXX_ASSERTIONS -pie "-Wl,-z,relro,-z,now"; do
  flags="$all"
  [[ -z "$without" ]] || flags="${all/$without/}"
  [[ "$without" != -pie ]] || flags+=" -no-pie"
  [[ "$without" != -Wl* ]] || flags+=" -Wl,-z,norelro,-z,lazy"
  # shellcheck disable=SC2086
  g++ $flags -o "$folder/program" "$folder/main.cpp" 2>/dev/null
  if "$check" "$folder/program" >/dev/null 2>&1; then got=taken; else got=refused; fi
  expect "a program ${without:+without }${without:-with all flags}" "$([[ -z "$without" ]] && echo taken || echo refused)" "$got"
done

cat >"$folder/CMakeLists.txt" <<CODE
cmake_minimum_required(VERSION 3.21)
project(hardened LANGUAGES CXX)
include($ROOT/cmake/hardening.cmake)
include($ROOT/cmake/vbrain_library.cmake)
vbrain_program(hardened)
CODE
if output="$(cmake -S "$folder" -B "$folder/build" -DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_FLAGS_RELEASE=-O2 -DNDEBUG" 2>&1 &&
  cmake --build "$folder/build" 2>&1 && "$check" "$folder/build/bin/hardened" 2>&1)"; then
  pass "cmake/hardening.cmake sets the flags"
else
  fail "cmake/hardening.cmake sets the flags" "$output"
fi

shipped=("$ROOT"/build/release/bin/{api-server,controller} "$ROOT/build/release/bundle/runner")
if [[ ! -x "${shipped[0]}" || ! -x "${shipped[1]}" || ! -x "${shipped[2]}" || "${shipped[2]}" -ot "$ROOT/cmake/hardening.cmake" ]]; then
  skip "the programs that ship (scripts/build.sh release first)"
elif output="$("$check" "${shipped[@]}" 2>&1)"; then
  pass "the programs that ship are hardened"
else
  fail "the programs that ship are hardened" "$output"
fi
finish

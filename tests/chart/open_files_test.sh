#!/usr/bin/env bash
# The api-server does not start when the limit of open files is too low for max-connections, and says so. Skipped where the
# program is not built.
set -euo pipefail
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
ROOT="$(cd "$HERE/../.." && pwd)"
. "$HERE/lib.bash"
program="$ROOT/build/dev/bin/api-server"
if [[ ! -x "$program" || "$program" -ot "$ROOT/api-server/open_files.cpp" ]]; then
  skip "too few open files (scripts/build.sh dev api-server first)"
else
  code=0
  output="$(ulimit -n 500 && "$program" --max-connections 1000 --kubeconfig /nonexistent --volume /nonexistent 2>&1)" || code=$?
  expect "too few open files: exit code" 1 "$code"
  expect_match "too few open files: the sentence" 'RLIMIT_NOFILE\) is 500, and max-connections of 1000 needs [0-9]+: raise' "$output"
fi
finish

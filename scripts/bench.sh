#!/usr/bin/env bash
# Measures vBrain beside what a user would take instead, and prints a table with goals. It asserts nothing.
#   bench.sh [options]          everything, 25 minutes at most; afterwards one job at a time on a real kubelet
#   bench.sh --quick [options]  only the flow of 200 jobs, beside the Job controller of Kubernetes
# Options are those of tests/bench/bench.py (--help).
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
quick=0
for argument in "$@"; do
  [[ "$argument" != --quick ]] || quick=1
done
if ((quick)); then
  "$ROOT/scripts/install-packages.sh"
else
  "$ROOT/scripts/install-packages.sh" --bench
fi
step "building the programs" "read the compiler's first error above" "$ROOT/scripts/build.sh" release
# Debian's Python, because the packages are installed for it.
/usr/bin/python3 "$ROOT/tests/bench/bench.py" "$@"
((quick)) || exec /usr/bin/python3 "$ROOT/tests/run.py" bench

#!/usr/bin/env bash
# Measures vBrain beside what a user would take instead, and prints a table with goals. It asserts nothing.
#   bench.sh [options]            everything, 25 minutes at most; the last part is one job at a time on a real kubelet
#   bench.sh --parts … [options]  only these parts
#   bench.sh --quick [options]    only the flow of 200 jobs and its requests, beside the Job controller of Kubernetes
# Options are those of tests/bench/bench.py (--help). The exit code is 1 if a part could not be measured.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
whole=1 keep=0 packages=--bench
for argument in "$@"; do
  case "$argument" in
    --quick) whole=0 packages= ;;
    --parts | --parts=*) whole=0 ;;
    --keep) keep=1 ;;
  esac
done
"$ROOT/scripts/install-packages.sh" $packages
step "building the programs" "read the compiler's first error above" "$ROOT/scripts/build.sh" release all drain_watch
status=0
state="$LOCAL/bench/$(date +%Y%m%d-%H%M%S)"
# Debian's Python, because the packages are installed for it.
/usr/bin/python3 "$ROOT/tests/bench/bench.py" --state "$state" --keep "$@" || status=1
if ((whole)); then
  /usr/bin/python3 "$ROOT/tests/run.py" bench || status=1
  say "The whole run took $((SECONDS / 60)) minutes. tests/bench/document.py writes its figures into docs/."
fi
if ((status == 0 && keep == 0)); then
  # In the background, and only now: 200,000 folders take minutes, and some file systems are slow for minutes after it.
  say "The files of the run, in $state, are being removed. Measure nothing before that has ended."
  setsid nice ionice -c3 rm -rf "$state" </dev/null >/dev/null 2>&1 &
fi
exit "$status"

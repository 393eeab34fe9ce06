#!/usr/bin/env bash
# A test of the benchmark: a controller that runs only 0.05 s in 2 s must be shown as slower, and so must an api-server
# whose syncs of files take place twice (slow/slow_sync.cpp). Not in `make test`.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
BUILT="$ROOT/build/release"
mkdir -p "$ROOT/.local"
folder="$(mktemp -d "$ROOT/.local/bench-test.XXXXXX")"
trap 'rm -rf "$folder"' EXIT
"$ROOT/scripts/build.sh" release slow_sync >"$folder/build.log" || { cat "$folder/build.log" >&2; exit 1; }
mkdir -p "$folder/slow/bin"
ln -s "$BUILT/bundle" "$folder/slow/bundle"
cat >"$folder/slow/bin/controller" <<SLOW
#!/usr/bin/python3
import os, signal, subprocess, sys, time
if "--version" in sys.argv:
    os.execv("$BUILT/bin/controller", sys.argv)
program = subprocess.Popen(["$BUILT/bin/controller", *sys.argv[1:]])
def end(*_):
    program.send_signal(signal.SIGCONT)
    program.terminate()
    sys.exit(program.wait())
signal.signal(signal.SIGTERM, end)
while program.poll() is None:
    program.send_signal(signal.SIGSTOP)
    time.sleep(2)
    program.send_signal(signal.SIGCONT)
    time.sleep(0.05)
SLOW
cat >"$folder/slow/bin/api-server" <<SLOW
#!/bin/sh
LD_PRELOAD="$BUILT/bench/slow_sync.so" exec "$BUILT/bin/api-server" "\$@"
SLOW
chmod +x "$folder/slow/bin/"*
wrong=0
ratio() { # ratio NAME PROGRAMS ROW OPTION...: the value of the row that begins with ROW, of ours beside a peer in the same run
  local name="$1" programs="$2" row="$3"
  shift 3
  /usr/bin/python3 "$ROOT/tests/bench/bench.py" --rounds 1 --no-fsync --programs "$programs" --json "$folder/$name.json" --state "$folder/state-$name" \
    "$@" >"$folder/$name.log" 2>&1 || { cat "$folder/$name.log" >&2; return 1; }
  /usr/bin/python3 -c "import json, sys
print(next(row['value'] for row in json.load(open(sys.argv[1]))['table'] if row['what'].startswith(sys.argv[2])))" "$folder/$name.json" "$row"
}
compare() { # compare WHAT ROW OPTION...: the slow programs must have 1/1.4 of the ratio at most
  local what="$1" normal slow
  shift
  normal="$(ratio normal "$BUILT" "$@")"
  slow="$(ratio slow "$folder/slow" "$@")"
  printf '%s: %.2f; made slow: %.2f\n' "$what" "$normal" "$slow"
  awk -v normal="$normal" -v slow="$slow" 'BEGIN {exit !(slow < normal / 1.4)}' || { echo "the benchmark did not show it"; wrong=1; }
}
compare "jobs per second, ours beside the Job controller of Kubernetes; the controller stands still" "40 jobs created" \
  --parts jobs --contestants ours,batch-small --jobs 40
compare "REST execute beside a POST to kube-apiserver; each sync takes place twice" 'REST `execute` into a repository, 1 connection' --parts creates
exit "$wrong"

#!/usr/bin/env bash
# A test of the benchmark: a controller that stands still nine tenths of the time must be shown as slower. Not in `make test`.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
mkdir -p "$ROOT/.local"
folder="$(mktemp -d "$ROOT/.local/bench-test.XXXXXX")"
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/slow/bin"
ln -s "$ROOT/build/release/bundle" "$folder/slow/bundle"
cat >"$folder/slow/bin/controller" <<SLOW
#!/usr/bin/python3
import os, signal, subprocess, sys, time
if "--version" in sys.argv:
    os.execv("$ROOT/build/release/bin/controller", sys.argv)
program = subprocess.Popen(["$ROOT/build/release/bin/controller", *sys.argv[1:]])
def end(*_):
    program.send_signal(signal.SIGCONT)
    program.terminate()
    sys.exit(program.wait())
signal.signal(signal.SIGTERM, end)
while program.poll() is None:
    program.send_signal(signal.SIGSTOP)
    time.sleep(0.45)
    program.send_signal(signal.SIGCONT)
    time.sleep(0.05)
SLOW
chmod +x "$folder/slow/bin/controller"
rate() { # rate NAME PROGRAMS: jobs per second of our controller
  /usr/bin/python3 "$ROOT/tests/bench/bench.py" --parts jobs --contestants ours,batch-small --jobs 40 --rounds 1 --no-fsync --programs "$2" \
    --json "$folder/$1.json" --state "$folder/state-$1" >"$folder/$1.log" 2>&1 || { cat "$folder/$1.log" >&2; return 1; }
  /usr/bin/python3 -c "import json; print(json.load(open('$folder/$1.json'))['table'][0]['value'])"
}
normal="$(rate normal "$ROOT/build/release")"
slow="$(rate slow "$folder/slow")"
printf 'jobs per second, ours beside the Job controller of Kubernetes: %.2f; a controller that stands still: %.2f\n' "$normal" "$slow"
awk -v normal="$normal" -v slow="$slow" 'BEGIN {exit !(slow < normal / 1.4)}' || { echo "the benchmark did not show it"; exit 1; }

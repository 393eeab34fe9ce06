# Shared by the scripts of this folder: where things lie, and how a long step is shown. Sourced, not run.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VERSION="$(sed -n 's/^project(vbrain VERSION \([0-9.]*\).*/\1/p' "$ROOT/CMakeLists.txt")"
LOCAL="${VBRAIN_LOCAL:-$ROOT/.local}"
NAMESPACE=vbrain
# Two clones on one machine must not meet: what is machine-wide (network namespaces, cgroups) carries this.
CLONE_ID="$(printf '%s' "$ROOT" | sha256sum | cut -c1-6)"

say() { printf '%s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Ends the process group of an interrupted step. Helm needs a moment to note that its release is not whole.
end_step() {
  local tries
  kill -TERM -- "-$1" 2>/dev/null || true
  for ((tries = 0; tries < 100; tries++)); do
    kill -0 -- "-$1" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -KILL -- "-$1" 2>/dev/null || true
}

# step "What it does" HINT COMMAND...: runs the command with its output in a log, says every 20 seconds that it still
# runs and what it last said, and how long it took. When it fails: the end of the log, then HINT, exit 1 (3 is kept:
# the machine lacks something). Interrupted, it ends the command with all that the command waits for, and says so: a
# shell starts what runs behind it with SIGINT ignored, so Ctrl-C alone would leave it at work. The log's folder is
# $STEP_LOGS.
step() {
  local what="$1" hint="$2" started=$SECONDS log pid status=0 shown=20 last
  shift 2
  mkdir -p "${STEP_LOGS:=$LOCAL/logs}"
  log="$STEP_LOGS/$(printf '%s' "$what" | tr -cs 'A-Za-z0-9' '-' | cut -c1-60 | sed 's/^-//; s/-$//').log"
  printf '• %s\n' "$what"
  # 8 is the lock of up and down: what a step leaves running must not hold it.
  set -m # a process group of its own
  "$@" >"$log" 2>&1 </dev/null 8>&- &
  pid=$!
  set +m
  trap 'end_step "$pid"; printf "\n✗ interrupted: %s\n  It can be run again at any time and goes on from here.\n" "$what" >&2; exit 130' INT TERM HUP
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    if ((SECONDS - started >= shown)); then
      last="$(tail -n 1 "$log" 2>/dev/null | tr -d '\r' | cut -c1-120)"
      printf '    %4d s  %s\n' "$((SECONDS - started))" "$last"
      shown=$((SECONDS - started + 20))
    fi
  done
  wait "$pid" || status=$?
  trap - INT TERM HUP
  if ((status)); then
    {
      printf '\n✗ failed after %d s: %s\n  the end of %s:\n\n' "$((SECONDS - started))" "$what" "$log"
      tail -n 40 "$log" | sed 's/^/    /'
      printf '\n  What to do: %s\n' "$hint"
    } >&2
    ((status == 3)) && exit 3
    exit 1
  fi
  printf '  ✓ %d s\n' "$((SECONDS - started))"
}

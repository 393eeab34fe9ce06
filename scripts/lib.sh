# Shared by the scripts of this folder: where things lie, and how a long step is shown. Sourced, not run.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VERSION="$(sed -n 's/^project(vbrain VERSION \([0-9.]*\).*/\1/p' "$ROOT/CMakeLists.txt")"
LOCAL="$ROOT/.local"
NAMESPACE=vbrain
# Two clones on one machine must not meet: what is machine-wide (network namespaces, cgroups) carries this.
CLONE_ID="$(printf '%s' "$ROOT" | sha256sum | cut -c1-6)"

say() { printf '%s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# step "What it does" HINT COMMAND...: runs the command with its output in a log, says every 20 seconds that it still
# runs and what it last said, and how long it took. When it fails: the end of the log, then HINT, exit 1 (3 is kept:
# the machine lacks something). The log's folder is $STEP_LOGS.
step() {
  local what="$1" hint="$2" started=$SECONDS log pid status=0 shown=20 last
  shift 2
  mkdir -p "${STEP_LOGS:=$LOCAL/logs}"
  log="$STEP_LOGS/$(printf '%s' "$what" | tr -cs 'A-Za-z0-9' '-' | cut -c1-60 | sed 's/^-//; s/-$//').log"
  printf '• %s\n' "$what"
  # 8 is the lock of up and down: what a step leaves running must not hold it.
  "$@" >"$log" 2>&1 </dev/null 8>&- &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    if ((SECONDS - started >= shown)); then
      last="$(tail -n 1 "$log" 2>/dev/null | tr -d '\r' | cut -c1-120)"
      printf '    %4d s  %s\n' "$((SECONDS - started))" "$last"
      shown=$((SECONDS - started + 20))
    fi
  done
  wait "$pid" || status=$?
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

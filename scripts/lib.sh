# Paths and the display of long steps, shared by the scripts of this folder. To be sourced.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VERSION="$(sed -n 's/^project(vbrain VERSION \([0-9.]*\).*/\1/p' "$ROOT/CMakeLists.txt")"
LOCAL="${VBRAIN_LOCAL:-$ROOT/.local}"
NAMESPACE=vbrain
# Part of machine-wide names (network namespaces, cgroups), so that two clones on one machine do not collide.
CLONE_ID="$(printf '%s' "$ROOT" | sha256sum | cut -c1-6)"

say() { printf '%s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Ends the process group of an interrupted step. Helm needs a moment to record that its release is incomplete.
end_step() {
  local tries
  kill -TERM -- "-$1" 2>/dev/null || true
  for ((tries = 0; tries < 100; tries++)); do
    kill -0 -- "-$1" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -KILL -- "-$1" 2>/dev/null || true
}

# step "What it does" HINT COMMAND...: runs the command with its output in a log below $STEP_LOGS. Every 20 seconds it
# shows the elapsed time and the last line of the log. If the command fails, it shows the end of the log and HINT, and
# exits with 1 (or with 3, "the machine lacks something", if the command did). On an interrupt it ends the command and
# all its children: a shell starts background commands with SIGINT ignored, so Ctrl-C would not reach them.
step() {
  local what="$1" hint="$2" started=$SECONDS log pid status=0 shown=20 last
  shift 2
  mkdir -p "${STEP_LOGS:=$LOCAL/logs}"
  log="$STEP_LOGS/$(printf '%s' "$what" | tr -cs 'A-Za-z0-9' '-' | cut -c1-60 | sed 's/^-//; s/-$//').log"
  printf '• %s\n' "$what"
  # Descriptor 8 is the lock of up and down. Processes that a step leaves running must not hold it.
  set -m # a process group of its own
  "$@" >"$log" 2>&1 </dev/null 8>&- &
  pid=$!
  set +m
  trap 'end_step "$pid"; printf "\n✗ interrupted: %s\n  Run it again to continue from here.\n" "$what" >&2; exit 130' INT TERM HUP
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

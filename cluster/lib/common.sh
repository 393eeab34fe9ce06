# Messages, exit codes, versions and the cache folder. Sourced by every script of this folder.
# shellcheck shell=bash

CLUSTER_DIR="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# shellcheck source=../versions.env
. "$CLUSTER_DIR/versions.env"
VBRAIN_CACHE="${VBRAIN_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/vbrain}"

PATH="$PATH:/usr/sbin:/sbin" # iptables, ip and the CNI plugins are here, which not every PATH contains

# Exit codes that callers distinguish: wrong arguments; this machine lacks something that the scripts can't add.
readonly EXIT_USAGE=2 EXIT_MACHINE=3

say() { printf '%s: %s\n' "${PROGRAM:-cluster}" "$*" >&2; }
fail() { say "$*"; exit 1; }
usage_error() { say "$*"; exit "$EXIT_USAGE"; }

# tail_log FILE [LINES]: the end of a log, indented, for the message of a failing step.
tail_log() {
  if [[ ! -s "$1" ]]; then
    say "(nothing in $1)"
    return 0
  fi
  say "end of $1:"
  tail -n "${2:-15}" "$1" | cut -c1-400 | sed 's/^/    /' >&2
}

# now_ms: milliseconds for deadlines and progress lines.
now_ms() { printf '%s\n' "$((${EPOCHREALTIME/[.,]/} / 1000))"; }
seconds_since() { # seconds_since START_MS: "2.8"
  local ms=$(($(now_ms) - $1))
  printf '%d.%d\n' $((ms / 1000)) $((ms % 1000 / 100))
}

# wait_until SECONDS COMMAND...: polls until the command succeeds; status 1 after SECONDS.
wait_until() {
  local deadline=$(($(now_ms) + $1 * 1000))
  shift
  until "$@"; do
    (($(now_ms) < deadline)) || return 1
    sleep 0.1
  done
}

# take_lock FILE: one command at a time per state folder. The lock ends with this shell; started programs do not hold
# it.
take_lock() {
  exec 9>"$1"
  flock -n 9 || { say "waiting for another command on the same state folder"; flock 9; }
}

# Processes by pid file. Source common.sh first; RUN is the folder of the pid files, LOGS that of the logs.
#
# A pid file contains "PID START-TIME BOOT-ID". So a reused pid, or a file from before a restart of the machine, is
# recognised. The new process writes the file itself, before it executes the program, and holds the caller's lock
# (descriptor 9) until then: after an interrupted command, the next holder of the lock sees every process that was
# started.
# shellcheck shell=bash

BOOT_ID="$(cat /proc/sys/kernel/random/boot_id)"

# process_start_time PID: in clock ticks since boot; status 1 if there is no such process or only its zombie. A zombie
# with threads that are still ending (field 17 counts them) counts as alive, because it still holds its ports.
process_start_time() {
  local line fields
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -ra fields <<<"${line##*) }"
  [[ "${fields[0]}" != [ZX] ]] || ((fields[17] > 1)) || return 1
  printf '%s\n' "${fields[19]}"
}

# process_pid NAME: the pid if the process is alive, else status 1.
process_pid() {
  local pid start boot now
  { read -r pid start boot <"$RUN/$1.pid"; } 2>/dev/null || return 1
  [[ "$boot" == "$BOOT_ID" ]] && now="$(process_start_time "$pid")" && [[ "$now" == "$start" ]] || return 1
  printf '%s\n' "$pid"
}
process_lives() { process_pid "$1" >/dev/null; }

# The programs run in their own session (Ctrl-C in a terminal does not reach them), in the cgroups of CGROUPS (one path
# per line, may be empty). The environment contains only what programs need.
start_process() { # start_process NAME COMMAND...
  local name="$1"
  shift
  rm -f "$RUN/$name.pid"
  mkdir -p "$LOGS"
  rotate_log "$LOGS/$name.log"
  # shellcheck disable=SC2016  # expanded by the inner shell
  env -i PATH="$PATH" HOME="${HOME:-/root}" TMPDIR="${TMPDIR:-/tmp}" LANG=C.UTF-8 \
    VB_FILE="$RUN/$name.pid" VB_BOOT="$BOOT_ID" VB_CGROUPS="${CGROUPS:-}" \
    setsid bash -c '
      set -e
      while read -r path; do [[ -z "$path" ]] || echo $$ >"$path/cgroup.procs"; done <<<"$VB_CGROUPS"
      read -r line </proc/$$/stat
      read -ra fields <<<"${line##*) }"
      printf "%s %s %s\n" $$ "${fields[19]}" "$VB_BOOT" >"$VB_FILE.new"
      mv "$VB_FILE.new" "$VB_FILE"
      unset VB_FILE VB_BOOT VB_CGROUPS
      exec 9>&-
      exec "$@"' "$name" "$@" </dev/null >>"$LOGS/$name.log" 2>&1 &
  disown
  wait_until 10 test -s "$RUN/$name.pid" || {
    tail_log "$LOGS/$name.log"
    fail "could not start $name"
  }
}

# Keeps one previous log, so that restarts do not fill the disk and the reason of the last end stays readable.
rotate_log() {
  if [[ -s "$1" ]]; then mv -f "$1" "$1.1"; fi
}

# stop_process NAME [SECONDS]: SIGTERM, after SECONDS (default 10) SIGKILL; returns when the process is gone.
stop_process() {
  local pid
  if pid="$(process_pid "$1")"; then
    kill -TERM "$pid" 2>/dev/null || true
    if ! wait_until "${2:-10}" process_gone "$1"; then
      say "$1 (pid $pid) did not end in ${2:-10} s, killing it"
      kill -KILL "$pid" 2>/dev/null || true
      wait_until 10 process_gone "$1" || fail "$1 (pid $pid) can't be killed"
    fi
  fi
  rm -f "$RUN/$1.pid"
}
process_gone() { ! process_lives "$1"; }

# kill_process NAME: SIGKILL, like a crash.
kill_process() {
  local pid
  if pid="$(process_pid "$1")"; then
    kill -KILL "$pid" 2>/dev/null || true
    wait_until 10 process_gone "$1" || fail "$1 (pid $pid) can't be killed"
  fi
  rm -f "$RUN/$1.pid"
}

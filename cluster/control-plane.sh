#!/usr/bin/env bash
# Only etcd and kube-apiserver, for integration tests: the real API without nodes. Works without root.
set -euo pipefail
PROGRAM=cluster/control-plane.sh
for part in common tools process pki control-plane; do . "$(dirname "${BASH_SOURCE[0]}")/lib/$part.sh"; done

usage() {
  cat <<USAGE
usage: control-plane.sh start --state DIR [--audit] [--fsync] [--netns NAME]   ready when it returns (about 3 s)
       control-plane.sh stop --state DIR             ends both, keeps the data
       control-plane.sh status --state DIR           status 0 when both run and the API server is ready, else 1
       control-plane.sh stop-apiserver|kill-apiserver|start-apiserver --state DIR   SIGTERM, SIGKILL, start on the same port
DIR then holds: admin.kubeconfig, audit.log (with --audit: metadata of every request), ports.env, logs/, pki/, etcd/ (the data).
--fsync: etcd syncs its data to disk, as in production. --netns: in this existing network namespace (root), on 127.0.0.1 of
it. There are no controllers: nothing is garbage-collected, deleted namespaces stay in Terminating, pods do not run and need
no ServiceAccount.
USAGE
}

COMMAND="${1:-}"
[[ "$COMMAND" != -h && "$COMMAND" != --help ]] || { usage; exit 0; }
[[ -n "$COMMAND" ]] || { usage >&2; exit "$EXIT_USAGE"; }
shift
STATE="" NETNS="" AUDIT=0 FSYNC=0 FULL_CLUSTER=0 ENTER=()
while (($#)); do
  case "$1" in
    --state) STATE="${2:?--state needs a folder}"; shift 2 ;;
    --netns) NETNS="${2:?--netns needs a name}"; shift 2 ;;
    --audit) AUDIT=1; shift ;;
    --fsync) FSYNC=1; shift ;;
    *) usage >&2; usage_error "unknown argument $1" ;;
  esac
done
[[ -n "$STATE" ]] || { usage >&2; usage_error "--state is missing"; }
use_state_folder "$STATE"

# The options of the first start are stored for restarts.
load_options() {
  # shellcheck disable=SC1091
  if [[ -s "$STATE/options.env" ]]; then . "$STATE/options.env"; fi
  if [[ -n "$NETNS" ]]; then ENTER=(nsenter "--net=/run/netns/$NETNS"); fi
  load_ports || true
}

start() {
  local began saved
  began="$(now_ms)"
  if ((AUDIT || FSYNC)) || [[ -n "$NETNS" ]] || [[ ! -s "$STATE/options.env" ]]; then
    saved="$(printf 'AUDIT=%s\nFSYNC=%s\nNETNS=%s\n' "$AUDIT" "$FSYNC" "$NETNS")"
    if process_lives kube-apiserver && [[ "$saved" != "$(cat "$STATE/options.env" 2>/dev/null)" ]]; then
      fail "already running with other options; stop it first"
    fi
    printf '%s\n' "$saved" >"$STATE/options.env"
  fi
  load_options
  [[ -z "$NETNS" || -e "/run/netns/$NETNS" ]] || fail "there is no network namespace $NETNS (ip netns add $NETNS)"
  if process_lives etcd && process_lives kube-apiserver && api_is_ready; then
    say "already running at https://127.0.0.1:$API_PORT"
    return
  fi
  "$CLUSTER_DIR/build.sh" control-plane >/dev/null
  make_control_plane_certificates
  load_ports || choose_ports
  start_control_plane choose
  write_kubeconfig "$STATE/admin.kubeconfig" "https://127.0.0.1:$API_PORT" admin
  say "ready in $(seconds_since "$began") s at https://127.0.0.1:$API_PORT, KUBECONFIG=$STATE/admin.kubeconfig"
}

start_again() {
  load_options
  process_lives etcd || fail "etcd does not run; use start"
  process_lives kube-apiserver || start_apiserver
  wait_until 90 api_is_ready_or_dead && api_is_ready || {
    tail_log "$LOGS/kube-apiserver.log"
    fail "kube-apiserver did not come back on port $API_PORT; stop and start"
  }
}

show_status() {
  local name pid all=0
  load_options
  for name in etcd kube-apiserver; do
    if pid="$(process_pid "$name")"; then
      printf '%-16s running  pid %s\n' "$name" "$pid"
    else
      printf '%-16s stopped  %s\n' "$name" "$LOGS/$name.log"
      all=1
    fi
  done
  if ((all == 0)) && api_is_ready; then
    printf '%-16s ready    https://127.0.0.1:%s\n' API "$API_PORT"
  else
    all=1
  fi
  return "$all"
}

case "$COMMAND" in
  start) make_state_folder; take_lock "$STATE/lock"; start ;;
  start-apiserver) take_lock "$STATE/lock"; start_again ;;
  status) show_status ;;
  stop | stop-apiserver | kill-apiserver)
    [[ -d "$STATE" ]] || exit 0
    take_lock "$STATE/lock"
    case "$COMMAND" in
      stop) stop_process kube-apiserver 20; stop_process etcd ;;
      stop-apiserver) stop_process kube-apiserver 70 ;; # it lets requests under way end (60 s at most)
      kill-apiserver) kill_process kube-apiserver ;;
    esac ;;
  *) usage >&2; usage_error "unknown command $COMMAND" ;;
esac

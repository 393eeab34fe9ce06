#!/usr/bin/env bash
# A real one-node Kubernetes on this machine, in separate namespaces and cgroups. See README.md.
set -euo pipefail
PROGRAM=cluster/cluster.sh
for part in common tools process pki control-plane machine cgroup namespaces node images forward; do
  . "$(dirname "${BASH_SOURCE[0]}")/lib/$part.sh"
done

usage() {
  cat <<USAGE
usage: cluster.sh COMMAND --state DIR --name NAME ...
  up                          start what does not run; returns when pods can run
                              --audit: every request goes to DIR/audit.log; --no-fsync: for tests, etcd does not wait
                              for the disk. Both are remembered for this DIR.
  down                        end everything that up started; the data (etcd, volume, images) stays in DIR
  status                      table of the components; status 0 if all run, else 1
  load IMAGE.tar...           load images (OCI layout tars)
  exec [--] COMMAND...        run a command in the cluster's network namespace, with its KUBECONFIG
  forward [--address-file FILE] LISTEN:PORT TARGET:PORT
                              carry connections from this machine into the cluster until down; port 0: any, see FILE.
                              A second call with the same FILE changes where it leads
NAME: at most 20 of [a-z0-9-], different for every cluster on the machine; it may be left out once up has run.
DIR/admin.kubeconfig is for use inside (exec), DIR/host.kubeconfig on this machine. Exit status 3: this machine lacks something.
USAGE
}

parse_arguments() {
  COMMAND="${1:-}"
  [[ "$COMMAND" != -h && "$COMMAND" != --help ]] || { usage; exit 0; }
  [[ -n "$COMMAND" ]] || { usage >&2; exit "$EXIT_USAGE"; }
  shift
  STATE="" NAME="" AUDIT=0 FSYNC=1 ADDRESS_FILE="" REST=()
  while (($#)); do
    case "$1" in
      --state) STATE="${2:?--state needs a folder}"; shift 2 ;;
      --name) NAME="${2:?--name needs a name}"; shift 2 ;;
      --audit) AUDIT=1; shift ;;
      --no-fsync) FSYNC=0; shift ;;
      --address-file) ADDRESS_FILE="${2:?--address-file needs a file}"; shift 2 ;;
      --) shift; REST+=("$@"); break ;;
      -*) usage >&2; usage_error "unknown option $1" ;;
      *) if [[ "$COMMAND" == exec ]]; then REST=("$@"); break; fi
         REST+=("$1"); shift ;;
    esac
  done
  [[ -n "$STATE" ]] || { usage >&2; usage_error "--state is missing"; }
  use_state_folder "$STATE"
  local known=""
  if [[ -s "$STATE/name" ]]; then known="$(cat "$STATE/name")"; fi
  NAME="${NAME:-$known}"
  [[ "$NAME" =~ ^[a-z0-9][a-z0-9-]{0,19}$ ]] || usage_error "--name: at most 20 of [a-z0-9-]"
  [[ -z "$known" || "$known" == "$NAME" ]] || usage_error "$STATE belongs to the cluster $known, not $NAME"
  KEY="vbrain-$NAME" SOCKETS="/run/vbrain-$NAME" FULL_CLUSTER=1 ENTER=(nsenter "--net=/run/netns/$NAME")
  ETCD_PORT=2379 ETCD_PEER_PORT=2380 API_PORT=6443
  [[ -s "$STATE/snapshotter" ]] && SNAPSHOTTER="$(cat "$STATE/snapshotter")" || SNAPSHOTTER=overlayfs
}

need_running() {
  process_lives anchor && process_lives kube-apiserver || fail "the cluster $NAME does not run; start it: cluster.sh up"
  NODE_ENTER=(nsenter "--net=/run/netns/$NAME" "--mount=/proc/$(process_pid anchor)/ns/mnt")
}

# The state folder stores --audit and --no-fsync, so that an `up` without them does not restart everything.
remember_options() {
  local audit="$AUDIT" fsync="$FSYNC"
  # shellcheck disable=SC1091
  if [[ -s "$STATE/options.env" ]]; then . "$STATE/options.env"; fi
  AUDIT=$((AUDIT | audit)) FSYNC=$((FSYNC & fsync))
  printf 'AUDIT=%s FSYNC=%s\n' "$AUDIT" "$FSYNC" >"$STATE/options.env"
}

# A name is machine-wide: two state folders must not share one, and a foreign network namespace must not be used or
# removed. The owner is recorded before anything is created.
check_owner() {
  local owner=""
  if [[ -s "$SOCKETS/owner" ]]; then owner="$(cat "$SOCKETS/owner")"; fi
  if [[ -n "$owner" && "$owner" != "$STATE" && -d "$owner" ]] && ! cgroup_is_empty; then
    fail "the name $NAME is used by the cluster in $owner; choose another one"
  fi
  if [[ -z "$owner" && -e "/run/netns/$NAME" ]] && cgroup_is_empty; then
    fail "the network namespace $NAME exists and belongs to no cluster; choose another name"
  fi
}

# The settings that decide how the components run. If they differ from the last start, the components restart; the data
# stays.
specification() {
  {
    bin_dir
    printf '%s\n' "$NAME" "$AUDIT" "$FSYNC" "${KUBEBUILDER_ASSETS:-}"
    cat "$CLUSTER_DIR"/lib/{pki,control-plane,namespaces,node}.sh
  } | sha256sum | cut -c1-16
}

up() {
  local began since wanted
  began="$(now_ms)"
  remember_options
  wanted="$(specification)"
  if all_components_live && [[ "$(cat "$RUN/specification" 2>/dev/null)" == "$wanted" && -e "/run/netns/$NAME" ]]; then
    if api_is_ready; then
      open_host_kubeconfig
      say "cluster $NAME already runs, KUBECONFIG=$STATE/host.kubeconfig"
      return
    fi
  fi
  check_machine
  check_owner
  trap 'say "interrupted; \`cluster.sh down\` stops what has been started"; exit 130' INT TERM
  "$CLUSTER_DIR/build.sh" all >/dev/null
  if process_lives anchor && [[ "$(cat "$RUN/specification" 2>/dev/null)" != "$wanted" ]]; then
    say "versions or flags have changed: restarting the components, the data stays"
    stop_everything
  elif ! process_lives anchor || [[ ! -e "/run/netns/$NAME" ]]; then
    stop_everything # leftovers of an interrupted run or a restart of the machine
  fi
  say "starting cluster $NAME (Kubernetes $KUBERNETES_VERSION) in $STATE"
  mkdir -p "$SOCKETS" "$STATE"/{config,volume,images,kubelet,containerd,logs/containers,logs/pods}
  printf '%s\n' "$STATE" >"$SOCKETS/owner"
  printf '%s\n' "$NAME" >"$STATE/name"
  printf '%s\n' "$wanted" >"$RUN/specification"
  make_cgroups
  CGROUPS="$(component_cgroups)"
  make_network_namespace
  if [[ ! -s "$STATE/snapshotter" ]]; then choose_snapshotter >"$STATE/snapshotter"; fi
  SNAPSHOTTER="$(cat "$STATE/snapshotter")"
  make_control_plane_certificates
  make_node_certificates
  write_containerd_config
  write_kubelet_config
  start_anchor

  say "  etcd, kube-apiserver, containerd"
  process_lives containerd || start_containerd
  process_lives etcd || start_etcd
  process_lives kube-apiserver || start_apiserver
  wait_until 30 containerd_answers || { tail_log "$LOGS/containerd.log"; fail "containerd does not answer"; }
  load_pause_image
  start_control_plane fixed

  say "  kube-controller-manager, kube-scheduler, kubelet, kube-proxy"
  since="$EPOCHSECONDS"
  if process_lives kubelet; then since=0; fi
  start_controllers
  start_node
  wait_ready "the node" 90 "kubelet containerd" node_is_ready "$since"
  wait_ready "the default ServiceAccount" 60 kube-controller-manager accounts_are_ready
  wait_ready "the Service network" 60 kube-proxy services_work
  open_host_kubeconfig
  say "cluster $NAME is ready in $(seconds_since "$began") s, KUBECONFIG=$STATE/host.kubeconfig"
}

# Stops everything that belongs to the cluster, in any state that an interrupted command left behind.
stop_everything() {
  local name
  for name in $(forward_names); do stop_process "$name" 2; done
  stop_process kubelet 5
  if ! cgroup_is_empty kubepods; then
    terminate_containers
    wait_until 5 cgroup_is_empty kubepods || true
    kill_cgroup kubepods || fail "some containers can't be ended"
  fi
  for name in kube-proxy kube-scheduler kube-controller-manager; do stop_process "$name" 3; done
  stop_process kube-apiserver 10
  stop_process etcd 10
  stop_process containerd 5
  stop_process anchor 0
  # Shims and all processes that an interrupted command started: they are in the cluster's cgroups. The mounts end with
  # the last process.
  kill_cgroup || fail "some processes of the cluster can't be ended"
  remove_cgroups || say "some cgroups named $KEY could not be removed"
  remove_network_namespace
  rm -rf --one-file-system "$SOCKETS"
  rm -f "$RUN"/*.pid "$RUN"/*.arguments
}

down() {
  local began left
  began="$(now_ms)"
  check_owner
  say "ending cluster $NAME"
  stop_everything
  left="$(grep -c "$SOCKETS" /proc/self/mounts || true)"
  [[ "$left" == 0 ]] || say "warning: $left mounts below $SOCKETS are left"
  say "cluster $NAME has ended in $(seconds_since "$began") s; its data is in $STATE"
}

show_status() {
  local name pid all=0 up_since
  for name in "${COMPONENTS[@]}" $(forward_names); do
    if pid="$(process_pid "$name")"; then
      up_since="$(ps -o etime= -p "$pid" | tr -d ' ' || true)"
      printf '%-24s running  pid %-8s for %s\n' "$name" "$pid" "$up_since"
    else
      printf '%-24s stopped  log: %s\n' "$name" "$LOGS/$name.log"
      all=1
    fi
  done
  if process_lives kube-apiserver && api_is_ready; then
    printf '%-24s ready    inside: https://127.0.0.1:%s  on this machine: https://%s\n' API "$API_PORT" \
      "$(cat "$STATE/host-api.address" 2>/dev/null || echo none)"
    if node_is_ready 0; then
      printf '%-24s ready    %s pods\n' "node $NODE_NAME" "$(api_get /api/v1/pods | jq '.items | length')"
    else
      printf '%-24s not ready\n' "node $NODE_NAME"
      all=1
    fi
  else
    printf '%-24s not ready\n' API
    all=1
  fi
  return "$all"
}

run_inside() {
  ((${#REST[@]})) || usage_error "exec needs a command"
  [[ -e "/run/netns/$NAME" ]] || fail "the cluster $NAME does not run; start it: cluster.sh up"
  VBRAIN_BIN_DIR="$(bin_dir)"
  export KUBECONFIG="$STATE/admin.kubeconfig" PATH="$VBRAIN_BIN_DIR:$PATH"
  exec "${ENTER[@]}" -- "${REST[@]}"
}

forward() {
  ((${#REST[@]} == 2)) || usage_error "forward needs LISTEN:PORT and TARGET:PORT"
  local listen="${REST[0]}" target="${REST[1]}" name file
  need_running
  CGROUPS="$(component_cgroups)"
  # A named address file has one forward, whose target may change; without a name each pair of addresses has its own.
  if [[ -n "$ADDRESS_FILE" ]]; then
    file="$(realpath -m "$ADDRESS_FILE")"
    name="$(basename "$file")-$(printf '%s' "$file" | sha256sum | cut -c1-6)"
  else
    name="$(printf '%s-%s' "$listen" "$target" | tr -c 'a-z0-9.' '-')"
    file="$STATE/forward-$name.address"
  fi
  mkdir -p "$(dirname "$file")"
  ensure_forward "$name" "$listen" "$target" "$file" || {
    tail_log "$LOGS/forward-$name.log" 3
    fail "can't listen on $listen"
  }
  say "$(cat "$file") forwards to $target"
}

parse_arguments "$@"
case "$COMMAND" in
  up) make_state_folder; take_lock "$STATE/lock"; up ;;
  down) if [[ -d "$STATE" ]]; then take_lock "$STATE/lock"; fi; down ;;
  status) show_status ;;
  load)
    need_running
    ((${#REST[@]})) || usage_error "load needs a file"
    for file in "${REST[@]}"; do load_image "$file"; done ;;
  exec) run_inside ;;
  forward) take_lock "$STATE/lock"; forward ;;
  *) usage >&2; usage_error "unknown command $COMMAND" ;;
esac

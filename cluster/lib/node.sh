# The node and the controllers: containerd, kubelet, kube-proxy, kube-controller-manager, kube-scheduler. Source the
# other parts first. NODE_ENTER enters the cluster's network and mount namespaces; ENTER only the network's.
# shellcheck shell=bash

readonly NODE_NAME=node1
readonly COMPONENTS=(etcd kube-apiserver containerd kube-controller-manager kube-scheduler kubelet kube-proxy)

make_node_certificates() {
  make_certificate kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
  make_certificate controller-manager /CN=system:kube-controller-manager
  make_certificate scheduler /CN=system:kube-scheduler
  make_certificate kube-proxy /CN=system:kube-proxy
  make_certificate node "/O=system:nodes/CN=system:node:$NODE_NAME" "DNS:$NODE_NAME,IP:$ADVERTISE_ADDRESS,IP:127.0.0.1"
  local name
  for name in controller-manager scheduler kube-proxy node; do
    write_kubeconfig "$STATE/config/$name.kubeconfig" "https://127.0.0.1:$API_PORT" "$name"
  done
  write_kubeconfig "$STATE/admin.kubeconfig" "https://127.0.0.1:$API_PORT" admin
}

write_containerd_config() {
  local restrict=true
  may_lower_oom_score && restrict=false
  mkdir -p "$STATE/config/cni"
  cat >"$STATE/config/cni/10-vbrain.conflist" <<JSON
{"cniVersion": "1.0.0", "name": "vbrain", "plugins": [
  {"type": "ptp", "ipMasq": false,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "$POD_CIDR"}]], "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": "/var/lib/cni/networks"}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
  cat >"$STATE/config/containerd.toml" <<TOML
version = 2
root = "$SOCKETS/containerd-root"
state = "$SOCKETS/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing"]
[grpc]
  address = "$SOCKETS/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  restrict_oom_score_adj = $restrict
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$CNI_PLUGINS"
    conf_dir = "$STATE/config/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "$SNAPSHOTTER"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
TOML
}

write_kubelet_config() {
  cat >"$STATE/config/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $PKI/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $PKI/node.crt
tlsPrivateKeyFile: $PKI/node.key
address: 0.0.0.0
healthzBindAddress: 127.0.0.1
containerRuntimeEndpoint: unix://$SOCKETS/containerd.sock
podLogsDir: $STATE/logs/pods
volumePluginDir: $STATE/kubelet/plugins-exec
cgroupDriver: cgroupfs
cgroupRoot: /$KEY
enforceNodeAllocatable: []
failSwapOn: false
# There is no name server. Look-ups to this address are refused at once. Without an address the kubelet would write a
# warning event for every pod.
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
# Images come from files and can't be fetched again from a registry, so they are never garbage-collected.
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 1%, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%}
maxPods: 250
kubeAPIQPS: 200
kubeAPIBurst: 400
eventRecordQPS: 100
eventBurst: 200
YAML
  cat >"$STATE/config/scheduler.yaml" <<YAML
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: {leaderElect: false}
clientConnection: {kubeconfig: $STATE/config/scheduler.kubeconfig, qps: 500, burst: 1000}
YAML
}

start_containerd() {
  start_process containerd "${NODE_ENTER[@]}" containerd --config "$STATE/config/containerd.toml" --log-level warn
}
containerd_answers() { run_ctr version >/dev/null 2>&1; }
run_ctr() { "${NODE_ENTER[@]}" ctr --address "$SOCKETS/containerd.sock" --namespace k8s.io "$@"; }

start_controllers() {
  process_lives kube-controller-manager ||
    start_process kube-controller-manager "${ENTER[@]}" "$(tool kube-controller-manager)" \
      --kubeconfig="$STATE/config/controller-manager.kubeconfig" --leader-elect=false --bind-address=127.0.0.1 \
      --use-service-account-credentials=true --service-account-private-key-file="$PKI/sa.key" \
      --root-ca-file="$PKI/ca.crt" --cluster-signing-cert-file="$PKI/ca.crt" --cluster-signing-key-file="$PKI/ca.key" \
      --flex-volume-plugin-dir="$STATE/kubelet/plugins-exec" --kube-api-qps=200 --kube-api-burst=400
  process_lives kube-scheduler ||
    start_process kube-scheduler "${ENTER[@]}" "$(tool kube-scheduler)" --config="$STATE/config/scheduler.yaml" \
      --bind-address=127.0.0.1
}

start_node() {
  process_lives kubelet ||
    start_process kubelet "${NODE_ENTER[@]}" "$(tool kubelet)" --config="$STATE/config/kubelet.yaml" \
      --kubeconfig="$STATE/config/node.kubeconfig" --hostname-override="$NODE_NAME" --node-ip="$ADVERTISE_ADDRESS"
  process_lives kube-proxy ||
    start_process kube-proxy "${ENTER[@]}" "$(tool kube-proxy)" --kubeconfig="$STATE/config/kube-proxy.kubeconfig" \
      --hostname-override="$NODE_NAME" --proxy-mode=iptables --cluster-cidr="$POD_CIDR" \
      --nodeport-addresses=127.0.0.0/8 --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 \
      --conntrack-tcp-timeout-close-wait=0 --metrics-bind-address=127.0.0.1:10249
}

# The node's heartbeat must be newer than the kubelet's start, because etcd may still hold Ready from the last run.
node_is_ready() { # node_is_ready SINCE-EPOCH-SECONDS
  api_get "/api/v1/nodes/$NODE_NAME" | jq -e --argjson since "$1" '.status.conditions[]? | select(.type == "Ready")
    | select(.status == "True" and (.lastHeartbeatTime | fromdateiso8601) >= $since)' >/dev/null 2>&1
}
accounts_are_ready() { api_get /api/v1/namespaces/default/serviceaccounts/default >/dev/null; }
services_work() {
  "${ENTER[@]}" curl -sSf --max-time 2 --noproxy '*' --cacert "$PKI/ca.crt" "https://$SERVICE_ADDRESS/readyz" >/dev/null 2>&1
}
all_components_live() {
  local name
  for name in anchor "${COMPONENTS[@]}"; do process_lives "$name" || return 1; done
}

# wait_ready WHAT SECONDS LOG-NAMES COMMAND...: stops waiting as soon as a component has ended.
wait_ready() {
  local what="$1" seconds="$2" logs="$3" name
  shift 3
  wait_until "$seconds" ready_or_dead "$@" || true
  "$@" && return 0
  for name in anchor "${COMPONENTS[@]}"; do
    process_lives "$name" || logs="$name"
  done
  for name in $logs; do tail_log "$LOGS/$name.log"; done
  fail "$what is not ready. The log above says why; then run: cluster.sh down, and up again"
}
ready_or_dead() { "$@" || ! all_components_live; }

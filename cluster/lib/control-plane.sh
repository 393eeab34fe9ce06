# etcd and kube-apiserver: ports, flags, start, readiness. Source common.sh, tools.sh, process.sh, pki.sh first.
#
# Two uses. Alone (integration tests): on free ports of 127.0.0.1, without root. In a cluster: in the cluster's network
# namespace, on the usual ports. The caller sets
#   STATE            the state folder, absolute; RUN, LOGS, PKI lie in it
#   ENTER            array: prefix that enters the network namespace; empty for the current one
#   FULL_CLUSTER     1 in a cluster with controllers and a kubelet, else 0
#   AUDIT            1 to write audit.log (metadata of every request)
#   FSYNC            0: etcd's data survives a kill -9, but not a power failure; faster
# shellcheck shell=bash

readonly ADVERTISE_ADDRESS=10.254.0.1 SERVICE_CIDR=10.96.0.0/16 SERVICE_ADDRESS=10.96.0.1

use_state_folder() { # use_state_folder DIRECTORY
  STATE="$(realpath -m "$1")"
  RUN="$STATE/run" LOGS="$STATE/logs" PKI="$STATE/pki"
}

make_state_folder() {
  mkdir -p "$STATE" "$RUN" "$LOGS" "$PKI"
  chmod 700 "$STATE/pki"
}

# choose_ports: three unused ports. They are below the kernel's range for outgoing connections, so that no such
# connection can use the port while the API server restarts. Another program may still take one first; then
# start_control_plane chooses again.
choose_ports() {
  local lowest taken port chosen=()
  read -r lowest _ </proc/sys/net/ipv4/ip_local_port_range
  ((lowest > 12000)) || lowest=32000
  # Column 2 is the local address, column 4 the state; 0A is LISTEN.
  taken=" $(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" {split($2, a, ":"); print a[2]}' | tr '\n' ' ')"
  while ((${#chosen[@]} < 3)); do
    port=$((10000 + SRANDOM % (lowest - 10000)))
    [[ "$taken" != *" $(printf '%04X' "$port") "* && " ${chosen[*]} " != *" $port "* ]] && chosen+=("$port")
  done
  ETCD_PORT="${chosen[0]}" ETCD_PEER_PORT="${chosen[1]}" API_PORT="${chosen[2]}"
  save_ports
}
save_ports() {
  printf 'ETCD_PORT=%s\nETCD_PEER_PORT=%s\nAPI_PORT=%s\n' "$ETCD_PORT" "$ETCD_PEER_PORT" "$API_PORT" >"$STATE/ports.env.new"
  mv "$STATE/ports.env.new" "$STATE/ports.env"
}
load_ports() {
  [[ -s "$STATE/ports.env" ]] || return 1
  # shellcheck disable=SC1091
  . "$STATE/ports.env"
}

make_control_plane_certificates() {
  make_authority
  make_certificate apiserver /CN=kube-apiserver "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,\
DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:$ADVERTISE_ADDRESS,IP:$SERVICE_ADDRESS"
  make_certificate admin /O=system:masters/CN=admin
  make_service_account_keys
}

start_etcd() {
  local fast=(--unsafe-no-fsync)
  if ((FSYNC)); then fast=(); fi
  # A restart with another peer port works, because the member is alone.
  start_process etcd "${ENTER[@]}" "$(tool etcd)" --name=vbrain --data-dir="$STATE/etcd" \
    --listen-client-urls="http://127.0.0.1:$ETCD_PORT" --advertise-client-urls="http://127.0.0.1:$ETCD_PORT" \
    --listen-peer-urls="http://127.0.0.1:$ETCD_PEER_PORT" \
    --initial-advertise-peer-urls="http://127.0.0.1:$ETCD_PEER_PORT" \
    --initial-cluster="vbrain=http://127.0.0.1:$ETCD_PEER_PORT" \
    --log-level=warn --quota-backend-bytes=4294967296 "${fast[@]}"
}

write_audit_policy() {
  cat >"$STATE/audit-policy.yaml" <<'YAML'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
YAML
}

start_apiserver() {
  local flags=(
    --etcd-servers="http://127.0.0.1:$ETCD_PORT" --secure-port="$API_PORT" --allow-privileged=true
    --service-cluster-ip-range="$SERVICE_CIDR" --client-ca-file="$PKI/ca.crt"
    --tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key"
    --service-account-issuer=https://kubernetes.default.svc --service-account-signing-key-file="$PKI/sa.key"
    --service-account-key-file="$PKI/sa.pub"
    --shutdown-delay-duration=0 --profiling=false)
  if ((FULL_CLUSTER)); then
    flags+=(--bind-address=0.0.0.0 --advertise-address="$ADVERTISE_ADDRESS" --authorization-mode=Node,RBAC
      --endpoint-reconciler-type=master-count --enable-admission-plugins=NodeRestriction
      --kubelet-client-certificate="$PKI/kubelet-client.crt" --kubelet-client-key="$PKI/kubelet-client.key"
      --kubelet-certificate-authority="$PKI/ca.crt" --kubelet-preferred-address-types=InternalIP)
  else
    # No controller creates the default ServiceAccount here, so pods must be created without it.
    flags+=(--bind-address=127.0.0.1 --advertise-address="$ADVERTISE_ADDRESS" --authorization-mode=RBAC
      --disable-admission-plugins=ServiceAccount --endpoint-reconciler-type=none)
  fi
  if ((AUDIT)); then
    write_audit_policy
    # Blocking mode: the line is written before the client gets its answer.
    flags+=(--audit-policy-file="$STATE/audit-policy.yaml" --audit-log-path="$STATE/audit.log" --audit-log-mode=blocking)
  fi
  start_process kube-apiserver "${ENTER[@]}" "$(tool kube-apiserver)" "${flags[@]}"
}

# api_get PATH: a request as admin, for polling (curl starts ten times faster than kubectl).
api_get() {
  "${ENTER[@]}" curl -sSf --max-time 5 --noproxy '*' --cacert "$PKI/ca.crt" --cert "$PKI/admin.crt" --key "$PKI/admin.key" \
    "https://127.0.0.1:$API_PORT$1" 2>/dev/null
}
api_is_ready() { api_get /readyz >/dev/null && api_get /api/v1/namespaces/default >/dev/null; }
api_is_ready_or_dead() { api_is_ready || ! process_lives etcd || ! process_lives kube-apiserver; }

lost_port() { # did the process end because another program uses its port?
  ! process_lives "$1" && grep -q "address already in use" "$LOGS/$1.log" 2>/dev/null
}

# start_control_plane choose|fixed: starts what is missing. Status 0 when the API server answers.
start_control_plane() {
  local attempt
  for attempt in 1 2 3 4 5; do
    process_lives etcd || start_etcd
    process_lives kube-apiserver || start_apiserver
    wait_until 90 api_is_ready_or_dead || break
    api_is_ready && return 0
    if [[ "$1" == choose ]] && { lost_port etcd || lost_port kube-apiserver; }; then
      say "another program took a port, choosing again ($attempt)"
      stop_process kube-apiserver
      stop_process etcd
      choose_ports
      continue
    fi
    break
  done
  local name
  for name in etcd kube-apiserver; do tail_log "$LOGS/$name.log"; done
  fail "the control plane is not ready. The logs above say why; stop it and start it again, or remove $STATE"
}

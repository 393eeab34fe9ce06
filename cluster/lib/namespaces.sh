# The network namespace and the private mount namespace of the cluster. Source common.sh and process.sh first.
#
# Network: ports, iptables rules and interfaces of the cluster are separate; nothing in it reaches the outside.
# Mounts: containerd and the kubelet share a private mount namespace. In it, the folders with fixed names that they use
# (/var/lib/kubelet, /run/containerd ...) are bind mounts of the cluster's folders. All mounts end with its last process.
# The process `anchor` keeps it. KEY, NAME, STATE, SOCKETS are set by the caller.
# shellcheck shell=bash

readonly POD_CIDR=10.244.0.0/16

make_network_namespace() {
  [[ -e "/run/netns/$NAME" ]] || ip netns add "$NAME"
  ENTER=(nsenter "--net=/run/netns/$NAME")
  "${ENTER[@]}" bash -c '
    set -e
    ip link set lo up
    ip address replace "$1/32" dev lo
    # Both ends of the pair stay in this namespace: the default route goes out of ext0 and ends at ext1. It exists only
    # because a packet to a Service address needs a route before iptables rewrites its destination.
    ip link show ext0 >/dev/null 2>&1 || ip link add ext0 type veth peer name ext1
    ip link set ext0 up
    ip link set ext1 up
    ip route replace default dev ext0 scope link src "$1"
    echo 1 >/proc/sys/net/ipv4/ip_forward
    for file in /proc/sys/net/ipv6/conf/{all,default}/disable_ipv6; do [[ ! -e "$file" ]] || echo 1 >"$file"; done
    # Connections to the outside are refused at once, including name look-ups. Packets to a Service are recognised by
    # their connection: iptables still sees the interface that was chosen before the rewrite.
    for chain in OUTPUT FORWARD; do
      rule=("$chain" -o ext0 -m conntrack ! --ctstate DNAT -j REJECT --reject-with icmp-net-unreachable)
      iptables -C "${rule[@]}" 2>/dev/null || iptables -A "${rule[@]}"
    done' network "$ADVERTISE_ADDRESS" || fail "could not set up the network namespace $NAME"
}

remove_network_namespace() {
  [[ ! -e "/run/netns/$NAME" ]] || ip netns delete "$NAME"
}

# Folders that containerd, CNI and the kubelet use by fixed names -> the cluster's folders.
mount_table() {
  cat <<TABLE
/var/lib/kubelet $STATE/kubelet
/var/log/containers $STATE/logs/containers
/var/lib/cni $SOCKETS/cni
/run/containerd $SOCKETS/shims
/run/netns $SOCKETS/netns
$SOCKETS/containerd-root $STATE/containerd
TABLE
}

start_anchor() {
  local at source
  if ! process_lives anchor; then
    mkdir -p "$SOCKETS"
    chmod 711 "$SOCKETS"
    while read -r at source; do mkdir -p "$at" "$source"; done < <(mount_table)
    rm -f "$SOCKETS/anchor-ready"
    mount_table >"$SOCKETS/mounts"
    # shellcheck disable=SC2016
    start_process anchor "${ENTER[@]}" unshare --mount --propagation slave bash -c '
      set -e
      mount --make-rshared /
      while read -r at source; do mount --bind "$source" "$at"; done <"$1/mounts"
      touch "$1/anchor-ready"
      exec sleep infinity' anchor "$SOCKETS"
    wait_until 10 test -e "$SOCKETS/anchor-ready" || {
      tail_log "$LOGS/anchor.log"
      fail "could not set up the mount namespace"
    }
  fi
  NODE_ENTER=(nsenter "--net=/run/netns/$NAME" "--mount=/proc/$(process_pid anchor)/ns/mnt")
}

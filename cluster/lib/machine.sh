# The requirements of the full cluster on this machine. Source common.sh first. Each missing one is named, then exit 3.
# shellcheck shell=bash

CNI_PLUGINS=/usr/lib/cni

check_machine() {
  local lacks=() command missing=() controllers controller
  if ((EUID != 0)); then
    say "the cluster's kubelet needs root: run it as root (E2E=off skips the tests that need a cluster)"
    exit "$EXIT_MACHINE"
  fi
  for command in containerd ctr runc iptables conntrack ip nsenter unshare setsid openssl curl jq; do
    command -v "$command" >/dev/null || missing+=("$command")
  done
  for command in ptp portmap host-local loopback; do
    [[ -x "$CNI_PLUGINS/$command" ]] || missing+=("$CNI_PLUGINS/$command")
  done
  ((${#missing[@]} == 0)) || lacks+=("not installed: ${missing[*]} (scripts/install-packages.sh installs them)")

  if unshare --mount --net true 2>/dev/null; then
    unshare --net ip link add vbcheck0 type veth peer name vbcheck1 2>/dev/null ||
      lacks+=("no veth network devices (kernel module veth)")
    unshare --mount --propagation slave mount --bind /tmp /tmp 2>/dev/null || lacks+=("mount is not permitted")
    # shellcheck disable=SC2016
    unshare --net sh -c 'set -e
      iptables -t nat -A POSTROUTING -m comment --comment x -m mark --mark 1 -j MASQUERADE
      iptables -t nat -A PREROUTING -p tcp -m statistic --mode random --probability 0.5 -j DNAT --to-destination 127.0.0.1:1
      iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT' >/dev/null 2>&1 ||
      lacks+=("iptables lacks what Services need: nat, MASQUERADE, DNAT, mark, statistic, conntrack (try as root: iptables -t nat -L)")
  else
    lacks+=("no network and mount namespaces: unshare --mount --net is not permitted (in a container: it must be privileged)")
  fi

  if cgroup_v2; then
    controllers="$(cat /sys/fs/cgroup/cgroup.controllers)"
  else
    controllers="$(awk '$3 == "cgroup" {print $4}' /proc/mounts | tr ',\n' '  ')"
  fi
  missing=()
  for controller in cpu cpuset memory pids; do
    [[ " $controllers " == *" $controller "* ]] || missing+=("$controller")
  done
  ((${#missing[@]} == 0)) || lacks+=("cgroup controllers not available below /sys/fs/cgroup: ${missing[*]}")
  [[ -w "$(cgroup_hierarchies | head -1)" ]] || lacks+=("/sys/fs/cgroup is not writable (in a container: it must be privileged)")

  if ((${#lacks[@]})); then
    say "this machine can't run the kubelet:"
    printf '  - %s\n' "${lacks[@]}" >&2
    say "the tests without a cluster run with E2E=off"
    exit "$EXIT_MACHINE"
  fi
}

# overlayfs if it works on the file system of the state folder (it does not on another overlay), else plain copies.
choose_snapshotter() {
  local folder="$STATE/containerd/.overlay-check"
  mkdir -p "$folder/lower" "$folder/upper" "$folder/work" "$folder/merged"
  if unshare --mount --propagation private mount -t overlay overlay \
    -o "lowerdir=$folder/lower,upperdir=$folder/upper,workdir=$folder/work" "$folder/merged" 2>/dev/null; then
    echo overlayfs
  else
    echo native
  fi
  rm -rf "$folder"
}

# May processes lower their OOM score? (Without CAP_SYS_RESOURCE runc would fail to start every sandbox.)
may_lower_oom_score() { (echo -999 >/proc/self/oom_score_adj) 2>/dev/null; }

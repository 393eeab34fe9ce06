# The cluster's cgroups: /KEY in every hierarchy, with `components` (the cluster's processes) and `kubepods` (the
# kubelet's). Every process of the cluster starts in one of them, including shims and containers, so `down` finds all of
# them. Works on cgroup v2, and on v1 with any set of mounted controllers. Source common.sh first; KEY is set by the
# caller.
# shellcheck shell=bash

cgroup_v2() { [[ "$(stat -f -c %T /sys/fs/cgroup)" == cgroup2fs ]]; }

# The mount points, one per line. A v2 hierarchy without controllers may exist beside those of v1; runc uses it too.
cgroup_hierarchies() {
  if cgroup_v2; then
    echo /sys/fs/cgroup
  else
    awk '$3 ~ /^cgroup2?$/ {print $2}' /proc/mounts | sort -u
  fi
}

make_cgroups() {
  local hierarchy
  while read -r hierarchy; do
    mkdir -p "$hierarchy/$KEY/components"
    if cgroup_v2; then
      delegate_controllers "$hierarchy"
      delegate_controllers "$hierarchy/$KEY"
    elif [[ -e "$hierarchy/cpuset.cpus" ]]; then
      copy_cpuset "$hierarchy" "$hierarchy/$KEY"
      copy_cpuset "$hierarchy/$KEY" "$hierarchy/$KEY/components"
    fi
  done < <(cgroup_hierarchies)
}

delegate_controllers() {
  local controller enabled
  enabled=" $(cat "$1/cgroup.subtree_control") "
  for controller in $(cat "$1/cgroup.controllers"); do
    [[ "$enabled" == *" $controller "* ]] || (echo "+$controller" >"$1/cgroup.subtree_control") 2>/dev/null || true
  done
  enabled=" $(cat "$1/cgroup.subtree_control") "
  for controller in cpu cpuset memory pids; do
    if [[ "$enabled" != *" $controller "* ]]; then
      say "the cgroup controller $controller can't be delegated below $1. In a container: processes in its root cgroup" \
        "forbid it; move them into a child first (mkdir $1/init; for p in \$(cat $1/cgroup.procs); do echo \$p > $1/init/cgroup.procs; done)"
      exit "$EXIT_MACHINE"
    fi
  done
}

# On v1 a new cpuset is empty, and no process can join it.
copy_cpuset() {
  local file
  for file in cpuset.cpus cpuset.mems; do
    [[ -n "$(cat "$2/$file")" ]] || cat "$1/$file" >"$2/$file"
  done
}

component_cgroups() { cgroup_hierarchies | sed "s|\$|/$KEY/components|"; }

# cgroup_pids [BELOW]: every process below /KEY[/BELOW], listed once.
cgroup_pids() {
  local hierarchy
  while read -r hierarchy; do
    [[ ! -d "$hierarchy/$KEY${1:+/$1}" ]] ||
      find "$hierarchy/$KEY${1:+/$1}" -name cgroup.procs -exec cat {} + 2>/dev/null || true
  done < <(cgroup_hierarchies) | sort -un
}
cgroup_is_empty() { [[ -z "$(cgroup_pids "${1:-}")" ]]; }

# Sends SIGTERM to the first process of every container, like the kubelet.
terminate_containers() {
  local pid
  for pid in $(cgroup_pids kubepods); do
    # The last number of NSpid is the pid inside the innermost namespace.
    if grep -qE '^NSpid:.*\s1$' "/proc/$pid/status" 2>/dev/null; then kill -TERM "$pid" 2>/dev/null || true; fi
  done
}

# kill_cgroup [BELOW]: sends SIGKILL until no process is left.
kill_cgroup() {
  local below="${1:-}"
  wait_until 20 kill_cgroup_once "$below" || {
    say "processes that can't be killed:"
    ps -o pid,stat,wchan,args -p "$(cgroup_pids "$below" | paste -sd,)" >&2 || true
    return 1
  }
}
kill_cgroup_once() {
  local pids
  pids="$(cgroup_pids "$1")"
  [[ -n "$pids" ]] || return 0
  # shellcheck disable=SC2086
  kill -KILL $pids 2>/dev/null || true
  return 1
}

remove_cgroups() { wait_until 10 remove_cgroups_once; }
remove_cgroups_once() {
  local hierarchy left=0
  while read -r hierarchy; do
    [[ -d "$hierarchy/$KEY" ]] || continue
    find "$hierarchy/$KEY" -depth -type d -exec rmdir {} + 2>/dev/null || true
    [[ ! -d "$hierarchy/$KEY" ]] || left=1
  done < <(cgroup_hierarchies)
  return "$left"
}

#!/usr/bin/env bash
# Tests `make up CLUSTER=existing` on a foreign cluster, with a registry that it pushes to and the kubelet pulls from.
# Run it by hand: root, about 2 minutes if build/release and the cluster's programs are built. Last line: `N passed, …`.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
. "$ROOT/tests/chart/lib.bash"
VBRAIN_CACHE="${VBRAIN_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/vbrain}"
WORK="$(mktemp -d "${TMPDIR:-/tmp}/vbrain-existing.XXXXXX")"
NAME="vbx$(printf '%s' "$WORK" | sha256sum | cut -c1-6)"
NAMESPACE=team
REGISTRY_PID=""
CLUSTER_ARGUMENTS=(--state "$WORK/cluster" --name "$NAME")

leave() {
  local status=$?
  trap - EXIT
  VBRAIN_LOCAL="$WORK/local" "$ROOT/scripts/existing.sh" down >/dev/null 2>&1 || true
  if [[ -n "$REGISTRY_PID" ]]; then kill "$REGISTRY_PID" 2>/dev/null || true; fi
  "$ROOT/cluster/cluster.sh" down "${CLUSTER_ARGUMENTS[@]}" >/dev/null 2>&1 || true
  if ((FAILED == 0)); then rm -rf --one-file-system "$WORK"; else printf 'logs: %s\n' "$WORK/local/logs"; fi
  exit "$status"
}
trap leave EXIT
trap 'exit 130' INT TERM

need() { # a precondition of the test
  local what="$1"
  shift
  "$@" >"$WORK/need.log" 2>&1 || { tail -n 20 "$WORK/need.log"; fail "$what"; finish; exit 1; }
}

# Debian's registry, unpacked and not installed, so that no service of this machine changes.
registry_program() {
  local folder="$VBRAIN_CACHE/docker-registry"
  if [[ ! -x "$folder/usr/bin/docker-registry" ]]; then
    mkdir -p "$folder"
    (cd "$WORK" && apt-get -q download docker-registry && dpkg -x docker-registry_*.deb "$folder")
  fi
}

# One address for this machine, which pushes, and for the node, which pulls: a port of 127.0.0.1 in both networks.
start_registry() {
  local port
  port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
  REGISTRY="127.0.0.1:$port"
  printf '{version: "0.1", storage: {filesystem: {rootdirectory: %s}}, http: {addr: "%s"}}\n' "$WORK/registry" "$REGISTRY" >"$WORK/registry.yaml"
  "$ROOT/cluster/cluster.sh" exec "${CLUSTER_ARGUMENTS[@]}" -- "$VBRAIN_CACHE/docker-registry/usr/bin/docker-registry" serve "$WORK/registry.yaml" \
    >"$WORK/registry.log" 2>&1 &
  REGISTRY_PID=$!
  "$ROOT/cluster/cluster.sh" forward "${CLUSTER_ARGUMENTS[@]}" "$REGISTRY" "$REGISTRY" >/dev/null 2>&1
  local deadline=$((SECONDS + 20))
  until curl -sf "http://$REGISTRY/v2/" >/dev/null; do ((SECONDS < deadline)) || return 1; done
}

make_claim() {
  install -d -m 2770 -g 2000 "$WORK/files"
  "$KUBECTL" create namespace "$NAMESPACE"
  "$KUBECTL" apply -f - <<YAML
apiVersion: v1
kind: PersistentVolume
metadata: {name: files}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteMany]
  storageClassName: ""
  hostPath: {path: $WORK/files}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: shared, namespace: $NAMESPACE}
spec: {accessModes: [ReadWriteMany], storageClassName: "", volumeName: files, resources: {requests: {storage: 1Gi}}}
YAML
}

# up [NAME=VALUE]...: the command that users type; sets $said to its output and $status to its status.
up() {
  status=0
  said="$(env KUBECONFIG="$WORK/cluster/host.kubeconfig" VBRAIN_LOCAL="$WORK/local" VBRAIN_NAMESPACE="$NAMESPACE" "$@" \
    make -s -C "$ROOT" up CLUSTER=existing 2>&1)" || status=$?
}
refused() { # refused WHAT PATTERN [NAME=VALUE]...
  local what="$1" pattern="$2"
  shift 2
  up "$@"
  expect_match "$what is refused, with what to do" "$pattern" "$([[ "$status" == 0 ]] && echo accepted || echo "$said")"
  expect "$what leaves nothing behind" "" "$(ls "$WORK/local/existing" 2>/dev/null)$("$KUBECTL" get crd -o name)"
}
revision() { helm list -n "$NAMESPACE" -o json | python3 -c 'import json, sys; print(*(r["revision"] for r in json.load(sys.stdin)))'; }
helm() { "$HELM" "$@"; }
pods() { k get pods -l 'app.kubernetes.io/component in (api-server,controller)' -o jsonpath='{.items[*].metadata.name}'; }

KUBECTL="$("$ROOT/cluster/build.sh" --path kubectl)"
HELM="$("$ROOT/cluster/build.sh" --path helm)"
need "the cluster's programs are built" "$ROOT/cluster/build.sh" all
need "a cluster" "$ROOT/cluster/cluster.sh" up "${CLUSTER_ARGUMENTS[@]}" --no-fsync
export KUBECONFIG="$WORK/cluster/host.kubeconfig"
need "Debian's registry" registry_program
start_registry || { tail "$WORK/registry.log"; fail "the registry answers"; finish; exit 1; }
need "a claim" make_claim

refused "no registry" "IMAGE_REGISTRY=host"
refused "a registry with a scheme" "is not host" IMAGE_REGISTRY="https://$REGISTRY"
refused "no volume" "VOLUME_CLAIM=.* or STORAGE_CLASS=.*no storage class" IMAGE_REGISTRY="$REGISTRY/a"
refused "a claim that is not there" "namespace team has no such PersistentVolumeClaim" IMAGE_REGISTRY="$REGISTRY/a" VOLUME_CLAIM=other
refused "a class that is not there" "STORAGE_CLASS=fast: the cluster has" IMAGE_REGISTRY="$REGISTRY/a" STORAGE_CLASS=fast

up IMAGE_REGISTRY="$REGISTRY/a/b" VOLUME_CLAIM=shared
expect "it installs and runs a job" 0 "$status"
expect_match "the job's result is shown" '"output":200' "$(tr -d ' ' <<<"$said")"
((status == 0)) || { tail -n 40 <<<"$said"; finish; exit 1; }
images="$(k get pods -o jsonpath='{.items[*].spec.containers[*].image}')"
expect "every pod's image comes from the registry" "" "$(tr ' ' '\n' <<<"$images" | grep -v "^$REGISTRY/a/b/vbrain/" || true)"
job="$(k get vjob -o name)"
before="$(revision) $(pods)"

up
expect "again, without the answers" 0 "$status"
expect "nothing was upgraded, no pod was replaced" "$before" "$(revision) $(pods)"

status=0
said="$(VBRAIN_LOCAL="$WORK/local" make -s -C "$ROOT" status 2>&1)" || status=$?
expect_match "make status says where it is and that it answers" "namespace team.*REST +http://127[0-9.:]+ +answers" "$status $(tr '\n' ' ' <<<"$said")"
k delete pod -l app.kubernetes.io/component=api-server >/dev/null
k rollout status deployment/vbrain-api-server >/dev/null
said="$(VBRAIN_LOCAL="$WORK/local" make -s -C "$ROOT" demo 2>&1)" || true
expect_match "make demo opens the REST port again after its pod is gone" '"output":200' "$(tr -d ' ' <<<"$said")"

KUBECONFIG=/nonexistent VBRAIN_LOCAL="$WORK/local" make -s -C "$ROOT" down >/dev/null
expect "make down takes the release away, whatever the context is now" "" "$(revision)$(k get deployment,service -o name)"
expect "and keeps the rest" "$job namespace/team persistentvolumeclaim/shared 3" \
  "$(k get vjob -o name | head -n 1) $("$KUBECTL" get namespace team -o name) $(k get pvc -o name) $("$KUBECTL" get crd -o name | wc -l)"

up
expect "it comes back over what stayed" "0 yes" "$status $(k get "$job" >/dev/null && echo yes)"

VBRAIN_LOCAL="$WORK/local" make -s -C "$ROOT" purge >"$WORK/purge.log" 2>&1 || { tail "$WORK/purge.log"; fail "make purge"; }
expect "make purge takes away what was made" "" "$(revision)$("$KUBECTL" get crd -o name)$(ls "$WORK/local/existing" 2>/dev/null)"
expect "and nothing else" "namespace/team persistentvolumeclaim/shared" "$("$KUBECTL" get namespace team -o name) $(k get pvc -o name)"
finish

#!/usr/bin/env bash
# Tests the local cluster itself, on clusters of its own (about three minutes; root). Not part of `make test`, whose
# suites fail in any case if the cluster does not work. Run it after changes of cluster/ or scripts/images/.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
BASE="$(mktemp -d)"
# A long path of the state folder, because a socket's path has at most 107 bytes.
DEEP="$BASE/a-state-folder/whose-path-is-longer/than-any-socket-address-may-be/$(printf 'x%.0s' {1..60})"
A="t$$a" B="t$$b"
CLUSTER="$ROOT/cluster/cluster.sh"
PASSED=0 FAILED=0

a() { "$CLUSTER" "$1" --state "$DEEP/a" --name "$A" "${@:2}"; }
b() { "$CLUSTER" "$1" --state "$BASE/b" --name "$B" "${@:2}"; }
kubectl_a() { a exec -- kubectl "$@"; }
cleanup() {
  a down >"$BASE/down.log" 2>&1 || cat "$BASE/down.log"
  b down >"$BASE/down.log" 2>&1 || cat "$BASE/down.log"
  rm -rf --one-file-system "$BASE"
  echo "$PASSED passed, $FAILED failed"
  ((FAILED == 0))
}
trap cleanup EXIT
trap 'exit 1' INT TERM

check() { # check WHAT COMMAND...
  local what="$1" output
  shift
  if output="$("$@" 2>&1)"; then
    PASSED=$((PASSED + 1))
    echo "ok    $what"
  else
    FAILED=$((FAILED + 1))
    printf 'FAILED  %s\n%s\n' "$what" "$output" | head -n 25
  fi
}
check_output() { # check_output WHAT PATTERN COMMAND...
  local what="$1" pattern="$2"
  shift 2
  # shellcheck disable=SC2016
  check "$what" bash -c 'out="$("${@:2}" 2>&1)" || true; grep -qE "$1" <<<"$out" || { echo "$out"; exit 1; }' check "$pattern" "$@"
}
export -f a b kubectl_a
export CLUSTER DEEP BASE A B

left_over() { # everything on the machine that mentions the cluster
  local name="$1"
  ps -eo args | grep -F -e "vbrain-$name" -e "$2" | grep -v -e grep -e cluster_test || true
  grep -F -e "vbrain-$name" -e "/run/netns/$name" /proc/self/mounts || true
  ip netns | grep -w "$name" || true
  ls -d "/run/vbrain-$name" 2>/dev/null || true
  find /sys/fs/cgroup -maxdepth 2 -name "vbrain-$name" || true
}
nothing_left() {
  local left
  left="$(left_over "$@")"
  [[ -z "$left" ]] || { echo "$left"; return 1; }
}
pids() { cat "$DEEP"/a/run/*.pid; }

echo "# up, twice"
check "up" a up
before="$(pids)"
started="$EPOCHREALTIME"
check "second up" a up
((${EPOCHREALTIME/./} - ${started/./} < 2000000)) || { FAILED=$((FAILED + 1)); echo "FAILED  second up takes 2 s or more"; }
check "second up changes nothing" test "$before" == "$(pids)"
check "status" a status
check_output "a cluster that is not there has no status" "not ready" "$CLUSTER" status --state "$BASE/none" --name none

echo "# images and pods under Pod Security restricted"
. "$ROOT/scripts/images/root_tree.sh"
fail() { echo "$*"; exit 1; }
new_root "$BASE/curl-root"
add_program "$BASE/curl-root" /usr/bin/curl /usr/bin/curl
"$ROOT/scripts/images/oci_image.py" --name vbrain/curl:t --out "$BASE/curl.tar" --layer "$BASE/curl-root" 2>/dev/null
"$ROOT/scripts/images/build.sh" --only tutorial --out "$BASE/images" --version t 2>/dev/null
check "load" a load "$BASE/images/tutorial.tar" "$BASE/curl.tar"
check_output "load again does nothing" "already loaded" a load "$BASE/images/tutorial.tar"
volume="$DEEP/a/volume"
mkdir -p "$volume/bin" "$volume/input" "$volume/logs"
printf '{"a": 6, "b": 7}\n' >"$volume/input/params.json"
chown -R 65532:2000 "$volume"
kubectl_a apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Namespace
metadata: {name: work, labels: {pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: shared}
spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteMany], storageClassName: none, persistentVolumeReclaimPolicy: Retain, hostPath: {path: $volume}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: shared, namespace: work}
spec: {accessModes: [ReadWriteMany], storageClassName: none, volumeName: shared, resources: {requests: {storage: 1Gi}}}
YAML
check "the default ServiceAccount comes" bash -c 'for i in {1..50}; do kubectl_a -n work get sa default && exit; sleep 0.2; done; exit 1'
pod() { # pod NAME IMAGE TOKEN COMMAND-JSON: restricted, read-only root, folders of the shared volume
  kubectl_a apply -f - <<YAML
apiVersion: v1
kind: Pod
metadata: {name: $1, namespace: work, labels: {app: $1}}
spec:
  restartPolicy: Never
  automountServiceAccountToken: $3
  enableServiceLinks: false
  terminationGracePeriodSeconds: 2
  securityContext: {runAsNonRoot: true, supplementalGroups: [2000], seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: main
    image: $2
    imagePullPolicy: IfNotPresent
    command: $4
    resources: {limits: {memory: 64Mi, cpu: 500m}}
    securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
    volumeMounts:
    - {name: shared, mountPath: /input, subPath: input, readOnly: true}
    - {name: shared, mountPath: /logs, subPath: logs}
  volumes: [{name: shared, persistentVolumeClaim: {claimName: shared}}]
YAML
}
cat >"$BASE/job.py" <<'PY'
import json, os, csv, zipfile, sys
params = json.load(open("/input/params.json"))
open("/logs/result", "w").write(str(params["a"] * params["b"]))
for path in ("/input/x", "/x"):
    try:
        open(path, "w")
        sys.exit(path + " is writable")
    except OSError as error:
        print(error.strerror)
open("/dev/termination-log", "w").write(json.dumps({"uid": os.getuid(), "pid": os.getpid()}))
PY
pod job vbrain/tutorial:t false "$(jq -nc --rawfile code "$BASE/job.py" '["python3", "-c", $code]')" >/dev/null
check "a restricted pod ends well" kubectl_a -n work wait pod/job --for=jsonpath='{.status.phase}'=Succeeded --timeout=60s
check_output "its termination message arrives" '"uid": 65532, "pid": 1' kubectl_a -n work get pod job -o jsonpath='{.status.containerStatuses[0].state.terminated.message}'
check "what it wrote is on the volume" grep -qx 42 "$volume/logs/result"
check_output "kubectl logs" "Read-only file system" kubectl_a -n work logs job
check_output "hostPath in a pod is refused" 'restricted volume types|violates PodSecurity' kubectl_a -n work run bad --image=x --overrides='{"spec":{"volumes":[{"name":"h","hostPath":{"path":"/"}}]}}'

echo "# services, API server, name look-ups"
pod web vbrain/tutorial:t false '["python3", "-m", "http.server", "8000", "--directory", "/input"]' >/dev/null
kubectl_a -n work expose pod web --port=80 --target-port=8000 >/dev/null
check "a server is ready" kubectl_a -n work wait pod/web --for=condition=Ready --timeout=60s
check_output "kubectl exec" "^65532$" kubectl_a -n work exec web -- python3 -c 'import os; print(os.getuid())'
address="$(kubectl_a -n work get service web -o jsonpath='{.spec.clusterIP}')"
pod client vbrain/curl:t true "[curl, -sS, --retry, \"20\", --retry-connrefused, --retry-delay, \"1\", \"http://$address/params.json\"]" >/dev/null
check "a client ends" kubectl_a -n work wait pod/client --for=jsonpath='{.status.phase}'=Succeeded --timeout=60s
check_output "pod to Service" '"a": 6' kubectl_a -n work logs client
pod api vbrain/curl:t true '[curl, -sS, --cacert, /var/run/secrets/kubernetes.io/serviceaccount/ca.crt, "https://10.96.0.1/version"]' >/dev/null
check "another client ends" kubectl_a -n work wait pod/api --for=jsonpath='{.status.phase}'=Succeeded --timeout=60s
check_output "pod to API server" 'v1\.34' kubectl_a -n work logs api
check_output "names are refused at once" "^quick$" kubectl_a -n work exec web -- python3 -c '
import socket, time
start = time.monotonic()
try:
    socket.getaddrinfo("example.com", 80)
except socket.gaierror:
    print("quick" if time.monotonic() - start < 2 else "slow")'
check "forward" a forward --address-file "$BASE/web.address" 127.0.0.1:0 "$address:80"
check_output "the host reaches a Service" '"b": 7' curl -sS --max-time 5 "http://$(cat "$BASE/web.address")/params.json"
KUBECTL="$("$ROOT/cluster/build.sh" --path kubectl)"
check_output "kubectl on the host" "node1 +Ready" "$KUBECTL" --kubeconfig "$DEEP/a/host.kubeconfig" get nodes

echo "# a second cluster beside it"
check "up" b up
check_output "it knows nothing of the first" "NotFound" b exec -- kubectl get namespace work
check "down" b down
check "nothing is left of it" nothing_left "$B" "$BASE/b"
check "the first one still works" kubectl_a -n work exec web -- python3 -c ''

echo "# names are machine-wide"
check_output "a name in use is refused" "is used by the cluster in" "$CLUSTER" up --state "$BASE/c" --name "$A"
check_output "another state folder can not stop it" "is used by the cluster in" "$CLUSTER" down --state "$BASE/c" --name "$A"
ip netns add "t$$c"
check_output "a foreign network namespace is refused" "belongs to no cluster" "$CLUSTER" up --state "$BASE/c" --name "t$$c"
check "and left alone" ip netns delete "t$$c"
check "a refused start leaves nothing" nothing_left "t$$c" "$BASE/c"
check "the first one still works" kubectl_a -n work exec web -- python3 -c ''

echo "# down and up keep the data"
check "down" a down
check "nothing is left" nothing_left "$A" "$DEEP/a"
check "down again" a down
check "up" a up
check_output "objects are kept" "Succeeded" kubectl_a -n work get pod job -o jsonpath='{.status.phase}'
check_output "images are kept" "already loaded" a load "$BASE/images/tutorial.tar"
pod after vbrain/tutorial:t false '["python3", "-c", "print(1)"]' >/dev/null
check "pods run" kubectl_a -n work wait pod/after --for=jsonpath='{.status.phase}'=Succeeded --timeout=60s

echo "# a restart of the machine: everything is gone at once, pid files are stale"
for _ in 1 2 3; do
  find /sys/fs/cgroup/*/"vbrain-$A" /sys/fs/cgroup/"vbrain-$A" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u | xargs -r kill -9 2>/dev/null || true
  sleep 0.3
done
ip netns delete "$A"
for file in "$DEEP"/a/run/*.pid; do echo "1 1 another-boot" >"$file"; done
check "up" a up
check_output "objects are kept" "Succeeded" kubectl_a -n work get pod job -o jsonpath='{.status.phase}'
kubectl_a -n work delete pod after >/dev/null
pod after vbrain/tutorial:t false '["python3", "-c", "print(1)"]' >/dev/null
check "pods run" kubectl_a -n work wait pod/after --for=jsonpath='{.status.phase}'=Succeeded --timeout=60s
check "down" a down
check "nothing is left" nothing_left "$A" "$DEEP/a"
check "process 1 of the machine was not taken for ours" kill -0 1

echo "# the state folder is removed under a running cluster"
check "up with an audit log and without fsync" b up --audit --no-fsync
check_output "requests are logged" '"kind":"Event"' cat "$BASE/b/audit.log"
rm -rf --one-file-system "$BASE/b" 2>/dev/null || true # the kubelet still writes at this time
check "down" b down
check "nothing is left" nothing_left "$B" "$BASE/b"

echo "# up interrupted (kill -9) at several moments"
for moment in 0.1 0.4 0.8 1.2 1.8 2.5 3.2; do
  setsid "$CLUSTER" up --state "$DEEP/a" --name "$A" >/dev/null 2>&1 &
  pid=$!
  sleep "$moment"
  kill -9 "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  check "down after $moment s" a down
  check "nothing is left after $moment s" nothing_left "$A" "$DEEP/a"
done

echo "# the forwarder alone"
check "its unit tests" bash -c 'cd "$1/cluster/forward" && GOTOOLCHAIN=local "$("$1/cluster/go.sh")" test .' check "$ROOT"

echo "# what the machine lacks"
check_output "without root: exit 3 and why" "needs root.*rc=3" bash -c \
  'setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/nonexistent VBRAIN_CACHE="$1" "$2" up --state /tmp/never-$$ --name never 2>&1 | tr "\n" " "; echo "rc=${PIPESTATUS[0]}"; rm -rf /tmp/never-$$' check "$BASE" "$CLUSTER"

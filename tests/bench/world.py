"""The machine of the benchmark: a real etcd, kube-apiserver and scheduler, and kwok as the node."""

import ctypes
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from kube_api import GROUP, KubeApi  # noqa: E402
from platform_client import wait_until  # noqa: E402

CLUSTER = ROOT / "cluster"
NODE = "bench-node"
CLAIM = "vbrain"
NODE_PROGRAMS = ("kube-scheduler", "kwok")
PR_SET_PDEATHSIG = 1  # linux/prctl.h
LIBC = ctypes.CDLL(None)

# The end of a container as the kubelet writes it, with the report of the runner (docs/interfaces.md). A batch Job's pod
# gets the same, so that all pods cost the same.
REPORT = json.dumps({"format": 1, "outcome": "ok", "exitCode": 0, "signal": 0, "outputBytes": 22,
                     "outputSha256": "8739c76e681f900923b900c9df0ef75cf421d39cabb54650c4b9ad19b6a76d85", "logBytes": 0,
                     "resultBytes": 0, "durationMs": 3, "message": ""}, separators=(",", ":"))
KWOK = f"""
apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
metadata: {{name: kwok}}
options: {{manageAllNodes: true, podPlayStageParallelism: 16, nodePlayStageParallelism: 4, nodeLeaseParallelism: 4}}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {{name: pod-succeeds}}
spec:
  resourceRef: {{apiGroup: v1, kind: Pod}}
  selector:
    matchExpressions:
      - {{key: .metadata.deletionTimestamp, operator: DoesNotExist}}
      - {{key: .metadata.labels.stays, operator: DoesNotExist}}
      - {{key: .status.phase, operator: In, values: [Pending]}}
  next:
    statusTemplate: |
      {{{{ $now := Now }}}}
      phase: Succeeded
      startTime: {{{{ $now | Quote }}}}
      containerStatuses:
      {{{{ range .spec.containers }}}}
      - name: {{{{ .name | Quote }}}}
        image: {{{{ .image | Quote }}}}
        ready: false
        restartCount: 0
        started: false
        state:
          terminated:
            exitCode: 0
            reason: Completed
            startedAt: {{{{ $now | Quote }}}}
            finishedAt: {{{{ $now | Quote }}}}
            message: '{REPORT}'
      {{{{ end }}}}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {{name: pod-deleted}}
spec:
  resourceRef: {{apiGroup: v1, kind: Pod}}
  selector:
    matchExpressions:
      - {{key: .metadata.deletionTimestamp, operator: Exists}}
  next: {{delete: true}}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {{name: node-ready}}
spec:
  resourceRef: {{apiGroup: v1, kind: Node}}
  selector:
    matchExpressions:
      - {{key: '.status.conditions.[] | select( .type == "Ready" ) | .status', operator: NotIn, values: ["True"]}}
  next:
    statusTemplate: |
      {{{{ $now := Now }}}}
      conditions:
      {{{{ range NodeConditions }}}}
      - lastHeartbeatTime: {{{{ $now | Quote }}}}
        lastTransitionTime: {{{{ $now | Quote }}}}
        message: {{{{ .message | Quote }}}}
        reason: {{{{ .reason | Quote }}}}
        status: {{{{ .status | Quote }}}}
        type: {{{{ .type | Quote }}}}
      {{{{ end }}}}
      allocatable: {{cpu: "100000", memory: 100Ti, pods: "1000000"}}
      capacity: {{cpu: "100000", memory: 100Ti, pods: "1000000"}}
      phase: Running
"""


def end_with_the_benchmark():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def has_condition(thing, kind):
    """Whether an object's status has the condition with the value True. A new object may have null as its conditions."""
    conditions = thing.get("status", {}).get("conditions") or []
    return any(condition["type"] == kind and condition["status"] == "True" for condition in conditions)


def output_of(*command):
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


class World:
    """`programs` is the folder with our bin/ and bundle/, `state` a new folder on a disk (not tmpfs: fsync counts)."""

    def __init__(self, state, programs, fsync=True):
        self.state = state
        self.programs = programs
        self.fsync = fsync
        self.running = {}
        self.made = 0

    def build(self):
        """Builds what is not in the cache."""
        self.tools = Path(output_of(CLUSTER / "build.sh", "control-plane", "kube-scheduler", "kube-controller-manager", "kwok"))
        self.load_program = self.state / "load"
        environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off",
                       "GOFLAGS": "-mod=readonly -buildvcs=false"}
        subprocess.run([output_of(CLUSTER / "go.sh"), "build", "-trimpath", "-o", self.load_program, "."],
                       cwd=ROOT / "tests" / "bench" / "load", env=environment, check=True)

    def start(self):
        self.state.mkdir(parents=True, exist_ok=True)
        self.build()
        self.start_control_plane()
        self.kubeconfig = self.state / "admin.kubeconfig"
        self.kube = KubeApi(self.kubeconfig, "default")
        (self.state / "kwok.yaml").write_text(KWOK)
        self.start_node()
        self.add_node()
        for file in sorted((ROOT / "crds").glob("*.yaml")):
            self.add_definition(yaml.safe_load(file.read_text()))

    def start_control_plane(self, *options):
        options = [*options, *(["--fsync"] if self.fsync else [])]
        subprocess.run([CLUSTER / "control-plane.sh", "start", "--state", self.state, *options], check=True)

    def start_node(self):
        self.run("kube-scheduler", [self.tools / "kube-scheduler", f"--kubeconfig={self.kubeconfig}", "--leader-elect=false",
                                    "--kube-api-qps=2000", "--kube-api-burst=4000", "--secure-port=0"])
        self.run("kwok", [self.tools / "kwok", f"--kubeconfig={self.kubeconfig}", f"--config={self.state / 'kwok.yaml'}",
                          "--manage-all-nodes=true"])

    def restart_api_server(self, *options):
        """Starts the API server again, with other options, and the programs that would wait long before they connect again."""
        for name in NODE_PROGRAMS:
            self.stop_program(name)
        subprocess.run([CLUSTER / "control-plane.sh", "stop-apiserver", "--state", self.state], check=True)
        (self.state / "options.env").unlink()  # of the last start
        self.start_control_plane(*options)
        self.start_node()

    def recover(self):
        """Ends what a part that failed has left, and starts again what died."""
        for name in list(self.running):
            self.stop_program(name)
        self.start_control_plane()
        self.start_node()

    def curl_identity(self):
        """Options of curl for a request to the API server, which indents its answers for curl's own user agent."""
        pki = self.state / "pki"
        return ["--user-agent", "bench", "--noproxy", "*", "--cacert", pki / "ca.crt", "--cert", pki / "admin.crt", "--key", pki / "admin.key"]

    def etcd_address(self):
        ports = dict(line.split("=", 1) for line in (self.state / "ports.env").read_text().splitlines() if "=" in line)
        return f"http://127.0.0.1:{ports['ETCD_PORT'].strip()}"

    def add_node(self):
        self.kube.create("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}})
        path = f"/api/v1/nodes/{NODE}"
        wait_until("the node is ready", lambda: has_condition(self.kube.get(path), "Ready"))
        # There is no node lifecycle controller to remove the taint.
        self.kube.merge(path, {"spec": {"taints": None}})

    def add_definition(self, definition):
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        self.kube.create(path, definition)
        name = definition["metadata"]["name"]
        wait_until(f"{name} is served", lambda: has_condition(self.kube.get(f"{path}/{name}"), "Established"))
        plural = definition["spec"]["names"]["plural"]
        wait_until(f"{plural} can be listed", lambda: self.kube.request("GET", f"{GROUP}/{plural}").status_code == 200)

    def new_namespace(self, prefix):
        """A namespace with a bound claim, as its volume controller would have bound it."""
        self.made += 1
        name = f"{prefix}-{self.made}"
        self.kube.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        claims = f"/api/v1/namespaces/{name}/persistentvolumeclaims"
        spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Ti"}}, "storageClassName": "",
                "volumeName": name}
        claim = self.kube.create(claims, {"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                                          "metadata": {"name": CLAIM, "annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
                                          "spec": spec})
        self.kube.create("/api/v1/persistentvolumes", {
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
            "spec": {"accessModes": ["ReadWriteMany"], "capacity": {"storage": "1Ti"}, "hostPath": {"path": "/nowhere"},
                     "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": name, "name": CLAIM,
                                  "uid": claim["metadata"]["uid"]}}})
        capacity = {"accessModes": ["ReadWriteMany"], "capacity": {"storage": "1Ti"}}
        self.kube.merge(f"{claims}/{CLAIM}/status", {"status": {"phase": "Bound", **capacity}})
        self.kube.merge(f"/api/v1/persistentvolumes/{name}/status", {"status": {"phase": "Bound"}})
        return name

    def run(self, name, command, **environment):
        """Starts a program; its log is NAME.log in the state folder."""
        with (self.state / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                                  env={**os.environ, **environment}, preexec_fn=end_with_the_benchmark)
        return self.running[name]

    def stop_program(self, name):
        process = self.running.pop(name)
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def pids(self):
        """Processes of the control plane and the programs that run."""
        found = {name: int((self.state / "run" / f"{name}.pid").read_text().split()[0]) for name in ("etcd", "kube-apiserver")}
        for name, process in self.running.items():
            if process.poll() is not None:
                raise AssertionError(f"{name} ended with {process.returncode}: see {self.state / name}.log")
            found[name] = process.pid
        return found

    def load(self, command, *flags):
        """Runs the load program and returns what it prints."""
        done = subprocess.run([str(part) for part in (self.load_program, command, *flags)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return json.loads(done.stdout)

    def stop(self):
        for name in list(self.running):
            self.stop_program(name)
        if (self.state / "run").exists():
            subprocess.run([CLUSTER / "control-plane.sh", "stop", "--state", self.state], check=False)

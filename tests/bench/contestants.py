"""Who runs the jobs. Each contestant gets a namespace of its own; its programs run only while it is measured."""

import copy
import json
import os

from world import CLAIM

IMAGE = "registry.example.com/bench:1"
APPLICATION = {
    "apiVersion": "vbrain.visagio.com/v1", "kind": "Application", "metadata": {"name": "bench"},
    "spec": {"applicationId": "Bench", "organizations": ["*"], "template": {"spec": {"containers": [
        {"name": "main", "image": IMAGE, "command": ["/opt/work"],
         "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "64Mi", "cpu": "1"}}}]}}}}
TENANT = {"organizationId": "acme", "applicationId": "Bench", "clientId": "north"}
CLIENT = {"apiVersion": "vbrain.visagio.com/v1", "kind": "Client", "metadata": {"name": "bench"}, "spec": {**TENANT, "members": []}}
JOB = {"apiVersion": "vbrain.visagio.com/v1", "kind": "Job",
       "metadata": {"name": "NAME", "finalizers": ["vbrain.visagio.com/artifacts"]},
       "spec": {**TENANT, "username": "ana", "params": {"a": 10, "b": 20}}}
SMALL_POD = {"restartPolicy": "Never", "containers": [
    {"name": "main", "image": IMAGE, "command": ["/opt/work"], "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}}}]}
LIFTED = ("--kube-api-qps=2000", "--kube-api-burst=4000", "--concurrent-job-syncs=32")


class Contestant:
    """`kind`: how the load program recognises an end. `agent`: how the audit log shows the controller."""

    name = title = kind = program = agent = ""

    def __init__(self, world):
        self.world = world

    def start(self):
        """Begins a round."""
        self.namespace = self.world.new_namespace(self.name)
        self.template = self.world.state / f"{self.namespace}.json"
        self.template.write_text(json.dumps(self.body()))
        self.launch()

    def launch(self):
        pass

    def run(self, jobs, connections, *flags):
        """Creates jobs and waits until all have ended."""
        result = self.world.load("objects", "--kubeconfig", self.world.kubeconfig, "--path", self.path(), "--kind", self.kind,
                                 "--template", self.template, "--count", jobs, "--connections", connections, *flags)
        if result["done"] != jobs or result["failed"]:
            raise AssertionError(f"{self.name}: {result['done']} of {jobs} jobs ended in time, {result['failed']} failed")
        return result

    def stop(self):
        if self.program:
            self.world.stop_program(self.program)


class Ours(Contestant):
    """vBrain's controller, Jobs created as custom resources. The first pod that it makes is the model for the others."""

    name, title, kind, program, agent = "ours", "vBrain", "vbrain", "controller", "vbrain-controller"

    def __init__(self, world):
        super().__init__(world)
        self.pod = None

    def path(self):
        return f"/apis/vbrain.visagio.com/v1/namespaces/{self.namespace}/jobs"

    def body(self):
        return JOB

    def launch(self):
        self.make_resources([])
        self.make_volume()
        self.world.run("controller", [self.world.programs / "bin" / "controller", *self.flags()])

    def make_resources(self, members):
        base = f"/apis/vbrain.visagio.com/v1/namespaces/{self.namespace}"
        self.world.kube.create(f"{base}/applications", APPLICATION)
        self.world.kube.create(f"{base}/clients", {**CLIENT, "spec": {**CLIENT["spec"], "members": members}})

    def make_volume(self):
        # A new folder for each round, which stays until the benchmark ends: some file systems (ext4 without a journal) are slow
        # in making files for minutes after many were removed.
        self.volume = self.world.state / f"volume-{self.namespace}"
        self.volume.mkdir()
        if os.geteuid() == 0:
            os.chown(self.volume, 65532, 2000)
        self.volume.chmod(0o2770)

    def flags(self):
        return ["--kubeconfig", self.world.kubeconfig, "--namespace", self.namespace, "--volume", self.volume,
                "--metrics-listen", "127.0.0.1:0", "--volume-claim", CLAIM, "--runner-source", self.world.programs / "bundle",
                *([] if os.geteuid() == 0 else ["--volume-gid", os.getegid()])]

    def model_pod(self):
        """A pod as our controller made it, without what the API server adds for one pod."""
        if self.pod is None:
            pod = self.world.kube.get(f"/api/v1/namespaces/{self.namespace}/pods?limit=1")["items"][0]
            spec = pod["spec"]
            del spec["nodeName"]
            kept = {key: value for key, value in pod["metadata"].items() if key in ("labels", "annotations", "ownerReferences")}
            self.pod = {"metadata": kept, "spec": spec}
        return copy.deepcopy(self.pod)


class BatchJobs(Contestant):
    """The Job controller of Kubernetes. `flags`: its limits; `pod`: a function that returns the pod template."""

    kind, program, agent = "batch", "kube-controller-manager", "kube-controller-manager/"

    def __init__(self, world, name, title, flags=LIFTED, pod=None):
        super().__init__(world)
        self.name, self.title, self.flags, self.pod = name, title, flags, pod

    def path(self):
        return f"/apis/batch/v1/namespaces/{self.namespace}/jobs"

    def body(self):
        template = {"spec": SMALL_POD}
        if self.pod:
            template = self.pod()
            del template["metadata"]["ownerReferences"]  # the Job controller sets its own
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "NAME"},
                "spec": {"backoffLimit": 0, "template": template}}

    def launch(self):
        self.world.run("kube-controller-manager", [
            self.world.tools / "kube-controller-manager", f"--kubeconfig={self.world.kubeconfig}", "--leader-elect=false",
            "--controllers=job-controller", "--secure-port=0", *self.flags])


class BarePods(Contestant):
    """No controller at all: the ceiling of the control plane."""

    kind = "pod"

    def __init__(self, world, name, title, pod=None):
        super().__init__(world)
        self.name, self.title, self.pod = name, title, pod

    def path(self):
        return f"/api/v1/namespaces/{self.namespace}/pods"

    def body(self):
        pod = self.pod() if self.pod else {"metadata": {}, "spec": SMALL_POD}
        pod["metadata"]["name"] = "NAME"
        return {"apiVersion": "v1", "kind": "Pod", **pod}


def all_contestants(world):
    """In the order in which they run. Ours comes first, because its pod is the model."""
    ours = Ours(world)
    return [ours,
            BatchJobs(world, "batch-small", "Job controller (batch/v1, limits lifted, small pods)"),
            BatchJobs(world, "batch-ours", "Job controller (batch/v1, limits lifted, pods of our spec)", pod=ours.model_pod),
            BarePods(world, "pods-ours", "bare pods (our spec, no controller)", pod=ours.model_pod),
            BarePods(world, "pods-small", "bare pods (small, no controller)"),
            BatchJobs(world, "batch-default", "Job controller (batch/v1, default flags, small pods)", flags=())]

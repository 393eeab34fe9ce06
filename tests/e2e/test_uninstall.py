"""The namespace, the definitions and the release are deleted, in every order: nothing hangs, and the files stay."""

import json
import os
import subprocess
import uuid
from pathlib import Path

import pytest
from platform_client import Platform, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
CHART = ROOT / "helm" / "vbrain"
DEFINITIONS = ["jobs", "applications", "clients"]
FINALIZER = "vbrain.visagio.com/artifacts"
PURGE = "vbrain.visagio.com/purge"
PATIENCE = 120


class Installation:
    """A release of its own in a namespace of its own, with Jobs that wait, Jobs that have ended and left files, and a Client whose
    deletion would purge these files: an uninstallation is none."""

    def __init__(self, description):
        self.namespace = f"uninstall-{uuid.uuid4().hex[:6]}"
        self.volume = Path(description["state"]) / self.namespace
        self.platform = Platform({**description, "namespace": self.namespace, "volume": str(self.volume)})
        self.volume.mkdir()
        subprocess.run(["chown", "65532:2000", self.volume], check=True)
        self.volume.chmod(0o2770)
        self.kubectl("apply", "-f", str(ROOT / "crds"))
        for definition in DEFINITIONS:
            self.kubectl("wait", "--for=condition=Established", f"crd/{definition}.vbrain.visagio.com", "--timeout=60s")
        self.kubectl("create", "namespace", self.namespace)
        tag = description["tag"]
        self.platform.helm("install", "vbrain", str(CHART), "--wait", "--timeout", "3m", "--set", ",".join([
            "crds.install=false", "apiServer.replicas=0", "controller.replicas=2", f"apiServer.image.tag={tag}",
            f"controller.image.tag={tag}", f"volume.hostPath.path={self.volume}"]))
        self.make_client()
        self.make_jobs(suspend=True)
        self.ended = self.make_jobs(cancel=True)
        wait_until("the ended jobs are on the volume", lambda: len(self.records()) == len(self.ended))
        wait_until("all Jobs have the finalizer", lambda: all(
            FINALIZER in job["metadata"].get("finalizers", []) for job in self.jobs()))

    def kubectl(self, *arguments, check=True):
        return self.platform.kubectl(*arguments, check=check)

    def make_client(self):
        client = {"apiVersion": "vbrain.visagio.com/v1", "kind": "Client",
                  "metadata": {"name": "north", "annotations": {PURGE: "confirm"}},
                  "spec": {"organizationId": "acme", "applicationId": "None", "clientId": "north", "members": []}}
        self.platform.kubectl("apply", "-f", "-", stdin=json.dumps(client))
        wait_until("the Client is held", lambda: PURGE in self.kubectl("get", "vclient", "north", "-o", "jsonpath={.metadata.finalizers}"))

    def make_jobs(self, **spec):
        names = [str(uuid.uuid4()) for _ in range(20)]
        items = [{"apiVersion": "vbrain.visagio.com/v1", "kind": "Job", "metadata": {"name": name},
                  "spec": {"organizationId": "acme", "applicationId": "None", "clientId": "north", "username": "ana", **spec}}
                 for name in names]
        self.platform.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        return names

    def jobs(self):
        return json.loads(self.kubectl("get", "vjob", "-o", "json"))["items"]

    def records(self):
        return {path.parent.name for path in self.volume.glob("tenants/*/*/*/jobs/*/status.json")}

    def delete(self, what):
        """Begins to delete it; nothing here waits for the end."""
        if what == "namespace":
            self.kubectl("delete", "namespace", self.namespace, "--wait=false")
        elif what == "definitions":
            self.kubectl("delete", "crd", *(f"{name}.vbrain.visagio.com" for name in DEFINITIONS), "--wait=false")
        else:  # in a namespace that is being deleted helm refuses to begin
            subprocess.run([self.platform.description["helm"], "--kubeconfig", self.platform.kubeconfig, "-n", self.namespace,
                            "uninstall", "vbrain", "--ignore-not-found", "--timeout", "2m"], capture_output=True, check=False)

    def is_gone(self, what):
        if what == "namespace":
            return not self.kubectl("get", "namespace", self.namespace, "--ignore-not-found", "-o", "name")
        if what == "definitions":
            return "jobs.vbrain.visagio.com" not in self.kubectl("get", "crd", "-o", "name")
        return not self.kubectl("get", "deployment", "-o", "name")


@pytest.fixture
def installation(platform):
    made = Installation(platform.description)
    yield made
    # What a failure has left must not hold the others up.
    for held in made.kubectl("get", "vjob,vclient", "-o", "name", check=False).split():
        made.kubectl("patch", held, "--type=merge", "-p", '{"metadata":{"finalizers":null}}', check=False)
    made.kubectl("delete", "namespace", made.namespace, "--ignore-not-found", "--wait=false")
    made.kubectl("delete", "pv", "-l", "app.kubernetes.io/instance=vbrain", "--wait=false", check=False)


# Whether each deletion is waited for before the next one begins, and what is deleted in which order.
ORDERS = [
    (True, ("namespace",)),
    (True, ("release", "namespace")),
    (True, ("definitions", "release", "namespace")),
    (False, ("release", "namespace")),
    (False, ("namespace", "release")),
    (False, ("definitions", "namespace")),
]
# Each takes the better part of a minute: these run with VBRAIN_ALL_ORDERS=1 only.
MORE_ORDERS = [
    (True, ("namespace", "release")),
    (True, ("definitions", "namespace")),
    (True, ("release", "definitions", "namespace")),
    (True, ("namespace", "definitions")),
    (False, ("definitions", "release", "namespace")),
    (False, ("release", "definitions", "namespace")),
    (False, ("namespace", "definitions")),
]


def case_of(one_by_one, order):
    return pytest.param(one_by_one, order, id=f"{' '.join(order)} {'one by one' if one_by_one else 'at once'}",
                        marks=pytest.mark.uninstall if "definitions" in order else pytest.mark.slow)


@pytest.mark.parametrize("one_by_one, order", [
    case_of(*case) for case in ORDERS + (MORE_ORDERS if os.environ.get("VBRAIN_ALL_ORDERS") else [])])
def test_every_order_ends_and_keeps_the_files(installation, order, one_by_one):
    for what in order:
        installation.delete(what)
        if one_by_one:
            wait_until(f"{what} is gone", lambda what=what: installation.is_gone(what), deadline=PATIENCE)
    for what in order:
        wait_until(f"{what} is gone", lambda what=what: installation.is_gone(what), deadline=PATIENCE)
    assert installation.records() == set(installation.ended)

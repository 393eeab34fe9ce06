"""Every shell block of docs/operations.md runs as it stands, on an installation that the page itself makes, upgrades, loses, restores
and removes. A block with a remark `not run by the tests` in the page is left out."""

import io
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml
from page_blocks import shell_blocks
from platform_client import Identity, Platform, Rest, wait_until
from tenants import Tenants, application

# It replaces the shared installation, and in the end removes the definitions.
pytestmark = pytest.mark.uninstall

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "operations.md"
PATIENCE = 400
REGISTRY = "registry.example.com/team"
# An installation as the page describes it needs these sections in this order. All other sections have their turn before the backup.
FIRST = ["Install", "Keys", "A second installation", "Upgrade", "Downgrade"]
LAST = ["Backup and restore", "Delete the namespace or the definitions", "Uninstall"]


class Operator:
    """A person with a shell in a clone of the repository, kubectl and helm."""

    def __init__(self, description, folder):
        self.description = description
        self.folder = folder
        self.ran = set()
        self.blocks = [block for block in shell_blocks(PAGE.read_text()) if not block.not_run]
        for name in ("crds", "examples"):
            (folder / name).symlink_to(ROOT / name)
        # A copy, because an upgrade brings a newer chart.
        shutil.copytree(ROOT / "helm", folder / "helm")
        self.environment = {**os.environ, "KUBECONFIG": description["kubeconfig"],
                            "PATH": f"{Path(description['kubectl']).parent}:{Path(description['helm']).parent}:{os.environ['PATH']}"}

    def sh(self, text, check=True):
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=self.folder, env=self.environment, capture_output=True,
                              text=True, timeout=PATIENCE, check=False)
        assert not check or done.returncode == 0, f"{text}\nexit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def run(self, section, number=None):
        """Runs the blocks of a section, or one of them. Returns what they print."""
        blocks = [block for block in self.blocks if block.section == section and number in (None, block.number)]
        assert blocks, f"docs/operations.md has no block {section} {number or ''}"
        self.ran |= {block.name for block in blocks}
        return "".join(self.sh(block.text) for block in blocks)

    def load_images(self):
        """Loads the programs under the names and versions that the page uses, as if the nodes had pulled them."""
        for program in ("api-server", "controller"):
            for version in ("0.1.0", "0.2.0"):
                file = self.folder / f"{program}-{version}.tar"
                rename_image(Path(self.description["images"]) / f"{program}.tar", file, f"{REGISTRY}/vbrain/{program}:{version}")
                done = subprocess.run([ROOT / "cluster" / "cluster.sh", "load", "--state", self.description["state"], "--name",
                                       self.description["name"], file], capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stdout + done.stderr

    def pull_newer_chart(self, version):
        """The chart of a later clone: its images have this version as tag."""
        chart = self.folder / "helm" / "vbrain" / "Chart.yaml"
        chart.write_text(yaml.safe_dump({**yaml.safe_load(chart.read_text()), "version": version, "appVersion": version}))

    def make_claim(self):
        """The claim `shared` of the page, over a folder that stays the same when the claim is made again."""
        volume = Path(self.description["state"]) / "operations"
        if not volume.exists():
            volume.mkdir()
            subprocess.run(["chown", "65532:2000", volume], check=True)
            volume.chmod(0o2770)
        common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
        objects = [{"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "operations"}, "spec": {
            **common, "capacity": {"storage": "1Gi"}, "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": str(volume)},
            "claimRef": {"namespace": "vbrain", "name": "shared"}}},
            {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "shared", "namespace": "vbrain"}, "spec": {
                **common, "volumeName": "operations", "resources": {"requests": {"storage": "1Gi"}}}}]
        (self.folder / "claim.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        self.sh("kubectl apply -f claim.json")

    def platform(self):
        address = self.sh("kubectl -n vbrain get service vbrain-api-server -o jsonpath='{.spec.clusterIP}'")
        return Platform({**self.description, "namespace": "vbrain", "volume": str(Path(self.description["state"]) / "operations"),
                         "apiServer": f"{address}:8080"})

    def rolled_out(self):
        for program in ("api-server", "controller"):
            self.sh(f"kubectl -n vbrain rollout status deployment/vbrain-{program} --timeout=3m")


def rename_image(source, target, name):
    """Copies an OCI layout tar, with another name of the image."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for member in old:
            content = old.extractfile(member)
            if member.name.removeprefix("./") == "index.json":
                index = json.load(content)
                index["manifests"][0]["annotations"]["io.containerd.image.name"] = name
                data = json.dumps(index).encode()
                member.size, content = len(data), io.BytesIO(data)
            new.addfile(member, content)


@pytest.fixture(scope="module")
def operator(tmp_path_factory):
    with open(os.environ["VBRAIN_E2E"], encoding="utf-8") as file:
        operator = Operator(json.load(file), tmp_path_factory.mktemp("operator"))
    operator.load_images()
    lose(operator)
    operator.sh("kubectl delete pv vbrain-vbrain-volume --ignore-not-found")
    return operator


def lose(operator):
    """The installation is gone, but for the files of its volume."""
    operator.sh("""helm -n vbrain uninstall vbrain --ignore-not-found --wait --timeout 3m
        kubectl delete crd {jobs,applications,clients,keys}.vbrain.visagio.com --ignore-not-found
        kubectl delete namespace vbrain --ignore-not-found
        kubectl delete pv operations --ignore-not-found""")


def lease_holder(operator):
    return operator.sh("kubectl -n vbrain get lease vbrain-controller -o jsonpath='{.spec.holderIdentity}'")


def install(operator):
    operator.run("Install", 2)  # the first one needs Docker
    operator.make_claim()
    operator.run("Install", 3)


def user_with_the_key_of(operator, printed):
    """A user of the Tutorial, with the key and the entry that the page's keygen printed."""
    platform = operator.platform()
    platform.apply(application("Tutorial", operator.description["tutorialImage"], ["python3", "/app/main.py"]))
    lines = printed.splitlines()
    key = next(line for line in lines if line.startswith("vb_"))
    entry = yaml.safe_load("\n".join(lines[next(i for i, line in enumerate(lines) if line.startswith("  - username")):]))[0]
    tenants = Tenants(platform)
    tenants.client("acme", "Tutorial", "north", [entry])
    rest = Rest(platform, Identity("ana", "acme", "Tutorial", "north", key))
    tenants.wait_for(rest)
    return rest


def tenant_that_leaves():
    """The Client that the section `Remove a tenant` removes."""
    return {"apiVersion": "vbrain.visagio.com/v1", "kind": "Client", "metadata": {"name": "acme-tutorial-south"},
            "spec": {"organizationId": "acme", "applicationId": "Tutorial", "clientId": "south"}}


def test_the_page_from_the_installation_to_the_end(operator):
    install(operator)
    operator.sh("helm -n vbrain test vbrain --timeout 2m")
    rest = user_with_the_key_of(operator, operator.run("Keys"))
    job = rest.start(params={"a": 6, "b": 7})
    assert rest.wait(job)["job_status"] == "finished"

    operator.run("A second installation")
    operator.pull_newer_chart("0.2.0")
    operator.run("Upgrade")
    operator.rolled_out()
    images = "kubectl -n vbrain get deployment vbrain-controller -o jsonpath='{.spec.template.spec.containers[0].image}'"
    assert operator.sh(images) == f"{REGISTRY}/vbrain/controller:0.2.0"
    operator.run("Downgrade")
    assert operator.sh(images) == f"{REGISTRY}/vbrain/controller:0.1.0"
    platform = operator.platform()
    platform.apply(tenant_that_leaves())
    for section in dict.fromkeys(block.section for block in operator.blocks):
        if section not in FIRST + LAST:
            printed = operator.run(section)
            assert section != "Health" or "ok" in printed, printed
            assert section != "Space" or "acme" in printed, printed

    # What belongs to the installation and is not on the volume.
    operator.sh("kubectl -n vbrain create secret generic registry-login --from-literal=password=secret")
    operator.sh("helm -n vbrain upgrade vbrain helm/vbrain --reset-then-reuse-values --set apiServer.maxUploads=7")
    operator.rolled_out()
    # A job that is accepted and has not run.
    operator.sh("kubectl -n vbrain scale deployment/vbrain-controller --replicas=0")
    wait_until("no controller leads", lambda: lease_holder(operator) == "")
    waiting = rest.start(params={"a": 2, "b": 3})
    operator.run("Backup and restore", 1)
    lose(operator)

    operator.run("Install", 2)
    operator.make_claim()
    operator.run("Backup and restore", 2)
    assert operator.sh("helm -n vbrain get values vbrain -o json | jq .apiServer.maxUploads").strip() == "7"
    assert operator.sh("kubectl -n vbrain get secret registry-login -o jsonpath='{.data.password}' | base64 -d") == "secret"
    rest = Rest(operator.platform(), rest.identity)
    Tenants(operator.platform()).wait_for(rest)
    assert rest.get(f"/job/{job}/result").json() == {"output": 42}
    wait_until("the job that had not run is there again", lambda: waiting in operator.run("Backup and restore", 3))
    assert rest.wait(waiting)["job_status"] == "finished"
    operator.run("Delete the namespace or the definitions")

    # An uninstall leaves a Lease that the next installation can take at once.
    operator.sh("helm -n vbrain uninstall vbrain --wait --timeout 3m")
    assert lease_holder(operator) == ""
    operator.run("Backup and restore", 2)
    Tenants(operator.platform()).wait_for(rest)
    operator.run("Uninstall")
    assert operator.sh("kubectl get crd -o name | grep vbrain.visagio.com || true") == ""
    assert operator.sh("kubectl get namespace vbrain --ignore-not-found -o name") == ""
    assert {block.name for block in operator.blocks} == operator.ran, "a block of the page has no place in this test"

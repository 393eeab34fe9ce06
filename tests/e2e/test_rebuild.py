"""The cluster is lost except for its volume: ended jobs are still served, others run to their end."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from platform_client import Platform, unzip, wait_until
from tenants import ABSENT_REPOSITORY, PROBE, Tenants, application

pytestmark = pytest.mark.rebuild

ROOT = Path(__file__).resolve().parent.parent.parent


class Cluster:
    """The test cluster, used from outside of its network."""

    def __init__(self, description):
        self.description = description
        self.state = Path(description["state"])
        self.arguments = ["--state", description["state"], "--name", description["name"]]

    def run(self, command, *more):
        done = subprocess.run([str(ROOT / command[0]), *command[1:], *self.arguments, *more], capture_output=True, text=True,
                              timeout=600, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"

    def forward(self, address):
        file = self.state / "e2e-forward.address"
        self.run(["cluster/cluster.sh", "forward"], "--address-file", str(file), "127.0.0.1:0", address)
        return file.read_text().strip()

    def platform(self, description):
        inside = Platform({**description, "kubeconfig": str(self.state / "host.kubeconfig")})
        service = inside.kube.get(inside.kube.core("services", "vbrain-api-server"))
        return Platform({**inside.description, "apiServer": self.forward(f"{service['spec']['clusterIP']}:8080")})

    def lose_all_but_the_volume(self):
        self.run(["cluster/cluster.sh", "down"])
        for entry in self.state.iterdir():
            if entry.name in ("volume", "logs"):
                continue
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()

    def build_again(self):
        self.run(["cluster/cluster.sh", "up"], "--audit", "--no-fsync")
        out = self.state / "rebuilt.json"
        # The settings of the first installation.
        self.run(["scripts/deploy.sh"], "--out", str(out), *os.environ["VBRAIN_E2E_SETTINGS"].split())
        return json.loads(out.read_text())


def wait_for_key(rest):
    """Each answer may come from another replica, and no answer says from which. So several equal answers in a row are needed."""
    wait_until("the key works", lambda: all(
        rest.execute(repository_id=ABSENT_REPOSITORY).status_code == 404 for _ in range(20)))


def test_the_cluster_is_rebuilt_over_the_same_volume():
    with open(os.environ["VBRAIN_E2E"], encoding="utf-8") as file:
        description = json.load(file)
    cluster = Cluster(description)
    platform = cluster.platform(description)
    tenants = Tenants(platform)
    tenants.wait_for = wait_for_key  # the pods' addresses are not reachable from here
    command = ["python3", "-c", PROBE]
    nowhere = {"nodeSelector": {"e2e": "no-such-node"}}
    # The local cluster stops its containers with SIGTERM, so the runner's record of that end decides.
    platform.apply(application("Survivor", platform.tutorial_image, command, backoffLimit=1),
                   application("Nowhere", platform.tutorial_image, command, pod=nowhere))
    rest, queue = tenants.make("Survivor", client="survivor"), tenants.make("Nowhere", client="survivor")
    applied = [platform.kube.get(platform.kube.ours(kind)) for kind in ("clients", "applications")]

    repository = rest.repository(params={"result": "3", "output": {"x": "y"}}, file=("x.csv", b"1"))
    ended = rest.start(repository_id=repository)
    failed = rest.start(repository_id=repository, params={"exit": 4})
    deleted = rest.start(repository_id=repository)
    for job in (ended, failed, deleted):
        rest.wait(job)
    assert rest.delete(f"/job/{deleted}").status_code == 200
    # The file that its application waits for exists when the cluster comes back.
    running_repository = rest.repository(params={"wait": True, "result": "4"})
    running = rest.start(repository_id=running_repository)
    wait_until("it runs", lambda: "started attempt 1" in rest.log(running))
    waiting = queue.start(params={"result": "5"})
    wait_until("its pod waits", lambda: platform.pods_of(waiting))
    for job in (ended, failed):
        wait_until("its record is on the volume", lambda: (platform.job_folder(job) / "status.json").exists())

    cluster.lose_all_but_the_volume()
    platform.release(running_repository)
    description = cluster.build_again()
    platform = cluster.platform(description)
    rest, queue = rest.at(platform.address), queue.at(platform.address)
    # The unschedulable application is restored without its node selector, before a pod is created from it.
    platform.apply(application("Nowhere", platform.tutorial_image, command))
    for listing in applied:
        for item in [item for item in listing["items"] if item["metadata"]["name"] != "nowhere"]:
            item["metadata"] = {"name": item["metadata"]["name"]}
            platform.apply({**item, "apiVersion": "vbrain.visagio.com/v1", "kind": listing["kind"].removesuffix("List")})
    for user in (rest, queue):
        wait_for_key(user)

    assert rest.get("/repository").json().count(repository) == 1
    assert unzip(rest.get(f"/repository/{repository}/input").content) == {"x.csv": b"1"}
    info = rest.get(f"/job/{ended}").json()
    assert (info["job_status"], info["reason"]) == ("finished", "Completed")
    assert rest.get(f"/job/{ended}/result").json() == {"output": 3}
    assert unzip(rest.get(f"/job/{ended}/output").content) == {"x": b"y"}
    assert "started attempt 1" in rest.log(ended)
    assert rest.get(f"/job/{failed}").json()["job_status"] == "failed"
    assert rest.get(f"/job/{deleted}").status_code == 404
    assert sorted(rest.get("/job", repository_id=repository).json()) == sorted([ended, failed])
    assert platform.find_job(ended) is None, "an ended job does not run again"

    for user, job, result in ((rest, running, 4), (queue, waiting, 5)):
        wait_until("the unfinished job is a Job again", lambda: platform.find_job(job))
        info = user.wait(job)
        assert info["job_status"] == "finished", info
        assert user.get(f"/job/{job}/result").json() == {"output": result}
    assert any(b"started attempt 1" in text for text in unzip(rest.get(f"/job/{running}/logs").content).values())
    assert rest.wait(rest.start(repository_id=repository))["job_status"] == "finished"

"""A node stops to answer, and its pods tolerate every taint: the node controller never deletes them, so the controller does."""

import threading
from contextlib import contextmanager
from datetime import datetime, timezone

import pytest
from platform_client import wait_until

pytestmark = pytest.mark.slow

NODES = "/api/v1/nodes"


def now():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Node:
    """A node without a kubelet: what a kubelet says is said here."""

    def __init__(self, world):
        self.kube = world.platform.kube
        self.name = f"lost-{world.platform.kube.namespace}"
        self.label = {"test/lost": self.name}
        self._stopped = threading.Event()

    def __enter__(self):
        # No other pod has a place on it.
        taint = {"key": "test/lost", "effect": "NoSchedule"}
        self.kube.create(NODES, {"metadata": {"name": self.name, "labels": self.label}, "spec": {"taints": [taint]}})
        self._heartbeat()
        self._beating = threading.Thread(target=self._beat)
        self._beating.start()
        return self

    def __exit__(self, *_):
        self.fail()
        self.kube.delete(f"{NODES}/{self.name}")

    def fail(self):
        """It answers no more."""
        self._stopped.set()
        self._beating.join()

    def _beat(self):
        while not self._stopped.wait(5):
            self._heartbeat()

    def _heartbeat(self):
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "-", "lastHeartbeatTime": now()}
        room = {"cpu": "4", "memory": "4Gi", "pods": "10", "ephemeral-storage": "10Gi"}
        self.kube.merge(f"{NODES}/{self.name}/status", {"status": {"conditions": [ready], "capacity": room, "allocatable": room}})

    def run(self, pod):
        """Says that the pod's container runs and that the pod is ready."""
        container = {"name": "main", "image": "-", "imageID": "-", "ready": True, "started": True, "restartCount": 0,
                     "state": {"running": {"startedAt": now()}}}
        self.kube.merge(f"{self.kube.core('pods', pod)}/status", {"status": {
            "phase": "Running", "startTime": now(), "containerStatuses": [container],
            "conditions": [{"type": kind, "status": "True", "lastTransitionTime": now()}
                           for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")]}})


@contextmanager
def leader_with_short_patience(world):
    with world.another_controller("short-patience", flags=["--node-loss-timeout", "8s"]), world.controller.frozen():
        kube = world.platform.kube
        wait_until("it leads", lambda: (kube.get(kube.lease("vbrain-controller"), check=False) or {"spec": {}})["spec"].get(
            "holderIdentity") == "short-patience")
        yield


def test_its_attempt_ends_although_the_pod_tolerates_every_taint(world):
    with Node(world) as node, leader_with_short_patience(world):
        user = world.probe_user("Lost", pod={"nodeSelector": node.label, "tolerations": [{"operator": "Exists"}]})
        job = user.start(params={})
        pod = wait_until("its pod is on the node", lambda: next(
            (pod["metadata"]["name"] for pod in world.platform.pods_of(job) if pod["spec"].get("nodeName") == node.name), None))
        node.run(pod)
        wait_until("it runs", lambda: world.platform.job(job)["status"].get("reason") == "Running")
        node.fail()
        told = wait_until("the job's status names the node", lambda: (
            status := world.platform.job(job)["status"]).get("reason") == "NodeNotReady" and status, deadline=120)
        assert f"node {node.name} does not answer" in told["message"]
        wait_until("its pod is told to stop", lambda: world.platform.pods_of(job)[0]["metadata"].get("deletionTimestamp"))
        # The next attempt does not wait for a node that may never come back.
        wait_until("the next attempt begins", lambda: world.platform.job(job)["status"]["attempts"] == 2, deadline=60)
        for left in world.platform.pods_of(job):
            world.platform.kube.request("DELETE", world.platform.kube.core("pods", left["metadata"]["name"]), {"gracePeriodSeconds": 0})
        assert user.delete(f"/job/{job}").status_code in (200, 204)

"""Two controllers: one leads, the other takes over."""

import os
import signal
import time
from datetime import datetime

import pytest
from platform_client import wait_until

pytestmark = pytest.mark.disruptive

TAKEOVER = 15  # seconds until another one leads, at most


def leader(platform):
    holder = platform.lease_holder()
    return next((pod for pod in platform.ready_pods("controller") if holder.startswith(pod["metadata"]["name"])), None)


def two_controllers(platform):
    """The leader's pod, when another controller is ready to take over."""
    return wait_until("two controllers and a leader",
                      lambda: len(platform.ready_pods("controller")) == 2 and leader(platform))


def acquired(platform):
    """When the current leader acquired the Lease, seconds since the epoch."""
    lease = platform.kube.get(platform.kube.lease("vbrain-controller"))
    return datetime.fromisoformat(lease["spec"]["acquireTime"].replace("Z", "+00:00")).timestamp()


def test_a_frozen_leader_is_replaced_and_does_no_harm(platform, probe):
    first = two_controllers(platform)
    holder = platform.lease_holder()
    pids = platform.processes_of("controller", first)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        job = probe.start(params={"result": "1"})
        wait_until("the other one holds the lease", lambda: platform.lease_holder() not in ("", holder))
        assert probe.wait(job)["job_status"] == "finished"
    finally:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:  # its liveness probe may have killed it
                pass
    assert probe.wait(probe.start(params={}))["job_status"] == "finished"
    assert platform.lease_holder() != holder
    assert len(platform.pods_of(job)) == 1
    assert platform.job(job)["status"]["attempts"] == 1


def test_a_killed_leader_is_replaced_in_time(platform, probe):
    """As if its machine fails: it stops and does not come back."""
    first = two_controllers(platform)
    holder = platform.lease_holder()
    pids = platform.processes_of("controller", first)
    # It must not get the SIGTERM that the kubelet sends when the pod is deleted.
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    killed = time.time()
    name = first["metadata"]["name"]
    platform.kube.request("DELETE", platform.kube.core("pods", name), {"gracePeriodSeconds": 0})
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_until("the other one holds the lease", lambda: platform.lease_holder() not in ("", holder))
    assert acquired(platform) - killed <= TAKEOVER
    assert probe.wait(probe.start(params={}))["job_status"] == "finished"


def test_a_clean_stop_hands_over_at_once(platform, probe):
    first = two_controllers(platform)
    holder = platform.lease_holder()
    lease = platform.kube.lease("vbrain-controller")
    version = platform.kube.get(lease)["metadata"]["resourceVersion"]
    platform.kube.delete(platform.kube.core("pods", first["metadata"]["name"]))
    # The leader releases the Lease, so the next one need not wait until it expires.
    for seen in platform.kube.watch_object(lease, version):
        if seen["spec"].get("holderIdentity", "") != holder:
            break
    assert not seen["spec"].get("holderIdentity"), "released before another one acquired it"
    wait_until("the other one holds the lease", lambda: platform.lease_holder() not in ("", holder))
    assert probe.wait(probe.start(params={}))["job_status"] == "finished"

"""Two controllers: one works, the other takes over."""

import os
import signal

import pytest
from platform_client import wait_until

pytestmark = pytest.mark.disruptive

LEASE = 15  # seconds a lease holds without renewal


def leader(platform):
    holder = platform.lease_holder()
    return next((pod for pod in platform.ready_pods("controller") if holder.startswith(pod["metadata"]["name"])), None)


def test_a_frozen_leader_is_replaced_and_does_no_harm(platform, probe):
    first = wait_until("two controllers and a leader",
                       lambda: len(platform.ready_pods("controller")) == 2 and leader(platform))
    holder = platform.lease_holder()
    pids = platform.processes_of("controller", first)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        job = probe.start(params={"result": "1"})
        wait_until("the other one holds the lease", lambda: platform.lease_holder() not in ("", holder), deadline=LEASE + 10)
        assert probe.wait(job)["job_status"] == "finished"
    finally:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:  # its liveness probe may have ended it
                pass
    assert probe.wait(probe.start(params={}))["job_status"] == "finished"
    assert platform.lease_holder() != holder
    assert len(platform.pods_of(job)) == 1
    assert platform.job(job)["status"]["attempts"] == 1


def test_a_clean_stop_hands_over_at_once(platform, probe):
    first = wait_until("two controllers and a leader",
                       lambda: len(platform.ready_pods("controller")) == 2 and leader(platform))
    holder = platform.lease_holder()
    platform.kube.delete(platform.kube.core("pods", first["metadata"]["name"]))
    wait_until("the other one holds the lease", lambda: platform.lease_holder() not in ("", holder), deadline=LEASE - 5)
    assert probe.wait(probe.start(params={}))["job_status"] == "finished"

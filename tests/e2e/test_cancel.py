"""spec.cancel and spec.suspend in every state."""

import pytest
from platform_client import wait_until
from tenants import make_job_with_kubectl


def assert_cancelled(platform, rest, job):
    info = rest.wait(job)
    assert (info["job_status"], info["reason"]) == ("failed", "Cancelled")
    for part in ("result", "output"):
        answer = rest.get(f"/job/{job}/{part}")
        assert (answer.status_code, answer.json()) == (500, {"error": "Job failed"})
    assert rest.get(f"/job/{job}/logs").status_code == 200
    wait_until("its pod is gone or over", lambda: all(
        pod["status"]["phase"] in ("Succeeded", "Failed") for pod in platform.pods_of(job)))


def test_before_it_started(platform, probe):
    job = make_job_with_kubectl(platform, probe, suspend=True)
    platform.patch_job(job, cancel=True)
    assert_cancelled(platform, probe, job)
    status = platform.job(job)["status"]
    assert status.get("attempts", 0) == 0 and not status.get("podName")
    assert platform.pods_of(job) == []


def test_while_its_pod_waits(platform, make_application, tenants):
    make_application("CancelNowhere", pod={"nodeSelector": {"e2e": "no-such-node"}})
    rest = tenants.make("CancelNowhere")
    job = rest.start(params={})
    wait_until("its pod waits", lambda: platform.pods_of(job))
    platform.patch_job(job, cancel=True)
    assert_cancelled(platform, rest, job)


def test_while_it_runs(platform, probe):
    job = probe.start(params={"wait": True, "result": "1"})
    wait_until("it runs", lambda: "started attempt 1" in probe.log(job))
    platform.patch_job(job, cancel=True)
    assert_cancelled(platform, probe, job)
    assert "told to stop" in probe.log(job), "SIGTERM comes first"


def test_between_two_attempts(platform, make_application, tenants):
    make_application("CancelRetry", backoffLimit=5)
    rest = tenants.make("CancelRetry")
    job = rest.start(params={"exit": 1})
    wait_until("the first attempt has failed", lambda: platform.job(job)["status"].get("nextAttemptTime"))
    platform.patch_job(job, cancel=True)
    assert_cancelled(platform, rest, job)


def test_after_the_end(platform, probe):
    job = probe.start(params={"result": "1"})
    probe.wait(job)
    platform.patch_job(job, cancel=True)
    # When another job has finished, the controller has processed this one, too.
    probe.wait(probe.start(params={}))
    assert probe.state(job) == "finished"
    assert probe.get(f"/job/{job}/result").json() == {"output": 1}


def test_suspend_holds_what_has_not_started(platform, probe):
    job = make_job_with_kubectl(platform, probe, suspend=True, params={"result": "1"})
    wait_until("the reason shows", lambda: platform.job(job)["status"].get("reason") == "Suspended")
    assert probe.state(job) == "queued"
    assert platform.pods_of(job) == []
    platform.patch_job(job, suspend=False)
    assert probe.wait(job)["job_status"] == "finished"


@pytest.mark.slow
def test_suspend_holds_the_next_attempt(platform, make_application, tenants):
    make_application("SuspendRetry", backoffLimit=100)
    rest = tenants.make("SuspendRetry")
    job = rest.start(params={"exit": 1})
    wait_until("the first attempt has failed", lambda: platform.job(job)["status"]["attempts"] > 1)
    platform.patch_job(job, suspend=True)
    # An attempt that is just starting continues; the one after it is held.
    wait_until("the reason shows", lambda: platform.job(job)["status"].get("reason") == "Suspended")
    held = platform.job(job)["status"]["attempts"]
    assert f"{job}-{held}" not in [pod["metadata"]["name"] for pod in platform.pods_of(job)]
    platform.patch_job(job, suspend=False)
    wait_until("the held attempt has run", lambda: held in [
        record["attempt"] for record in platform.job(job)["status"]["attemptHistory"]])
    platform.patch_job(job, cancel=True)
    assert_cancelled(platform, rest, job)

"""maxConcurrentJobs: jobs wait in order, say why, and never run above the limit."""

import pytest
from platform_client import wait_until
from tenants import make_job_with_kubectl


def start_waiting(rest):
    """A job whose application runs until it is released."""
    answer = rest.execute(params={"wait": True, "result": "1"})
    assert answer.status_code == 201, answer.text
    return answer.json()


def status(platform, job):
    return platform.job(job["job_id"])["status"]


def phases(platform, jobs):
    return [status(platform, job).get("phase", "Queued") for job in jobs]


def wait_for_reason(platform, job, reason):
    wait_until(f"its reason is {reason}", lambda: status(platform, job).get("reason") == reason)


def wait_for_start(rest, job):
    wait_until("its application runs", lambda: "started attempt 1" in rest.log(job["job_id"]))


def finish(platform, rest, job):
    platform.release(job["repository_id"])
    assert rest.wait(job["job_id"])["job_status"] == "finished"


def test_one_at_a_time_in_order(platform, make_application, tenants):
    make_application("OneAtATime", maxConcurrentJobs=1)
    rest = tenants.make("OneAtATime")
    jobs = [start_waiting(rest) for _ in range(4)]
    for place, job in enumerate(jobs):
        wait_for_start(rest, job)
        assert phases(platform, jobs) == ["Finished"] * place + ["Started"] + ["Queued"] * (3 - place)
        for later in jobs[place + 1:]:
            wait_for_reason(platform, later, "ConcurrencyLimit")
            assert not platform.pods_of(later["job_id"])
        finish(platform, rest, job)

    ended = ""
    for job in jobs:
        assert status(platform, job)["startTime"] >= ended, "started before the previous job had ended"
        ended = status(platform, job)["completionTime"]


def test_priority_goes_before_age(platform, make_application, tenants):
    """Jobs made with kubectl have a priority, which may change while they wait. Suspended and deleted jobs delay no other."""
    make_application("ByPriority", maxConcurrentJobs=1)
    rest = tenants.make("ByPriority")
    first = start_waiting(rest)
    wait_for_start(rest, first)
    old, middle, urgent, late, gone = (
        make_job_with_kubectl(platform, rest, params={"result": "1"}, priority=priority) for priority in (0, 5, 10, 0, 99))
    for job in (old, middle, urgent, late, gone):
        wait_until("it waits in line", lambda: platform.job(job)["status"].get("reason") == "ConcurrencyLimit")
    platform.patch_job(late, priority=7)
    platform.patch_job(urgent, suspend=True)
    wait_until("it stands aside", lambda: platform.job(urgent)["status"].get("reason") == "Suspended")
    assert rest.delete(f"/job/{gone}").status_code == 200
    # When the controller has finished this delete, it has seen all earlier changes.
    wait_until("the deleted one is gone", lambda: platform.find_job(gone) is None)
    finish(platform, rest, first)
    ended = [rest.wait(job) for job in (late, middle, old)]
    assert [info["job_status"] for info in ended] == ["finished"] * 3
    begun = [platform.job(job)["status"]["startTime"] for job in (late, middle, old)]
    done = [platform.job(job)["status"]["completionTime"] for job in (late, middle, old)]
    assert done[0] <= begun[1] and done[1] <= begun[2], (begun, done)
    platform.patch_job(urgent, suspend=False)
    assert rest.wait(urgent)["job_status"] == "finished"


def test_a_client_at_its_limit_holds_up_no_other(platform, make_application, tenants):
    make_application("TwoPlaces", maxConcurrentJobs=2)
    north, south = tenants.make("TwoPlaces", maxConcurrentJobs=1), tenants.make("TwoPlaces")
    first, second = start_waiting(north), start_waiting(north)
    wait_for_reason(platform, second, "ConcurrencyLimit")
    assert f"client '{north.identity.client_id}'" in status(platform, second)["message"]
    other = start_waiting(south)
    wait_for_start(south, other)
    assert phases(platform, [first, second]) == ["Started", "Queued"]

    platform.patch_job(second["job_id"], cancel=True)
    wait_for_reason(platform, second, "Cancelled")
    assert not platform.pods_of(second["job_id"])
    finish(platform, north, first)
    finish(platform, south, other)


def test_a_raised_limit_takes_effect_at_once(platform, make_application, tenants):
    make_application("Raised", maxConcurrentJobs=1)
    rest = tenants.make("Raised")
    first, second = start_waiting(rest), start_waiting(rest)
    wait_for_reason(platform, second, "ConcurrencyLimit")
    make_application("Raised", maxConcurrentJobs=2)
    wait_for_start(rest, second)
    for job in (first, second):
        finish(platform, rest, job)


@pytest.mark.disruptive
def test_a_killed_controller_still_counts(platform, make_application, tenants):
    make_application("CountedAgain", maxConcurrentJobs=1)
    rest = tenants.make("CountedAgain")
    first, second = start_waiting(rest), start_waiting(rest)
    wait_for_start(rest, first)
    wait_for_reason(platform, second, "ConcurrencyLimit")
    killed = platform.kill("controller")
    wait_until("a new process runs", lambda: set(platform.processes_of("controller")) - set(killed))
    assert phases(platform, [first, second]) == ["Started", "Queued"]
    finish(platform, rest, first)
    finish(platform, rest, second)
    assert status(platform, second)["startTime"] >= status(platform, first)["completionTime"]

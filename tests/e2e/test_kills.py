"""A program is killed while a job runs: the job finishes, and its application has run once."""

import pytest
from platform_client import wait_until

pytestmark = pytest.mark.disruptive


@pytest.mark.parametrize("program", ["controller", "api-server"])
def test_killed_while_a_job_runs(platform, probe, program):
    created = probe.execute(params={"wait": True, "result": "1"}).json()
    job = created["job_id"]
    wait_until("the application runs", lambda: "started attempt 1" in probe.log(job))

    killed = platform.kill(program)
    platform.release(created["repository_id"])
    wait_until("a new process runs", lambda: set(platform.processes_of(program)) - set(killed))

    wait_until("the job ends", lambda: platform.job(job)["status"]["phase"] in ("Finished", "Failed"))
    status = platform.job(job)["status"]
    assert (status["phase"], status["attempts"]) == ("Finished", 1)
    wait_until("REST answers again", lambda: answers(probe, job))
    assert probe.get(f"/job/{job}/result").json() == {"output": 1}
    assert probe.log(job).count("started attempt") == 1
    assert len(platform.pods_of(job)) == 1
    assert len(list((platform.job_folder(job) / "attempts").iterdir())) == 1


def answers(rest, job):
    try:
        return rest.state(job) == "finished"
    except (OSError, AssertionError):
        return False


def test_the_controller_killed_before_it_saw_the_job(platform, probe):
    killed = platform.kill("controller")
    job = probe.start(params={"result": "2"})
    wait_until("a new process runs", lambda: set(platform.processes_of("controller")) - set(killed))
    assert probe.wait(job)["job_status"] == "finished"
    assert platform.job(job)["status"]["attempts"] == 1

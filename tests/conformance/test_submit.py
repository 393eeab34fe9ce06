"""Submitting safely: actions on jobs, retry, priority, Idempotency-Key, batches; on two replicas."""

import uuid

import pytest
from platform_client import wait_until
from tenants import ABSENT_JOB, ABSENT_REPOSITORY

pytestmark = pytest.mark.xdist_group("contract")

NO_JOB = {"error": "Invalid job_id"}


def act(user, job, action, **headers):
    return user.call("POST", f"/job/{job}/{action}", headers)


def said(answer):
    return answer.status_code, answer.json()


def ended(user, job):
    return wait_until("it ends", lambda: (info := user.get(f"/job/{job}")).status_code == 200 and info.json())


def test_cancel_a_running_job(world):
    job = world.lead.start(repository_id=world.waiting_repository)
    assert said(act(world.lead, job, "cancel")) == (200, {"message": "Job cancelled"})
    info = ended(world.lead, job)
    assert (info["job_status"], info["reason"]) == ("failed", "Cancelled")
    # Again, and on a job that ended otherwise.
    assert said(act(world.lead, job, "cancel")) == (200, {"message": "Job cancelled"})
    answer = act(world.lead, world.finished, "cancel")
    assert (answer.status_code, answer.json()["error"]) == (409, "Job cannot be changed")
    assert "Remedy: " in answer.json()["detail"]


def test_suspend_and_resume(world):
    job = world.lead.start(repository_id=world.waiting_repository)
    for action, message in (("suspend", "Job suspended"), ("suspend", "Job suspended"), ("resume", "Job resumed")):
        assert said(act(world.lead, job, action)) == (200, {"message": message})
    assert world.platform.job(job)["spec"]["suspend"] is False
    assert act(world.lead, job, "cancel").status_code == 200
    ended(world.lead, job)
    assert act(world.lead, job, "suspend").status_code == 409


def test_a_suspended_job_says_why_it_waits(world):
    assert said(act(world.lead, world.queued, "suspend")) == (200, {"message": "Job suspended"})
    wait_until("it says why it waits", lambda: world.lead.get(f"/job/{world.queued}").json().get("reason") == "Suspended")


@pytest.mark.parametrize("action", ["cancel", "suspend", "resume", "retry"])
def test_actions_on_no_job(world, action):
    for job in (ABSENT_JOB, "x"):
        assert said(act(world.lead, job, action)) == (404, NO_JOB)
    answer = act(world.lead, world.queued, action, repository_id=ABSENT_REPOSITORY)
    assert said(answer) == (404, {"error": "Invalid repository_id"})
    assert world.lead.get(f"/job/{world.queued}/{action}").status_code == 405


def test_retry(world):
    answer = act(world.lead, world.failed, "retry")
    assert answer.status_code == 201, answer.text
    job = answer.json()["job_id"]
    assert answer.json() == {"message": "Job created", "job_id": job}
    info = ended(world.dev, job)
    assert (info["job_status"], info["created_by"], info["repository_id"]) == ("failed", "lead", world.repository)
    assert world.dev.get(f"/job/{job}/params").content == world.dev.get(f"/job/{world.failed}/params").content
    assert world.lead.delete(f"/job/{job}").status_code == 200


def test_retry_of_a_job_that_has_not_ended(world):
    answer = act(world.lead, world.started, "retry")
    assert (answer.status_code, answer.json()["error"]) == (409, "Job not yet finished")


def test_priority(world):
    def execute(user, priority):
        return user.call("POST", "/job/execute", {"repository_id": world.empty_repository}, json={"priority": priority})
    answer = execute(world.lead, 7)
    assert answer.status_code == 201, answer.text
    assert world.platform.job(answer.json()["job_id"])["spec"]["priority"] == 7
    assert execute(world.dev, -7).status_code == 201
    assert (execute(world.dev, 1).status_code, execute(world.stake, 1).status_code) == (403, 403)
    for bad in (1001, -1001, "1", 1.5, None):
        assert execute(world.lead, bad).json()["error"] == "Invalid priority"


def test_idempotency_key(world):
    """The key of one replica is known to the other one, and the answer is the same bytes."""
    key = {"Idempotency-Key": f'"{uuid.uuid4()}"'}
    body = {"files": {"file": ("x.csv", b"a\n1\n")}, "data": {"params": '{"a": 1}'}}  # a new boundary each time
    first = world.lead.call("POST", "/job/execute", key, **body)
    assert first.status_code == 201, first.text
    assert "Idempotency-Replayed" not in first.headers

    def repeats(user):
        again = user.call("POST", "/job/execute", key, **body)
        assert (again.status_code, again.content, again.headers["Idempotency-Replayed"]) == (201, first.content, "true")
        return True
    assert world.platform.everywhere(world.lead, repeats)
    other = world.lead.call("POST", "/job/execute", key, json={"params": {"a": 2}})
    assert (other.status_code, other.json()["error"]) == (422, "Idempotency-Key already used")
    repository = first.json()["repository_id"]
    assert world.lead.get(f"/repository/{repository}").json()["jobs"] == [first.json()["job_id"]]
    # Also when what it made is gone.
    assert world.lead.delete(f"/repository/{repository}").status_code == 200
    assert world.platform.everywhere(world.lead, repeats)
    assert world.lead.get(f"/job/{first.json()['job_id']}").status_code == 404


def test_a_malformed_key(world):
    for key in ('"open', "a b", "k" * 256):
        answer = world.lead.call("POST", "/repository", {"Idempotency-Key": key})
        assert (answer.status_code, answer.json()["error"]) == (400, "Invalid Idempotency-Key")


def test_batch(world):
    repository = world.lead.repository(params={"a": 1, "result": "1"})
    key = {"Idempotency-Key": str(uuid.uuid4()), "repository_id": repository}
    body = {"params": [{"result": str(number)} for number in range(5)], "metadata": {"name": "batch"}}
    answer = world.stake.call("POST", "/job/batch", key, json=body)
    assert answer.status_code == 201, answer.text
    jobs = answer.json()["job_ids"]
    assert answer.json() == {"message": "Jobs created", "job_ids": jobs}
    assert world.lead.get(f"/repository/{repository}").json()["jobs"] == jobs == sorted(jobs)
    assert world.stake.call("POST", "/job/batch", key, json=body).content == answer.content
    for number, job in enumerate(jobs):
        info = ended(world.lead, job)
        assert (info["job_status"], info["name"]) == ("finished", "batch")
        assert world.lead.get(f"/job/{job}/result").json() == {"output": number}


def test_batch_refuses(world):
    headers = {"repository_id": world.empty_repository}
    for body in ({}, {"params": []}, {"params": {}}, {"params": [1]}, {"params": [{}] * 1001}):
        answer = world.lead.call("POST", "/job/batch", headers, json=body)
        assert (answer.status_code, answer.json()["error"]) == (400, "Invalid params"), answer.text
    assert world.lead.call("POST", "/job/batch", json={"params": [{}]}).json() == {"error": "Missing repository_id"}
    answer = world.lead.call("POST", "/job/batch", {"repository_id": ABSENT_REPOSITORY}, json={"params": [{}]})
    assert answer.json() == {"error": "Invalid repository_id"}

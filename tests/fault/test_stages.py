"""Each program is killed once at each stage of a job: no accepted job is lost, none runs twice."""

import json
import uuid

import pytest
import requests
from platform_client import wait_until

# Prints a line at each start. The volume keeps the lines.
SAYS_AND_ENDS = ["python3", "-c", """
import os, pathlib
print("started attempt", os.environ["VBRAIN_JOB_ATTEMPT"], flush=True)
pathlib.Path(os.environ["VBRAIN_RESULT_FILE"]).write_text("42")
(pathlib.Path(os.environ["VBRAIN_OUTPUT_DIR"]) / "out.txt").write_text("made")
"""]


@pytest.fixture(scope="module")
def worker(world):
    return world.application("Worker", SAYS_AND_ENDS)


def ended(world, job):
    status = world.platform.job(job)["status"]
    return status if status["phase"] in ("Finished", "Failed") else None


def was_killed_once(world, program, before):
    """The program was killed once by SIGKILL after the first `before` ends."""
    return world.program(program).ends.count(-9) == before + 1


def archived(world, job):
    return (world.platform.job_folder(job) / "status.json").exists()


def starts(world, job):
    """Number of starts of the application, by attempt."""
    attempts = sorted((world.platform.job_folder(job) / "attempts").glob("*"), key=lambda folder: int(folder.name))
    logs = [folder / "logs" / "stdout.log" for folder in attempts]
    return [log.read_text().count("started attempt") if log.exists() else 0 for log in logs]


def assert_ran_once(world, rest, job):
    status = wait_until("the job ends", lambda: ended(world, job))
    assert (status["phase"], status["attempts"], status["acceptedAttempt"]) == ("Finished", 1, 1), status
    assert starts(world, job) == [1]
    assert len(world.platform.pods_of(job)) == 1
    wait_until("the end is archived", lambda: archived(world, job))
    wait_until("the result is served", lambda: answer_of(rest, f"/job/{job}/result") == {"output": 42})


def answer_of(rest, path):
    """The JSON of a 200; None for any other answer and if there is no answer."""
    try:
        answer = rest.get(path)
    except requests.ConnectionError:
        return None
    return answer.json() if answer.status_code == 200 else None


@pytest.mark.parametrize("stage", ["before-claim", "claimed", "before-pod", "pod-created", "before-end", "ended", "archived"])
def test_the_controller_killed(world, worker, stage):
    point = f"controller.{stage}"
    before = world.controller.ends.count(-9)
    world.arm(point)
    job = worker.start(params={})
    wait_until("the controller met its end", lambda: world.fired(point) and was_killed_once(world, "controller", before))
    assert_ran_once(world, worker, job)
    assert was_killed_once(world, "controller", before)


# Prints a line at its start, waits until the test puts `release` into its repository, and writes much output, so that sealing
# takes some time.
SEALS_LONG = ["python3", "-c", """
import os, pathlib, time
print("started attempt", os.environ["VBRAIN_JOB_ATTEMPT"], flush=True)
while not (pathlib.Path(os.environ["VBRAIN_INPUT_DIR"]) / "release").exists():
    time.sleep(0.05)
with open(os.path.join(os.environ["VBRAIN_OUTPUT_DIR"], "noise"), "wb") as file:
    for _ in range(150):
        file.write(os.urandom(1 << 20))
pathlib.Path(os.environ["VBRAIN_RESULT_FILE"]).write_text("42")
"""]


@pytest.fixture(scope="module")
def slow(world):
    return world.application("SealsLong", SEALS_LONG)


def is_sealing(world, job):
    attempt = world.platform.job_folder(job) / "attempts" / "1"
    names = {path.name for path in attempt.glob("*")}
    return "result.json" in names or any(name.startswith(".vbrain-") for name in names)


# What is visible from outside at each stage of a job, in order.
SEEN = {
    "claimed": lambda world, job: world.platform.job(job)["status"].get("attempts") == 1,
    "pod": lambda world, job: world.platform.pods_of(job),
    "running": lambda world, job: starts(world, job) == [1],
    "sealing": is_sealing,
    "committed": ended,
    "archived": archived,
}


@pytest.mark.parametrize("stage", SEEN)
@pytest.mark.parametrize("program", ["api-server", "controller"])
def test_a_server_killed_while_a_job_is(world, slow, program, stage):
    server = world.program(program)
    before = server.ends.count(-9)
    made = slow.execute(params={"wait": True}).json()
    job, repository = made["job_id"], made["repository_id"]
    after_release = list(SEEN).index(stage) > list(SEEN).index("running")
    if after_release:
        wait_until("it runs", lambda: SEEN["running"](world, job))
        world.platform.release(repository)
    wait_until(f"it is {stage}", lambda: SEEN[stage](world, job))
    server.kill()
    if stage == "sealing":
        assert not (world.platform.job_folder(job) / "attempts" / "1" / "manifest.json").exists()
    if not after_release:
        world.platform.release(repository)
    assert_ran_once(world, slow, job)
    wait_until("the server is back", world.serves)
    assert was_killed_once(world, program, before)


@pytest.mark.parametrize("stage", ["before-purge", "purged"])
def test_the_controller_killed_while_it_deletes(world, worker, stage):
    job = worker.start(params={})
    assert_ran_once(world, worker, job)
    point = f"controller.{stage}"
    world.arm(point)
    world.platform.kubectl("delete", "vjob", job, "--wait=false")
    wait_until("the controller met its end", lambda: world.fired(point))
    wait_until("the resource is gone", lambda: world.platform.find_job(job) is None)
    assert not world.platform.job_folders(job)
    # The kubelet removes a pod a moment after its deletion.
    wait_until("its pod is gone", lambda: not world.platform.pods_of(job))
    assert worker.get(f"/job/{job}").json() == {"error": "Invalid job_id"}


def send_to_its_end(world, rest, point):
    """Sends a job to a server that is killed at `point`, before it answers. Returns the new folders on the volume."""
    before = world.platform.jobs_on_volume(rest)
    world.arm(point)
    with pytest.raises(requests.ConnectionError):
        rest.execute(params={"n": str(uuid.uuid4())})
    assert world.fired(point)
    wait_until("the server is back", world.serves)
    return world.platform.jobs_on_volume(rest) - before


def test_the_server_killed_before_it_publishes(world, worker):
    """The client got no 201, and nothing stays."""
    assert send_to_its_end(world, worker, "api-server.before-publish") == set()
    assert_ran_once(world, worker, worker.start(params={}))


def test_the_server_killed_before_it_creates_the_resource(world, worker):
    """The folder is complete: the controller creates the job from it, once, although the client got no answer. It waits a
    minute, because the server could still continue."""
    (job,) = send_to_its_end(world, worker, "api-server.published")
    wait_until("the resource is made from the folder",
               lambda: world.platform.find_job(job))
    assert_ran_once(world, worker, job)


def test_the_server_killed_before_it_answers(world, worker):
    (job,) = send_to_its_end(world, worker, "api-server.created")
    assert_ran_once(world, worker, job)


@pytest.mark.parametrize("point", ["api-server.key-claimed", "api-server.published", "api-server.created"])
def test_the_server_killed_in_a_request_with_a_key(world, worker, point):
    """The client sends the same request again: there is one job, and it runs once."""
    before = world.platform.jobs_on_volume(worker)
    headers, body = {"Idempotency-Key": str(uuid.uuid4())}, {"params": {"n": str(uuid.uuid4())}}
    world.arm(point)
    with pytest.raises(requests.ConnectionError):
        worker.call("POST", "/job/execute", headers, json=body)
    assert world.fired(point)
    wait_until("the server is back", world.serves)
    answer = worker.call("POST", "/job/execute", headers, json=body)
    assert answer.status_code == 201, answer.text
    (job,) = world.platform.jobs_on_volume(worker) - before
    assert job == answer.json()["job_id"]
    assert_ran_once(world, worker, job)


@pytest.mark.parametrize("stage", ["resource-deleted", "marked"])
def test_the_server_killed_while_it_deletes(world, worker, stage):
    job = worker.start(params={})
    assert_ran_once(world, worker, job)
    point = f"api-server.{stage}"
    world.arm(point)
    with pytest.raises(requests.ConnectionError):
        worker.delete(f"/job/{job}")
    assert world.fired(point)
    wait_until("the resource is gone", lambda: world.platform.find_job(job) is None)
    assert not world.platform.job_folders(job)
    wait_until("the server is back", world.serves)
    assert worker.get(f"/job/{job}").json() == {"error": "Invalid job_id"}


def test_the_controller_killed_while_it_removes_an_expired_resource(world):
    """Killed between the two writes: the resource is still removed, and all its files are still served."""
    rest = world.application("Brief", SAYS_AND_ENDS, ttlSecondsAfterFinished=1)
    point = "controller.released"
    world.arm(point)
    job = rest.start(params={})
    wait_until("the controller met its end", lambda: world.fired(point))
    wait_until("the resource is gone", lambda: world.platform.find_job(job) is None)
    assert starts(world, job) == [1]
    assert rest.state(job) == "finished"
    assert answer_of(rest, f"/job/{job}/result") == {"output": 42}
    assert "started attempt 1" in rest.log(job)


# The point at which the runner of attempt 1 is killed, and how often its application was started by then.
RUNNER_STAGES = {"before-claim": 0, "claimed": 0, "started": None, "before-seal": 1, "before-manifest": 1, "sealed": 1}


@pytest.mark.parametrize("stage", RUNNER_STAGES)
def test_the_runner_killed(world, stage):
    """As if the kernel killed the container: the next attempt follows; each attempt starts at most once."""
    name = "Runner-" + stage
    rest = world.application(name, SAYS_AND_ENDS, {"FAILPOINT": f"runner.{stage}"}, backoffLimit=1)
    job = rest.start(params={})
    status = wait_until("the job ends", lambda: ended(world, job))
    assert (status["phase"], status["attempts"], status["acceptedAttempt"]) == ("Finished", 2, 2), json.dumps(status)
    first, second = starts(world, job)
    assert second == 1
    assert first <= 1 if RUNNER_STAGES[stage] is None else first == RUNNER_STAGES[stage]
    assert status["attemptHistory"][0]["reason"] not in ("", "Completed")
    wait_until("the end is archived", lambda: archived(world, job))
    wait_until("the result is served", lambda: answer_of(rest, f"/job/{job}/result") == {"output": 42})

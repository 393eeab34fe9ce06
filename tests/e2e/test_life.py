"""What users see of a running, finished or failed job, by REST and by kubectl."""

from platform_client import unzip, wait_until


def test_a_running_job(platform, probe):
    """202 until the end, logs in every state, the pod and its state visible."""
    created = probe.execute(params={"wait": True, "result": '{"value": 600}'}).json()
    job = created["job_id"]
    wait_until("the application's first line is in the logs", lambda: "started attempt 1" in probe.log(job))
    wait_until("it is shown as started, within a second or two", lambda: probe.state(job) == "started")
    for path in ("result", "output"):
        answer = probe.get(f"/job/{job}/{path}")
        assert (answer.status_code, answer.json()) == (202, {"message": "Job not yet finished"})
        assert int(answer.headers["Retry-After"]) > 0
    wait_until("the status names the pod", lambda: platform.job(job)["status"].get("podName") == f"{job}-1")

    platform.release(created["repository_id"])
    assert probe.wait(job)["job_status"] == "finished"
    assert probe.get(f"/job/{job}/result").json() == {"output": {"value": 600}}
    assert "a line for stderr" in probe.log(job, "stderr.log")


GROWING = """
import os, pathlib, time
log = pathlib.Path(os.environ["VBRAIN_LOG_DIR"]) / "solver" / "own.log"
log.parent.mkdir()
log.write_text("one\\n")
release = pathlib.Path(os.environ["VBRAIN_INPUT_DIR"]) / "release"
while not release.exists():
    time.sleep(0.1)
held = [bytearray(b"x" * (1 << 20)) for _ in range(200)]
"""


def test_log_files_are_seen_while_they_grow_and_kept_after_a_kill(platform, make_application, tenants):
    make_application("Growing", command=("python3", "-c", GROWING))
    rest = tenants.make("Growing")
    created = rest.execute(params={}).json()
    job = created["job_id"]
    wait_until("the file is in the logs", lambda: rest.log(job, "solver/own.log") == "one\n")
    wait_until("it is shown as started, within a second or two", lambda: rest.state(job) == "started")
    platform.release(created["repository_id"])
    assert rest.wait(job)["reason"] == "OOMKilled"
    assert rest.log(job, "solver/own.log") == "one\n"


def test_a_failure_says_why(platform, probe):
    job = probe.start(params={"exit": 7, "log": "my own words"})
    info = probe.wait(job)
    assert info["job_status"] == "failed"
    for path in ("result", "output"):
        answer = probe.get(f"/job/{job}/{path}")
        assert (answer.status_code, answer.json()) == (500, {"error": "Job failed"})
    assert "started attempt 1" in probe.log(job)
    assert probe.log(job, "own.log") == "my own words"

    status = platform.job(job)["status"]
    assert status["phase"] == "Failed"
    assert status["exitCode"] == 7
    assert "7" in status["message"]
    platform.kubectl("wait", "--for=condition=Failed", f"vjob/{job}", "--timeout=5s")


def test_a_result_that_is_no_json_fails_the_job(platform, probe):
    job = probe.start(params={"result": "{not json"})
    assert probe.wait(job)["job_status"] == "failed"
    assert platform.job(job)["status"]["reason"] == "InvalidResult"


def test_no_result_file_means_null(probe):
    job = probe.start(params={"output": {"sub/data.txt": "hello"}})
    probe.wait(job)
    assert probe.get(f"/job/{job}/result").json() == {"output": None}
    assert unzip(probe.get(f"/job/{job}/output").content) == {"sub/data.txt": b"hello"}


def test_kubectl_shows_the_job(platform, probe):
    job = probe.start(params={})
    platform.kubectl("wait", "--for=condition=Complete", f"vjob/{job}", "--timeout=120s")
    header, line = platform.kubectl("get", "vjob", job).splitlines()
    assert header.split() == ["NAME", "STATE", "REASON", "APPLICATION", "ORGANIZATION", "CLIENT", "ATTEMPTS", "DURATION", "AGE"]
    assert line.split()[:7] == [job, "Finished", "Completed", "Probe", "acme", probe.identity.client_id, "1"]
    wait_until("an event reports the end", lambda: platform.events_of(job))
    assert "priority" in platform.kubectl("explain", "vjob.spec")


def test_a_command_that_does_not_exist_is_the_reason(platform, make_application, tenants):
    make_application("NoCommand", command=["/no/such/program"])
    rest = tenants.make("NoCommand")
    info = rest.wait(rest.start(params={}))
    assert info["job_status"] == "failed"
    assert "/no/such/program" in info["message"]


def test_a_failed_attempt_is_tried_again(platform, make_application, tenants):
    make_application("Retries", backoffLimit=1)
    rest = tenants.make("Retries")
    job = rest.start(params={"exit": 3})
    assert rest.wait(job)["job_status"] == "failed"
    status = platform.job(job)["status"]
    assert status["attempts"] == 2
    assert [record["exitCode"] for record in status["attemptHistory"]] == [3, 3]

"""The endpoints of jobs, answer by answer."""

import json
import os
import re

import pytest
from platform_client import unzip, wait_until
from tenants import ABSENT_JOB, ABSENT_REPOSITORY, make_job_with_kubectl
from test_repositories import BAD_DATES, minute

pytestmark = pytest.mark.xdist_group("contract")

NO_JOB = {"error": "Invalid job_id"}
NO_REPOSITORY = {"error": "Invalid repository_id"}
UUID7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def test_execute_in_a_repository(world):
    answer = world.lead.execute(repository_id=world.repository, params={"a": 11})
    assert answer.status_code == 201
    body = answer.json()
    assert body == {"message": "Job created", "job_id": body["job_id"]}
    assert re.fullmatch(UUID7, body["job_id"])
    assert world.lead.delete(f"/job/{body['job_id']}").status_code == 200


def test_execute_without_a_repository(world):
    answer = world.lead.execute(params={"a": 1}, metadata={"name": "Alone"}, file=("x.csv", b"a\n1\n"))
    assert answer.status_code == 201
    body = answer.json()
    assert body == {"message": "Job created", "job_id": body["job_id"], "repository_id": body["repository_id"]}
    repository = world.lead.get(f"/repository/{body['repository_id']}").json()
    assert (repository["name"], repository["input"], repository["jobs"]) == ("Alone", ["x.csv"], [body["job_id"]])


def test_execute_with_an_empty_body(world):
    answer = world.lead.call("POST", "/job/execute")
    assert (answer.status_code, answer.json()["message"]) == (201, "Job created")


@pytest.mark.parametrize("repository", [ABSENT_REPOSITORY, "x", "../x", "0" * 200])
def test_execute_in_no_repository(world, repository):
    answer = world.lead.execute(repository_id=repository)
    assert (answer.status_code, answer.json()) == (404, NO_REPOSITORY)


@pytest.mark.parametrize(("body", "error"), [
    ("{", "Invalid body"), ("[]", "Invalid body"), ('{"params": 1}', "Invalid params"), ('{"metadata": []}', "Invalid metadata"),
    ('{"image": "x"}', "Invalid image"), ('{"status": {}}', "Invalid status"),
    ('{"serviceAccountName": "x"}', "Invalid serviceAccountName"), ('{"params": {}, "params": {}}', "Invalid body"),
    ('{} {}', "Invalid body")])
def test_execute_refuses(world, body, error):
    answer = world.lead.call("POST", "/job/execute", {"content-type": "application/json"}, data=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] == error


def test_execute_refuses_other_media(world):
    answer = world.lead.call("POST", "/job/execute", {"content-type": "text/plain"}, data="a=1")
    assert (answer.status_code, answer.json()["error"]) == (415, "Unsupported media type")


def test_execute_overlays_the_repository(world):
    job = world.lead.start(repository_id=world.repository, params={"a": 99, "new": {"x": [1]}},
                           file=("more.csv", b"z\n"), metadata={"name": "Mine"})
    info = world.lead.get(f"/job/{job}").json()
    assert sorted(info["input"]) == ["data_input.csv", "more.csv"]
    assert (info["name"], info["repository_id"]) == ("Mine", world.repository)
    assert world.lead.get(f"/job/{job}/params").json() == {**world.PARAMS, "a": 99, "new": {"x": [1]}}
    assert world.lead.delete(f"/job/{job}").status_code == 200


@pytest.mark.parametrize(("name", "status", "word"), [
    ("queued", 202, "queued"), ("started", 202, "started"), ("finished", 200, "finished"), ("failed", 200, "failed")])
def test_describe(world, name, status, word):
    job = getattr(world, name)
    answer = world.lead.get(f"/job/{job}")
    assert answer.status_code == status
    assert ("Retry-After" in answer.headers) == (status == 202)
    body = answer.json()
    assert (body["job_id"], body["job_status"], body["created_by"]) == (job, word, "lead")
    assert {"repository_id", "name", "input", "created_on", "params", "jobs", "metadata"} <= set(body)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d:\d\d:\d\d", body["created_on"])


def test_describe_in_full(world):
    body = world.lead.get(f"/job/{world.finished}").json()
    assert body["repository_id"] == world.repository
    assert (body["name"], body["metadata"]) == ("Test Repository", world.METADATA)
    assert (body["input"], body["params"]) == (["data_input.csv"], True)
    assert {world.finished, world.failed} <= set(body["jobs"])
    assert (body["reason"], body["attempts"]) == ("Completed", 1)
    assert body["started_on"] <= body["finished_on"]


def test_describe_without_the_list_of_jobs(world):
    for path in (f"/job/{world.finished}", f"/repository/{world.repository}"):
        whole, short = (world.lead.get(path + query).json() for query in ("", "?jobs=false"))
        assert world.finished in whole.pop("jobs")
        assert short == whole
        answer = world.lead.get(f"{path}?jobs=maybe")
        assert (answer.status_code, answer.json()["error"]) == (400, "Invalid jobs")


@pytest.mark.parametrize("part", ["?jobs=false", "/result"])
def test_an_answer_that_has_not_changed(world, part):
    first = world.lead.get(f"/job/{world.finished}{part}")
    again = world.lead.get(f"/job/{world.finished}{part}", **{"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


def test_describe_with_the_header_of_its_repository(world):
    answer = world.lead.get(f"/job/{world.finished}", repository_id=world.repository)
    assert answer.status_code == 200


@pytest.mark.parametrize("repository", ["absent", "another"])
def test_describe_with_the_header_of_another_repository(world, repository):
    header = ABSENT_REPOSITORY if repository == "absent" else world.empty_repository
    answer = world.lead.get(f"/job/{world.finished}", repository_id=header)
    assert (answer.status_code, answer.json()) == (404, NO_REPOSITORY)


@pytest.mark.parametrize("part", ["", "/result", "/params", "/output", "/logs"])
@pytest.mark.parametrize("job", [ABSENT_JOB, "x", "2e065d31", "0" * 300, "%F0%9F%98%80"])
def test_absent(world, part, job):
    answer = world.lead.get(f"/job/{job}{part}")
    assert (answer.status_code, answer.json()) == (404, NO_JOB)


@pytest.mark.parametrize("part", ["result", "output"])
@pytest.mark.parametrize("name", ["queued", "started"])
def test_not_yet(world, part, name):
    answer = world.lead.get(f"/job/{getattr(world, name)}/{part}")
    assert (answer.status_code, answer.json()) == (202, {"message": "Job not yet finished"})
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("part", ["result", "output"])
def test_of_a_failed_one(world, part):
    answer = world.lead.get(f"/job/{world.failed}/{part}")
    assert (answer.status_code, answer.json()) == (500, {"error": "Job failed"})


@pytest.mark.parametrize("part", ["result", "output"])
def test_of_a_cancelled_one(world, part):
    job = make_job_with_kubectl(world.platform, world.lead, suspend=True)
    world.platform.patch_job(job, cancel=True)
    info = world.lead.wait(job)
    assert (info["job_status"], info["reason"]) == ("failed", "Cancelled")
    answer = world.lead.get(f"/job/{job}/{part}")
    assert (answer.status_code, answer.json()) == (500, {"error": "Job failed"})


def test_result(world):
    answer = world.lead.get(f"/job/{world.finished}/result")
    assert (answer.status_code, answer.json()) == (200, {"output": {"value": 600, "more_results": "So long"}})
    assert answer.headers["Content-Type"].startswith("application/json")


def test_params(world):
    answer = world.lead.get(f"/job/{world.finished}/params")
    assert (answer.status_code, answer.json()) == (200, world.PARAMS)
    assert world.lead.get(f"/job/{world.failed}/params").json() == {**world.PARAMS, "exit": 7, "say": "why it failed"}
    assert world.lead.get(f"/job/{world.started}/params").json() == {"wait": True}


def test_output(world):
    answer = world.lead.get(f"/job/{world.finished}/output")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip")
    assert unzip(answer.content) == {name: text.encode() for name, text in world.PARAMS["output"].items()}


def test_logs_at_any_moment(world):
    for job, want in ((world.queued, set()), (world.started, {"stdout.log"}), (world.finished, {"stdout.log", "own.log"}),
                      (world.failed, {"stdout.log", "own.log"})):
        answer = world.lead.get(f"/job/{job}/logs")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip")
        assert want <= set(unzip(answer.content))
    assert "why it failed" in world.lead.log(world.failed)


def test_list(world):
    answer = world.lead.get("/job", repository_id=world.repository)
    assert answer.status_code == 200
    assert {world.finished, world.failed} <= set(answer.json())
    assert world.started not in answer.json()
    assert world.lead.get("/job", repository_id=world.waiting_repository).json() == [world.started]


def test_list_needs_its_repository(world):
    answer = world.lead.get("/job")
    assert (answer.status_code, answer.json()) == (400, {"error": "Missing repository_id"})
    for repository in (ABSENT_REPOSITORY, "x"):
        answer = world.lead.get("/job", repository_id=repository)
        assert (answer.status_code, answer.json()) == (404, NO_REPOSITORY)


@pytest.mark.parametrize(("query", "listed"), [
    ("from_date={now}&to_date={now}", True), ("from_date={now}", True), ("to_date={now}", True),
    ("from_date={after}", False), ("to_date={before}", False)])
def test_list_by_date(world, query, listed):
    created = re.sub(r"\D", "", world.lead.get(f"/job/{world.finished}").json()["created_on"])
    query = query.format(now=minute(created), before=minute(created, -1), after=minute(created, 1))
    answer = world.lead.get(f"/job?{query}", repository_id=world.repository)
    assert answer.status_code == 200, answer.text
    assert (world.finished in answer.json()) == listed


@pytest.mark.parametrize("name", ["from_date", "to_date"])
@pytest.mark.parametrize("date", BAD_DATES)
def test_list_refuses_a_bad_date(world, name, date):
    answer = world.lead.get(f"/job?{name}={date}", repository_id=world.repository)
    assert (answer.status_code, answer.json()["error"]) == (400, f"Invalid {name}")


def test_delete(world):
    job = world.lead.start(repository_id=world.repository)
    answer = world.lead.delete(f"/job/{job}")
    assert (answer.status_code, answer.json()) == (200, {"message": "Jobs deleted"})
    for address in world.platform.replicas():
        rest = world.lead.at(address)
        for part in ("", "/result", "/params", "/output", "/logs"):
            absent = rest.get(f"/job/{job}{part}")
            assert (absent.status_code, absent.json()) == (404, NO_JOB)
        assert job not in rest.get("/job", repository_id=world.repository).json()
        assert job not in rest.get(f"/repository/{world.repository}").json()["jobs"]
    again = world.lead.delete(f"/job/{job}")
    assert (again.status_code, again.json()) == (404, NO_JOB)


def test_delete_of_an_absent_one(world):
    for job in (ABSENT_JOB, "x", "..%2f"):
        answer = world.lead.delete(f"/job/{job}")
        assert (answer.status_code, answer.json()) == (404, NO_JOB)


def test_delete_that_fails(world):
    """Simulates failing storage by a folder that the server may not change."""
    job = world.lead.start(repository_id=world.repository)
    world.lead.wait(job)
    wait_until("its record is on the volume", lambda: (world.platform.job_folder(job) / "status.json").exists())
    folder = world.platform.job_folder(job)
    mode, owner = folder.stat().st_mode, folder.stat().st_uid
    os.chown(folder, 0, 0)
    folder.chmod(0o755)
    try:
        answer = world.lead.delete(f"/job/{job}")
        assert (answer.status_code, answer.json()) == (500, {"error": "Error deleting job folder"})
    finally:
        os.chown(folder, owner, 2000)
        folder.chmod(mode)
    wait_until("it goes all the same", lambda: world.lead.delete(f"/job/{job}").status_code in (200, 404)
               and not world.platform.job_folders(job))


def test_params_reach_the_application_as_they_are(world, make_application, tenants):
    """Params never become part of a command, a template or a YAML document."""
    make_application("Echo", command=["python3", "-c", "import os, shutil;"
                                      "shutil.copy(os.environ['VBRAIN_PARAMS_FILE'], os.environ['VBRAIN_RESULT_FILE'])"])
    rest = tenants.make("Echo")
    params = {"shell": "$(rm -rf /) `id` $HOME", "template": "{{ .Values }} ${x}", "lines": "a\nb\r\n\tc",
              "yaml": "- a: &x [*x]\n---\n!!python/object", "unicode": "ç 😀 \u2028", "number": 1e300, "deep": [[[{"a": None}]]]}
    job = rest.start(params=params)
    assert rest.wait(job)["job_status"] == "finished"
    assert rest.get(f"/job/{job}/result").json() == {"output": params}
    assert "rm -rf" not in json.dumps([world.platform.job(job), world.platform.pods_of(job)])

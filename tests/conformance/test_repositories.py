"""The endpoints of repositories, answer by answer."""

import os
import re

import pytest
from platform_client import unzip, zip_of
from tenants import ABSENT_REPOSITORY

pytestmark = pytest.mark.xdist_group("contract")

INVALID = {"error": "Invalid repository_id"}


def minute(repository, offset=0):
    """YYYYMMDDhhmm of a repository's id, and minutes around it."""
    from datetime import datetime, timedelta

    return (datetime.strptime(repository[:12], "%Y%m%d%H%M") + timedelta(minutes=offset)).strftime("%Y%m%d%H%M")


@pytest.mark.parametrize("arguments", [
    {}, {"params": {"a": 1}}, {"metadata": {"name": "n"}}, {"file": ("x.csv", b"a\n1\n")},
    {"params": {"a": 1}, "metadata": {"name": "n"}, "file": ("x.zip", zip_of({"INPUT/x.txt": "1"}))}],
    ids=["json-empty", "params", "metadata", "file", "all"])
def test_create(world, arguments):
    answer = world.lead.create_repository(**arguments)
    assert answer.status_code == 201
    body = answer.json()
    assert body == {"message": "Repository created successfully", "repository_id": body["repository_id"]}
    assert re.fullmatch(r"\d{18}", body["repository_id"])
    assert answer.headers["Content-Type"].startswith("application/json")


def test_create_with_an_empty_body(world):
    answer = world.lead.call("POST", "/repository")
    assert (answer.status_code, answer.json()["message"]) == (201, "Repository created successfully")


def test_params_and_metadata_may_be_small_files(world):
    answer = world.lead.call("POST", "/repository", files={
        "params": ("params.json", b'{"a": 1}', "application/json"),
        "metadata": ("metadata.json", b'{"name": "from a file"}', "application/json")})
    assert answer.status_code == 201, answer.text
    repository = answer.json()["repository_id"]
    assert world.lead.get(f"/repository/{repository}/params").json() == {"a": 1}
    assert world.lead.get(f"/repository/{repository}").json()["name"] == "from a file"


@pytest.mark.parametrize(("files", "data", "field"), [
    (None, {"params": "[1]"}, "params"), (None, {"metadata": "7"}, "metadata"), (None, {"params": "{"}, "params"),
    ({"file": ("x.exe", b"MZ")}, {}, "file"), ({"file": ("x.zip", b"no archive")}, {}, "file"),
    ({"file": ("..", b"a")}, {}, "file"), ({"picture": ("x.csv", b"a")}, {}, "picture"),
    (None, {"hostPath": "/"}, "hostPath")],
    ids=["list", "number", "cut", "extension", "no-archive", "no-name", "unknown-file", "unknown-field"])
def test_create_refuses(world, files, data, field):
    parts = dict(files or {})
    parts.update({name: (None, text) for name, text in data.items()})
    answer = world.lead.call("POST", "/repository", files=parts)
    assert (answer.status_code, answer.json()["error"]) == (400, f"Invalid {field}")


@pytest.mark.parametrize("name", ["../x.csv", "/home/ana/x.csv", "C:\\Users\\ana\\x.csv"])
def test_of_a_path_the_last_part_counts(world, name):
    answer = world.lead.create_repository(file=(name, b"a\n1\n"))
    assert answer.status_code == 201, answer.text
    assert world.lead.get(f"/repository/{answer.json()['repository_id']}").json()["input"] == ["x.csv"]


@pytest.mark.parametrize("name", ["from_data", "limit"])
def test_an_unknown_query_parameter_is_refused(world, name):
    answer = world.lead.get(f"/repository?{name}=1")
    assert (answer.status_code, answer.json()["error"]) == (400, f"Invalid {name}")
    assert answer.json()["detail"].startswith("no such query parameter; the nearest is ")


def test_describe(world):
    answer = world.lead.get(f"/repository/{world.repository}")
    assert answer.status_code == 200
    body = answer.json()
    created = body.pop("created_on")
    # Other tests make jobs in it, for a moment.
    assert {world.finished, world.failed} <= set(body.pop("jobs"))
    assert body == {"repository_id": world.repository, "name": "Test Repository", "input": ["data_input.csv"],
                    "created_by": "lead", "params": True, "metadata": {"name": "Test Repository", "more_data": 42}}
    assert re.sub(r"\D", "", created) == world.repository[:14]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d:\d\d:\d\d", created)


def test_describe_one_without_anything(world):
    body = world.lead.get(f"/repository/{world.lead.repository()}").json()
    assert body["input"] == [] and body["jobs"] == [] and body["params"] is False and body["metadata"] == {}


@pytest.mark.parametrize("part", ["", "/input", "/params"])
@pytest.mark.parametrize("repository", [ABSENT_REPOSITORY, "1", "x" * 200, "2020092316293986951", "%20"])
def test_absent(world, part, repository):
    answer = world.lead.get(f"/repository/{repository}{part}")
    assert (answer.status_code, answer.json()) == (404, INVALID)


def test_input_is_returned_as_it_was_sent(world):
    files = {"one.csv": "1", "deep/two.txt": "2", "Operações.txt": "ç"}
    repository = world.lead.repository(file=("all.zip", zip_of(files)))
    answer = world.lead.get(f"/repository/{repository}/input")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/zip"
    assert unzip(answer.content) == {name: text.encode() for name, text in files.items()}


def test_input_of_a_repository_without_files(world):
    answer = world.lead.get(f"/repository/{world.empty_repository}/input")
    assert (answer.status_code, unzip(answer.content)) == (200, {})


def test_params(world):
    answer = world.lead.get(f"/repository/{world.repository}/params")
    assert (answer.status_code, answer.json()) == (200, world.PARAMS)
    assert world.lead.get(f"/repository/{world.empty_repository}/params").json() == {}


def test_list(world):
    answer = world.lead.get("/repository")
    assert answer.status_code == 200
    listed = answer.json()
    assert {world.repository, world.waiting_repository, world.empty_repository} <= set(listed)
    assert all(re.fullmatch(r"\d{18}", repository) for repository in listed)
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize(("query", "listed"), [
    ("from_date={now}&to_date={now}", True), ("from_date={now}", True), ("to_date={now}", True),
    ("from_date={before}&to_date={after}", True), ("from_date={after}", False), ("to_date={before}", False),
    ("from_date={after}&to_date={before}", False)])
def test_list_by_date(world, query, listed):
    query = query.format(now=minute(world.repository), before=minute(world.repository, -1),
                         after=minute(world.repository, 1))
    answer = world.lead.get(f"/repository?{query}")
    assert answer.status_code == 200, answer.text
    assert (world.repository in answer.json()) == listed


BAD_DATES = ["", "2020", "20200923162", "2020092316290", "202013011200", "202002301200", "202001012460", "202001012400",
             "2020-09-23T16", "20200923162x", "-20200923162", "%C2%B2020092316"]


@pytest.mark.parametrize("name", ["from_date", "to_date"])
@pytest.mark.parametrize("date", BAD_DATES)
def test_list_refuses_a_bad_date(world, name, date):
    answer = world.lead.get(f"/repository?{name}={date}")
    assert (answer.status_code, answer.json()["error"]) == (400, f"Invalid {name}")


def test_delete(world):
    repository = world.lead.repository(params={"a": 1})
    ended = world.lead.start(repository_id=repository)
    waiting = world.lead.start(repository_id=repository, params={"wait": True})
    world.lead.wait(ended)
    answer = world.lead.delete(f"/repository/{repository}")
    assert (answer.status_code, answer.json()) == (200, {"message": "Repository and jobs deleted"})
    for address in world.platform.replicas():
        rest = world.lead.at(address)
        for part in ("", "/input", "/params"):
            absent = rest.get(f"/repository/{repository}{part}")
            assert (absent.status_code, absent.json()) == (404, INVALID)
        assert repository not in rest.get("/repository").json()
        for job in (ended, waiting):
            for part in ("", "/result", "/params", "/output", "/logs"):
                absent = rest.get(f"/job/{job}{part}")
                assert (absent.status_code, absent.json()) == (404, {"error": "Invalid job_id"})
        refused = rest.execute(repository_id=repository)
        assert (refused.status_code, refused.json()) == (404, INVALID)
    again = world.lead.delete(f"/repository/{repository}")
    assert (again.status_code, again.json()) == (404, INVALID)


def test_delete_of_an_absent_one(world):
    answer = world.lead.delete(f"/repository/{ABSENT_REPOSITORY}")
    assert (answer.status_code, answer.json()) == (404, INVALID)


def test_delete_that_fails(world):
    """Simulates failing storage by a folder that the server may not change."""
    repository = world.lead.repository()
    folder = world.platform.repository_folder(repository)
    mode, owner = folder.stat().st_mode, folder.stat().st_uid
    os.chown(folder, 0, 0)
    folder.chmod(0o755)
    try:
        answer = world.lead.delete(f"/repository/{repository}")
        assert (answer.status_code, answer.json()) == (500, {"error": "Error deleting repository folder"})
    finally:
        os.chown(folder, owner, 2000)
        folder.chmod(mode)
    answer = world.lead.delete(f"/repository/{repository}")
    assert (answer.status_code, answer.json()) == (200, {"message": "Repository and jobs deleted"})

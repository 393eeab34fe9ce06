"""Single files of outputs and inputs: lists, content, and what a browser is told about them."""

import hashlib
import json
import zlib

import pytest
import raw_http

pytestmark = pytest.mark.xdist_group("contract")

POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
PAGE = b"<script>alert(document.domain)</script>"


def test_list_of_an_output(world):
    answer = world.lead.get(f"/job/{world.finished}/output/files")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    want = {name: text.encode() for name, text in world.PARAMS["output"].items()}
    assert {file["name"]: file for file in answer.json()} == {
        name: {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(),
               "crc32": f"{zlib.crc32(content):08x}",
               "type": "text/csv; charset=utf-8" if name.endswith(".csv") else "text/plain; charset=utf-8"}
        for name, content in want.items()}


def test_files_of_an_output(world):
    for name, text in world.PARAMS["output"].items():
        answer = world.lead.get(f"/job/{world.finished}/output/files/{name}")
        assert (answer.status_code, answer.content) == (200, text.encode())


def test_files_of_an_input(world):
    content = b"a,b\n1,2\n"
    digest = hashlib.sha256(content).hexdigest()
    answer = world.lead.get(f"/repository/{world.repository}/input/files")
    assert (answer.status_code, answer.json()) == (200, [{"name": "data_input.csv", "bytes": len(content), "sha256": digest,
                                                          "type": "text/csv; charset=utf-8"}])
    file = world.stake.get(f"/repository/{world.repository}/input/files/data_input.csv")
    assert (file.status_code, file.content, file.headers["ETag"]) == (200, content, f'"{digest}"')
    assert world.lead.get(f"/repository/{world.empty_repository}/input/files").json() == []


@pytest.mark.parametrize("part", ["", "/a.txt"])
def test_files_follow_the_job(world, part):
    for job in (world.queued, world.started):
        answer = world.lead.get(f"/job/{job}/output/files{part}")
        assert (answer.status_code, answer.json()) == (202, {"message": "Job not yet finished"})
    answer = world.lead.get(f"/job/{world.failed}/output/files{part}")
    assert (answer.status_code, answer.json()) == (500, {"error": "Job failed"})


@pytest.fixture(scope="module")
def pages(world):
    """A repository and a finished job with files that a browser would run."""
    names = ["page.html", "drawing.svg", "text.xml", "paper.pdf", "code.js", "noend"]
    repository = world.lead.repository(params={"output": {name: PAGE.decode() for name in names}},
                                       file=("page.json", json.dumps(PAGE.decode()).encode()))
    job = world.lead.start(repository_id=repository)
    assert world.lead.wait(job)["job_status"] == "finished"
    yield {name: f"/job/{job}/output/files/{name}" for name in names}
    assert world.lead.delete(f"/repository/{repository}").status_code == 200


def test_no_file_runs_as_a_page(world, pages):
    for path in pages.values():
        answer = world.lead.get(path)
        assert (answer.status_code, answer.content) == (200, PAGE)
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == POLICY


def test_a_table_opens(world):
    answer = world.lead.get(f"/job/{world.finished}/output/files/table.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'inline; filename="table.csv"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == POLICY


@pytest.mark.parametrize(("path", "status"), [
    ("../table.csv", 400), ("%2e%2e/table.csv", 400), ("..%2Ftable.csv", 400), ("sub/../table.csv", 400), ("/table.csv", 400),
    ("%2Fetc/passwd", 400), ("table.csv%00", 400), ("sub%5Cdeep.txt", 400), ("%FF", 400), ("%", 400), ("sub/", 400),
    ("table.csv%0D%0AX-Y:z", 400), ("sub", 404), ("TABLE.csv", 404), ("table.csv/x", 404), ("table%252Ecsv", 404),
    ("manifest.json", 404)])
def test_hostile_paths(world, path, status):
    for folder in (f"/job/{world.finished}/output", f"/repository/{world.repository}/input"):
        got, _, body = raw_http.request(world.lead.address, "GET", f"/api/v1{folder}/files/{path}",
                                        list(world.lead.identity.headers().items()))
        assert (got, json.loads(body)["error"]) == (status, "Invalid path")


def test_a_path_is_decoded_once(world):
    for path in ("sub/deep.txt", "sub%2Fdeep.txt", "%73ub/deep%2Etxt"):
        got, _, body = raw_http.request(world.lead.address, "GET", f"/api/v1/job/{world.finished}/output/files/{path}",
                                        list(world.lead.identity.headers().items()))
        assert (got, body) == (200, b"deep")

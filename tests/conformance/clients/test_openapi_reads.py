"""What the OpenAPI document says of all reads and deletions: preconditions, and HEAD beside GET."""

import pytest
from described import WHERE, Caller
from tenants import ABSENT_JOB, ABSENT_REPOSITORY

pytestmark = pytest.mark.xdist_group("contract")

ABSENT = {"upload_id": ABSENT_JOB, "job_id": ABSENT_JOB, "repository_id": ABSENT_REPOSITORY, "path": "x.csv", "key_id": "absent00"}
TUS = {"Tus-Resumable": "1.0.0"}


def operations(described, *methods):
    """(method, template of the path) of all operations with one of the methods."""
    return [(method.upper(), template) for template, item in described.document["paths"].items() for method in item if method in methods]


def filled(template, objects):
    file = "table.csv" if "output" in template else "data_input.csv"
    return template.format(**{"path": file, **objects})


def headers_of(template, repository):
    return {**(TUS if template.startswith("/uploads") else {}), **({"repository_id": repository} if template == "/job" else {})}


@pytest.fixture(scope="module")
def objects(world):
    """Objects that the reads find."""
    upload = world.lead.call("POST", "/uploads", {**TUS, "Upload-Length": "8"}).json()["upload_id"]
    yield {"job_id": world.finished, "repository_id": world.repository, "upload_id": upload}
    world.lead.call("DELETE", f"/uploads/{upload}", TUS)


@pytest.fixture(scope="module")
def deletable(world):
    """Objects of this test alone, for a server that deletes what it should not."""
    lead = world.lead
    repository = lead.repository()
    upload = lead.call("POST", "/uploads", {**TUS, "Upload-Length": "8"}).json()["upload_id"]
    key = lead.call("POST", "/keys", json={"username": "dev", "expires_in": 3600}).json()["key_id"]
    yield {"job_id": lead.start(repository_id=repository, params={"exit": 0}), "repository_id": repository, "upload_id": upload, "key_id": key}
    for path in (f"/repository/{repository}", f"/uploads/{upload}", f"/keys/{key}"):
        lead.call("DELETE", path, TUS)


def test_a_read_of_another_version_is_412(world, described, objects):
    call = Caller(described)
    reads = operations(described, "get", "head")
    assert len(reads) > 20
    for method, template in reads:
        headers = {**headers_of(template, world.repository), "If-Match": '"other"'}
        call(world.lead, 412, method, filled(template, objects), headers)
        if "{" in template:  # an error comes first
            call(world.lead, 404, method, filled(template, ABSENT), headers)


def test_a_page_that_has_not_changed_names_the_next_one_too(world, described):
    call = Caller(described)
    for path in ("/repository?page_size=1", "/job?page_size=1"):
        assert "Link" in call.read(world.lead, path).headers
        assert "Link" in call(world.lead, 304, "GET", path, {"If-None-Match": call(world.lead, 200, "GET", path).headers["ETag"]}).headers


def test_a_deletion_of_another_version_is_412_and_deletes_nothing(world, described, deletable):
    call = Caller(described)
    deletions = operations(described, "delete")
    assert len(deletions) == 4
    for refused in ({"If-Match": '"other"'}, {"If-None-Match": "*"}):
        for method, template in deletions:
            headers = {**headers_of(template, None), **refused}
            call(world.lead, 412, method, filled(template, deletable), headers)
            call(world.lead, 404, method, filled(template, ABSENT), headers)
    # Jobs before their repository.
    for method, template in sorted(deletions):
        status = 204 if template.startswith("/uploads") else 200
        call(world.lead, status, method, filled(template, deletable), {**headers_of(template, None), "If-Match": "*"})


def test_head_answers_as_get(world, described, objects):
    """The document has no HEAD beside GET: one sentence in it says that this holds for all."""
    assert "`HEAD` works wherever `GET` does" in described.document["info"]["description"]

    def seen(method, path, headers):
        # A stream may have no end.
        with world.lead.call(method, path, headers, stream=True) as answer:
            assert method == "GET" or answer.raw.read() == b"", path
            assert described.problems_of_headers("GET", path, answer) == [], f"{method} {path}: {WHERE}"
            return answer.status_code, {name: value for name, value in answer.headers.items() if name not in ("Date", "X-Request-Id")}

    for _, template in operations(described, "get"):
        path = filled(template, objects)
        for status, more in ((200, {}), (412, {"If-Match": '"other"'})):
            headers = {**headers_of(template, world.repository), **more}
            for _ in range(5):  # the length of some, for example of /usage, changes meanwhile
                get, head = seen("GET", path, headers), seen("HEAD", path, headers)
                if get == head:
                    break
            assert get[0] == status, path
            assert head == get, path

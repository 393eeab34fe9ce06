"""Spelling, encoding and malformed values of the identity headers, and the order of the checks."""

import json

import pytest
import raw_http
from tenants import ABSENT_JOB, ABSENT_REPOSITORY

pytestmark = pytest.mark.xdist_group("contract")

HEADERS = ["username", "organization_id", "application_id", "client_id", "x-api-key"]


def pairs(rest, **changes):
    """The identity as a list of headers; None removes one."""
    merged = {**rest.identity.headers(), **changes}
    return [(name, value) for name, value in merged.items() if value is not None]


def raw_get(rest, headers, path=f"/job/{ABSENT_JOB}"):
    status, _, body = raw_http.request(rest.address, "GET", f"/api/v1{path}", headers)
    return status, json.loads(body)


@pytest.mark.parametrize("path", ["/job/execute", f"/job/{ABSENT_JOB}", "/repository", "/nowhere"])
def test_no_shared_cache_may_keep_an_answer(world, path):
    for headers in (pairs(world.lead), [], [("bad name", "x")]):
        _, fields, _ = raw_http.request(world.lead.address, "GET", f"/api/v1{path}", headers)
        fields = {name.lower(): value for name, value in dict(fields).items()}
        assert fields["cache-control"] == "no-store"
        assert fields["x-content-type-options"] == "nosniff"
        varied = {name.strip() for name in fields["vary"].split(",")}
        assert {*HEADERS, "repository_id", "organization-id", "x_api_key"} <= varied


@pytest.mark.parametrize("path", [f"/job/{ABSENT_JOB}", "/usage", "/nowhere"])
def test_without_a_limit_of_the_rate_nothing_is_said_of_one(world, path):
    _, fields, _ = raw_http.request(world.lead.address, "GET", f"/api/v1{path}", pairs(world.lead))
    assert not [name for name in dict(fields) if name.lower().startswith("ratelimit")]


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("value", [None, ""], ids=["absent", "empty"])
def test_missing(world, name, value):
    assert raw_get(world.lead, pairs(world.lead, **{name: value})) == (400, {"error": f"Missing {name}"})


def test_the_first_missing_one_is_named(world):
    left = pairs(world.lead)
    for name in HEADERS:
        assert raw_get(world.lead, left[:HEADERS.index(name)]) == (400, {"error": f"Missing {name}"})


@pytest.mark.parametrize("spell", [str.upper, str.title, lambda name: name.replace("_", "-"),
                                   lambda name: name.replace("_", "-").upper(), lambda name: name.replace("-", "_")],
                         ids=["upper", "title", "hyphens", "upper-hyphens", "underscores"])
def test_spellings(world, spell):
    headers = [(spell(name), value) for name, value in pairs(world.lead)]
    assert raw_get(world.lead, headers) == (404, {"error": "Invalid job_id"})
    headers.append((spell("repository_id"), world.repository))
    assert raw_get(world.lead, headers, f"/job/{world.finished}")[0] == 200


@pytest.mark.parametrize("name", [*HEADERS, "repository_id"])
def test_twice(world, name):
    headers = pairs(world.lead, repository_id=world.repository)
    value = dict(headers)[name]
    for spelling in (name, name.replace("_", "-"), name.upper()):
        status, body = raw_get(world.lead, [*headers, (spelling, value)], f"/job/{world.finished}")
        assert (status, body["error"]) == (400, f"Invalid {name}")


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("value", [b"x" * 256, b"a\x01b", b"a\x7fb", b"a\tb"], ids=["long", "control", "delete", "tab"])
def test_malformed(world, name, value):
    status, body = raw_get(world.lead, pairs(world.lead, **{name: value}))
    assert status == 400
    assert body["error"] in (f"Invalid {name}", "Invalid request")


@pytest.mark.parametrize("line", [b"username: a\0b", b"username: a\rb", b"username: a\n b", b"user name: a", b"username : a"],
                         ids=["nul", "cr", "folded", "space", "space-before-colon"])
def test_malformed_lines(world, line):
    status, body = raw_http.send(world.lead.address, b"GET /api/v1/repository HTTP/1.1\r\nhost: x\r\n" + line + b"\r\n\r\n")
    assert status == 400
    assert body["error"].startswith("Invalid ")


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("value", ["somebody-else", "../../x", "..%2f", "*", "'; --", "x" * 255],
                         ids=["other", "dots", "escaped", "star", "quote", "longest"])
def test_unknown_names(world, name, value):
    assert raw_get(world.lead, pairs(world.lead, **{name: value})) == (401, {"error": "Invalid x-api-key"})


def test_ten_thousand_bytes(world):
    assert raw_get(world.lead, pairs(world.lead, username="x" * 10_000))[0] == 400


@pytest.mark.parametrize("headers", [[("x-long", "y" * 40_000)], [(f"x-{i}", "y") for i in range(200)]], ids=["long", "many"])
def test_heads_that_are_too_large(world, headers):
    status, _, body = raw_http.request(world.lead.address, "GET", "/api/v1/repository", [*pairs(world.lead), *headers])
    assert (status, json.loads(body)["error"]) == (431, "Headers too large")


def test_accents_in_both_encodings(world, tenants):
    rest = tenants.make("Probe", client="Operações", username="joão")
    for encoding in ("utf-8", "iso-8859-1"):
        headers = [(name, value.encode(encoding)) for name, value in pairs(rest)]
        assert raw_get(rest, headers) == (404, {"error": "Invalid job_id"})
    repository = rest.repository()
    assert rest.get(f"/repository/{repository}").json()["created_by"] == "joão"


@pytest.mark.parametrize("target", [
    "/api/v1/job/..", "/api/v1/job/%2e%2e", "/api/v1/job/%00", "/api/v1/job/" + "a" * 10_000, "/api/v1/job/%F0%9F%98%80",
    "/api/v1/job/x/../y", "/api/v1/repository/..%2f..%2fetc", "/api/v1/repository/%2e%2e/input", "/api/v1/job//result",
    "/api/v1/job/x/result/", "/api/v1//job", "//api/v1/job/x", "/api/v1/job/\\..\\x"])
def test_invalid_ids(world, target):
    status, _, body = raw_http.request(world.lead.address, "GET", target, pairs(world.lead))
    assert status in (400, 404), body
    assert json.loads(body)["error"]


# Each request violates a rule and all later ones in the chain. The answer must name the first.
ABSENT = f"/job/{ABSENT_JOB}"
BAD_JSON = {"content-type": "application/json"}
CHAIN = {
    "no such route": ("GET", "/nothing?from_date=x", "none", {}, None, (404, "Not found")),
    "method": ("PUT", ABSENT, "none", {}, None, (405, "Method not allowed")),
    "encoding": ("POST", "/job/execute", "none", {"content-encoding": "gzip"}, b"x", (415, "Unsupported media type")),
    "length": ("POST", "/job/execute", "none", {"content-length": "99999999999999"}, None, (413, "Payload too large")),
    "missing header": ("GET", "/job?from_date=x", "no-key", {}, None, (400, "Missing x-api-key")),
    "missing repository header": ("GET", "/job?from_date=x", "wrong-key", {}, None, (400, "Missing repository_id")),
    "key": ("GET", "/job?from_date=x", "wrong-key", {"repository_id": "x"}, None, (401, "Invalid x-api-key")),
    "role": ("GET", "/job?from_date=x", "stake", {"repository_id": "x"}, None, (403, "Permission denied")),
    "query": ("GET", "/job?from_date=x", "lead", {"repository_id": "x"}, None, (400, "Invalid from_date")),
    "first of two dates": ("GET", "/repository?to_date=x&from_date=x", "lead", {}, None, (400, "Invalid from_date")),
    "object": ("POST", "/job/execute", "lead", {"repository_id": ABSENT_REPOSITORY, **BAD_JSON}, b"{",
               (404, "Invalid repository_id")),
    "object before media type": ("POST", "/job/execute", "lead",
                                 {"repository_id": ABSENT_REPOSITORY, "content-type": "x/y"}, b"{",
                                 (404, "Invalid repository_id")),
    "role before object": ("DELETE", ABSENT, "dev", {}, None, (403, "Permission denied")),
    "role before body": ("POST", "/repository", "stake", BAD_JSON, b"{", (403, "Permission denied")),
    "key before body": ("POST", "/repository", "wrong-key", BAD_JSON, b"{", (401, "Invalid x-api-key")),
    "body": ("POST", "/repository", "lead", BAD_JSON, b"{", (400, "Invalid body")),
}


@pytest.mark.parametrize("name", CHAIN)
def test_order_of_checks(world, name):
    method, path, who, more, body, want = CHAIN[name]
    identity = {"none": [], "no-key": pairs(world.lead, **{"x-api-key": None}),
                "wrong-key": pairs(world.lead, **{"x-api-key": "vb_none_" + "0" * 43}),
                "stake": pairs(world.stake), "dev": pairs(world.dev), "lead": pairs(world.lead)}[who]
    status, _, answer = raw_http.request(world.lead.address, method, f"/api/v1{path}", [*identity, *more.items()], body or b"")
    assert (status, json.loads(answer)["error"]) == want


@pytest.mark.parametrize(("path", "allow"), [
    ("/repository", {"GET", "HEAD", "POST"}), ("/repository/x", {"GET", "HEAD", "DELETE"}), ("/repository/x/input", {"GET", "HEAD"}),
    ("/repository/x/params", {"GET", "HEAD"}), ("/job", {"GET", "HEAD"}), ("/job/execute", {"POST"}),
    ("/job/x", {"GET", "HEAD", "DELETE"}), ("/job/x/result", {"GET", "HEAD"}), ("/job/x/params", {"GET", "HEAD"}),
    ("/job/x/output", {"GET", "HEAD"}), ("/job/x/output/files", {"GET", "HEAD"}), ("/job/x/output/files/a/b", {"GET", "HEAD"}),
    ("/repository/x/input/files/a", {"GET", "HEAD"}), ("/job/x/logs", {"GET", "HEAD"})])
def test_other_methods(world, path, allow):
    for method in {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} - allow:
        answer = world.lead.call(method, path)
        assert answer.status_code == 405, method
        assert set(answer.headers["Allow"].split(", ")) == allow
        if method != "HEAD":
            assert answer.json() == {"error": "Method not allowed"}


@pytest.mark.parametrize("path", ["/", "/jobs", "/repositories", "/job/x/y", "/job/x/result/y", "/repository/x/output",
                                  "/Job/x", "/job/execute/x/y", "/job/x/output/files/", "/job/x/output/x", "/job/x/logs/files"])
def test_no_such_route(world, path):
    answer = world.lead.get(path)
    assert (answer.status_code, answer.json()) == (404, {"error": "Not found"})


def test_request_ids(world):
    path = f"/api/v1/job/{ABSENT_JOB}"
    _, fields, _ = raw_http.request(world.lead.address, "GET", path, [*pairs(world.lead), ("X-Request-ID", "from-the-client.1")])
    assert fields["x-request-id"] == "from-the-client.1"
    ids = [raw_http.request(world.lead.address, "GET", path, headers)[1]["x-request-id"]
           for headers in (pairs(world.lead), [*pairs(world.lead), ("X-Request-ID", "with space")], [], [("bad name", "x")])]
    assert len(set(ids)) == 4 and all(len(one) == 36 for one in ids)


def test_a_wrong_key_is_challenged(world):
    headers = pairs(world.lead, **{"x-api-key": "wrong"})
    status, fields, _ = raw_http.request(world.lead.address, "GET", f"/api/v1/job/{ABSENT_JOB}", headers)
    assert (status, fields["www-authenticate"]) == (401, 'ApiKey realm="vBrain", header="x-api-key"')

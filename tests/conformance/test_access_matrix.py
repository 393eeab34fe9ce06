"""Ten identities x every endpoint x four states of the object: the answer must follow from the contract's tables, and no
answer to another tenant may contain data of the owner."""

import base64
import json

import pytest
from platform_client import Rest, wait_until
from tenants import ABSENT_JOB, ABSENT_REPOSITORY, make_job_with_kubectl

pytestmark = pytest.mark.xdist_group("matrix")

CANARY = "canary-7f3a"
IDENTITIES = ["owner", "other user", "other app", "other org", "other client", "revoked", "expired", "stakeholder", "none",
              "malformed"]
STATES = ["absent", "queued", "running", "ended"]

# Name: method, path, permission. {job}, {repository} and {upload} come from the state.
ENDPOINTS = {
    "list repositories": ("GET", "/repository", "read repository"),
    "create repository": ("POST", "/repository", "create repository"),
    "describe repository": ("GET", "/repository/{repository}", "read repository"),
    "repository input": ("GET", "/repository/{repository}/input", "read repository"),
    "input files": ("GET", "/repository/{repository}/input/files", "read repository"),
    "job input files": ("GET", "/job/{job}/input/files", "read job"),
    "job input file": ("GET", f"/job/{{job}}/input/files/{CANARY}.csv", "read job"),
    "input file": ("GET", f"/repository/{{repository}}/input/files/{CANARY}.csv", "read repository"),
    "repository params": ("GET", "/repository/{repository}/params", "read repository"),
    "delete repository": ("DELETE", "/repository/{repository}", "delete repository"),
    "list jobs": ("GET", "/job", "read job"),
    "execute": ("POST", "/job/execute", "create job"),
    "describe job": ("GET", "/job/{job}", "read job"),
    "job result": ("GET", "/job/{job}/result", "read job"),
    "job params": ("GET", "/job/{job}/params", "read job"),
    "job output": ("GET", "/job/{job}/output", "read job"),
    "output files": ("GET", "/job/{job}/output/files", "read job"),
    "output file": ("GET", f"/job/{{job}}/output/files/{CANARY}.txt", "read job"),
    "job logs": ("GET", "/job/{job}/logs", "read job"),
    "delete job": ("DELETE", "/job/{job}", "delete job"),
    "cancel job": ("POST", "/job/{job}/cancel", "delete job"),
    "suspend job": ("POST", "/job/{job}/suspend", "delete job"),
    "resume job": ("POST", "/job/{job}/resume", "delete job"),
    "retry job": ("POST", "/job/{job}/retry", "delete job"),
    "list keys": ("GET", "/keys", "manage keys"),
    "make key": ("POST", "/keys", "manage keys"),
    "delete key": ("DELETE", "/keys/{key}", "manage keys"),
    "batch": ("POST", "/job/batch", "create job"),
    "log stream": ("GET", "/job/{job}/logs/stream?follow=false", "read job"),
    "job events": ("GET", "/job/{job}/events", "read job"),
    "all events": ("GET", "/events", "read job"),
    "upload options": ("OPTIONS", "/uploads", "create job"),
    "create upload": ("POST", "/uploads", "create job"),
    "describe upload": ("HEAD", "/uploads/{upload}", "create job"),
    "continue upload": ("PATCH", "/uploads/{upload}", "create job"),
    "delete upload": ("DELETE", "/uploads/{upload}", "create job"),
    "application": ("GET", "/application", "read usage"),
    "usage": ("GET", "/usage", "read usage"),
}
NEEDS_REPOSITORY = {"list jobs", "execute", "batch"}  # in the header
STREAMS = {"job events", "all events"}  # they do not end while the job runs, or never
TUS = {"Tus-Resumable": "1.0.0"}
STREAM = {"Content-Type": "application/offset+octet-stream"}
HEADERS = {"create upload": {**TUS, "Upload-Length": "1"}, "describe upload": TUS, "delete upload": TUS,
           "continue upload": {**TUS, **STREAM, "Upload-Offset": "0"}}
PERMISSIONS = {
    "leader": {"create repository", "read repository", "delete repository", "create job", "read job", "delete job", "read usage",
               "manage keys"},
    "developer": {"create repository", "read repository", "create job", "read job", "read usage"},
    "stakeholder": {"read repository", "create job", "read usage"},
}
ROLES = {"owner": "leader", "other user": "developer", "stakeholder": "stakeholder",
         "other app": "leader", "other org": "leader", "other client": "leader"}
NOT_YET = (202, {"message": "Job not yet finished"})
CHANGES = {"delete repository", "delete job", "cancel job", "resume job", "delete upload"}  # need an object of their own


def expected(identity, endpoint, state):
    """(status, body or None if the tables do not define it), from the contract's tables alone."""
    method, path, permission = ENDPOINTS[endpoint]
    if identity == "none":
        return 400, {"error": "Missing username"}
    if identity == "malformed":
        return 400, {"error": "Invalid username"}
    if identity in ("revoked", "expired"):
        return 401, {"error": "Invalid x-api-key"}
    if permission not in PERMISSIONS[ROLES[identity]]:
        return 403, {"error": "Permission denied"}
    unseen = state == "absent" or identity.startswith("other ") and identity != "other user"
    if unseen and "{job}" in path:
        return 404, {"error": "Invalid job_id"}
    if unseen and "{upload}" in path:
        return 404, {"error": "Invalid upload_id"}
    if unseen and ("{repository}" in path or endpoint in NEEDS_REPOSITORY):
        return 404, {"error": "Invalid repository_id"}
    if endpoint == "make key":
        return 415, None  # it is sent without a body; test_keys.py makes keys
    if endpoint == "delete key" and identity.startswith("other "):
        return 404, {"error": "Invalid key_id"}
    if endpoint == "delete key":
        return 409, None  # an operator made it
    if endpoint == "describe job":
        return (200 if state == "ended" else 202), None
    if endpoint in ("job result", "job output", "output files", "output file") and state != "ended":
        return NOT_YET
    if endpoint in ("cancel job", "suspend job", "resume job"):
        return (409 if state == "ended" else 200), None
    if endpoint in ("upload options", "continue upload", "delete upload"):
        return 204, None
    if endpoint == "retry job":
        return (201 if state == "ended" else 409), None
    return (201 if method == "POST" else 200), None


class Matrix:
    def __init__(self, platform, tenants, probe, make_application):
        make_application("Matrix-Other")
        key = {}
        members = []
        for username, role, arguments in (("owner", "leader", []), ("other user", "developer", []),
                                          ("stakeholder", "stakeholder", []), ("revoked", "leader", []),
                                          ("expired", "leader", ["--expires", "2020-01-01"])):
            key[username], entry = tenants.keygen(username, role, *arguments)
            members.append(entry)
        tenants.client(f"{CANARY}-org", "Probe", f"{CANARY}-client", members)
        owner = tenants.make("Probe").identity.but(username="owner", organization_id=f"{CANARY}-org",
                                                   client_id=f"{CANARY}-client", key=key["owner"])
        self.platform = platform
        self.users = {name: Rest(platform, owner.but(username=name, key=key[name])) for name in key}
        tenants.wait_for(self.users["owner"])
        tenants.client(f"{CANARY}-org", "Probe", f"{CANARY}-client", [m for m in members if m["username"] != "revoked"])
        tenants.wait_for(self.users["revoked"], known=False)
        # Valid users whose identity differs from the owner's in one name each.
        self.users["other app"] = tenants.make("Matrix-Other", organization="matrix", username="owner", client="matrix")
        self.users["other org"] = tenants.make("Probe", organization="matrix", username="owner", client="matrix")
        self.users["other client"] = tenants.make("Probe", organization="matrix-2", username="owner", client="matrix-2")
        self.users["none"] = self.users["malformed"] = self.users["owner"]
        self.key = key["owner"].split("_")[1]
        self.objects = {state: self.make(state) for state in STATES}
        self.wait()

    def make(self, state):
        """A repository with one job, both with the canary text in every field."""
        if state == "absent":
            return {"repository": ABSENT_REPOSITORY, "job": ABSENT_JOB, "upload": ABSENT_JOB, "state": state}
        owner = self.users["owner"]
        params = {"wait": state == "running", CANARY: CANARY, "say": CANARY, "log": CANARY,
                  "result": json.dumps(CANARY), "output": {f"{CANARY}.txt": CANARY}}
        repository = owner.repository(params=params, metadata={"name": CANARY}, file=(f"{CANARY}.csv", CANARY.encode()))
        if state == "queued":
            job = make_job_with_kubectl(self.platform, owner, suspend=True, repositoryId=repository, params={CANARY: CANARY})
        else:
            job = owner.start(repository_id=repository)
        name = base64.b64encode(f"{CANARY}.csv".encode()).decode()
        upload = owner.call("POST", "/uploads", {**TUS, "Upload-Length": "1", "Upload-Metadata": f"filename {name}"}).json()["upload_id"]
        return {"repository": repository, "job": job, "upload": upload, "state": state}

    def wait(self):
        owner = self.users["owner"]
        want = {"queued": "queued", "running": "started", "ended": "finished"}
        for state, thing in self.objects.items():
            if state in want:
                wait_until(f"the job is {state}", lambda: self.platform.everywhere(
                    owner, lambda user: user.state(thing["job"]) == want[state]))
        wait_until("one runs", lambda: "started attempt" in owner.log(self.objects["running"]["job"]))

    def ask(self, identity, endpoint, thing):
        method, path, _ = ENDPOINTS[endpoint]
        headers = {**HEADERS.get(endpoint, {}), **({"repository_id": thing["repository"]} if endpoint in NEEDS_REPOSITORY else {})}
        if identity == "none":
            headers.update({name: None for name in self.users["none"].identity.headers()})
        if identity == "malformed":
            headers["username"] = "x" * 256
        body = {"json": {"params": [{}]}} if endpoint == "batch" else {}
        return self.users[identity].call(method, path.format(key=self.key, **thing), headers, stream=endpoint in STREAMS, **body)


@pytest.fixture(scope="module")
def matrix(platform, tenants, probe, make_application):
    made = Matrix(platform, tenants, probe, make_application)
    yield made
    owner = made.users["owner"]
    for repository in owner.get("/repository").json():
        owner.delete(f"/repository/{repository}")


def method_of(endpoint):
    return ENDPOINTS[endpoint][0]


def beginning(answer):
    """What a stream sends first; of an answer that is no stream, all."""
    with answer:
        return next(answer.iter_content(chunk_size=None), b"")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("identity", IDENTITIES)
def test_access(matrix, identity, endpoint, state):
    status, body = expected(identity, endpoint, state)
    thing = matrix.objects[state]
    if endpoint in CHANGES and status in (200, 204):
        thing = matrix.make(state)
    answer = matrix.ask(identity, endpoint, thing)
    content = beginning(answer) if endpoint in STREAMS else answer.content
    assert answer.status_code == status, content
    if body is not None and method_of(endpoint) != "HEAD":
        assert json.loads(content) == body
    if identity not in ("owner", "other user", "stakeholder"):
        said = str(answer.headers).encode() + content
        for secret in (CANARY, thing["repository"], thing["job"], thing["upload"], matrix.key):
            assert secret.encode() not in said


def test_the_canaries_are_alive(matrix):
    """Checks the test above: the owner's answers do contain the canary."""
    thing = matrix.objects["ended"]
    for endpoint in ("describe repository", "repository params", "input files", "input file", "describe job", "job result",
                     "job params", "output files", "output file"):
        assert CANARY in matrix.ask("owner", endpoint, thing).text


@pytest.mark.parametrize("identity", ["other app", "other org", "other client"])
def test_foreign_attempts_change_nothing(matrix, identity):
    for state in ("queued", "running", "ended"):
        thing = matrix.objects[state]
        before = matrix.users["owner"].get(f"/repository/{thing['repository']}").json()
        for endpoint in ("delete job", "cancel job", "suspend job", "resume job", "retry job", "delete repository", "execute", "batch",
                         "continue upload", "delete upload"):
            assert matrix.ask(identity, endpoint, thing).status_code == 404
        assert matrix.users["owner"].get(f"/repository/{thing['repository']}").json() == before
        assert matrix.users["owner"].get(f"/job/{thing['job']}").status_code in (200, 202)
        assert matrix.ask("owner", "describe upload", thing).status_code == 200


def test_a_key_opens_its_own_tenant_only(matrix):
    """A correct key with one of the names changed."""
    owner = matrix.users["owner"]
    other = matrix.users["other org"].identity
    for change in ({"username": "other user"}, {"organization_id": other.organization_id},
                   {"application_id": "Matrix-Other"}, {"client_id": other.client_id}, {"key": other.key}):
        rest = Rest(owner.address, owner.identity.but(**change))
        for path in ("/repository", f"/job/{matrix.objects['ended']['job']}"):
            answer = rest.get(path)
            assert (answer.status_code, answer.json()) == (401, {"error": "Invalid x-api-key"})

"""What clients did is in the log of the pods that served them, each once, with their X-Request-Id."""

import json
import uuid

import pytest
from platform_client import wait_until
from tenants import ABSENT_JOB

pytestmark = pytest.mark.xdist_group("contract")

TUS = {"Tus-Resumable": "1.0.0"}
STREAM = {"Content-Type": "application/offset+octet-stream"}
WHO = ("username", "organization", "application", "client", "role")


def audit_lines(platform):
    """The audit lines of all replicas, as they are now."""
    lines = []
    for pod in platform.ready_pods("api-server"):
        for line in platform.kubectl("logs", pod["metadata"]["name"]).splitlines():
            if '"audit":true' in line:
                lines.append(json.loads(line))
    return lines


class Diary:
    """Sends requests with ids of their own, and remembers what should be in the log of each."""

    def __init__(self):
        self.wanted = {}

    def send(self, user, method, path, *wanted, **arguments):
        """`wanted`: (action, outcome) of each line. Returns the answer."""
        request = f"audit-{uuid.uuid4()}"
        answer = user.call(method, path, {"X-Request-Id": request, **arguments.pop("headers", {})}, **arguments)
        assert answer.headers["X-Request-Id"] == request
        role = {"lead": "leader", "dev": "developer", "stake": "stakeholder"}.get(user.identity.username, "leader")
        identity = (user.identity.username, user.identity.organization_id, user.identity.application_id, user.identity.client_id, role)
        self.wanted[request] = [(action, outcome, answer.status_code, *identity) for action, outcome in wanted]
        return answer

    def found(self, lines):
        found = {request: [] for request in self.wanted}
        for line in lines:
            if line.get("request_id") in found:
                found[line["request_id"]].append((line["action"], line["outcome"], line["status"], *(line[name] for name in WHO)))
        return found


def test_the_log_says_who_did_what(world, tenants):
    diary = Diary()
    lead, stake = world.lead, world.stake
    repository = diary.send(lead, "POST", "/repository", ("repository.create", "done"), json={"params": {}}).json()["repository_id"]
    inside = {"repository_id": repository}
    job = diary.send(lead, "POST", "/job/execute", ("job.execute", "done"), headers=inside, json={"params": {"wait": True}}).json()["job_id"]
    other = diary.send(lead, "POST", "/job/execute", ("repository.create", "done"), ("job.execute", "done"), json={}).json()
    batch = diary.send(lead, "POST", "/job/batch", ("job.batch", "done"), headers=inside, json={"params": [{}, {}]}).json()["job_ids"]
    diary.send(lead, "GET", f"/job/{job}")
    diary.send(stake, "GET", f"/job/{job}", ("job.read", "refused"))
    diary.send(stake, "DELETE", f"/job/{job}", ("job.delete", "refused"))
    diary.send(lead, "GET", f"/job/{ABSENT_JOB}", ("job.read", "refused"))
    stranger = tenants.make("Probe", organization="audit", client="audit")
    diary.send(stranger, "GET", f"/job/{job}", ("job.read", "refused"))
    diary.send(lead, "POST", f"/job/{job}/retry", ("job.retry", "refused"))
    diary.send(lead, "POST", f"/job/{job}/suspend", ("job.suspend", "done"))
    diary.send(lead, "POST", f"/job/{job}/resume", ("job.resume", "done"))
    diary.send(lead, "POST", f"/job/{job}/cancel", ("job.cancel", "done"))
    upload = diary.send(lead, "POST", "/uploads", ("upload.create", "done"), headers={**TUS, "Upload-Length": "3"}).json()["upload_id"]
    diary.send(lead, "PATCH", f"/uploads/{upload}", headers={**TUS, **STREAM, "Upload-Offset": "0"}, data=b"a")
    diary.send(lead, "PATCH", f"/uploads/{upload}", ("upload.complete", "done"), headers={**TUS, **STREAM, "Upload-Offset": "1"}, data=b"bc")
    diary.send(lead, "DELETE", f"/uploads/{upload}", ("upload.delete", "done"), headers=TUS)
    diary.send(lead, "DELETE", f"/job/{job}", ("job.delete", "done"))
    diary.send(lead, "DELETE", f"/repository/{repository}", ("repository.delete", "done"), ("job.delete", "done"))
    diary.send(lead, "DELETE", f"/repository/{other['repository_id']}", ("repository.delete", "done"), ("job.delete", "done"))
    wait_until("the log has them", lambda: sum(map(len, diary.found(audit_lines(world.platform)).values()))
               >= sum(map(len, diary.wanted.values())))
    lines = audit_lines(world.platform)
    assert diary.found(lines) == diary.wanted
    ours = [line for line in lines if line.get("request_id") in diary.wanted]
    assert {line["id"] for line in ours if line["action"] == "job.execute"} == {job, other["job_id"]}
    assert [line["ids"] for line in ours if line["action"] == "job.batch"] == [batch]
    secret = lead.identity.key.rsplit("_", 1)[1]
    assert secret not in json.dumps(lines)
    assert all(line["peer"] for line in ours) and {line["key_id"] for line in ours if line["username"] == "lead"} == {lead.identity.key.split("_")[1]}

"""Answers of a real server are as the OpenAPI document says, and have nothing that it does not describe."""

import uuid

import pytest
from described import Caller
from event_stream import says
from platform_client import wait_until
from tenants import ABSENT_JOB, ABSENT_REPOSITORY

pytestmark = pytest.mark.xdist_group("contract")

MOST_UPLOADS = 100  # of one tenant, without a setting (docs/configuration.md)


def test_answers_are_as_described(world, described):
    call = Caller(described)
    lead, job, repository = world.lead, f"/job/{world.finished}", f"/repository/{world.repository}"
    call(lead, 200, "GET", "/openapi.json")
    call.read(lead, "/usage")
    call.read(lead, "/application")
    call.read(lead, "/repository")
    call.read(lead, repository)
    call.read(lead, f"{repository}?jobs=false")
    call.read(lead, f"{repository}/params")
    call.download(lead, f"{repository}/input")
    call.read(lead, f"{repository}/input/files")
    call.read(lead, f"{job}/input/files")
    call.download(lead, f"{job}/input/files/data_input.csv")
    call.download(lead, f"{repository}/input/files/data_input.csv")
    call.read(lead, "/job", repository_id=world.repository)
    for id, status in ((world.finished, 200), (world.failed, 200), (world.started, 202), (world.queued, 202)):
        call(lead, status, "GET", f"/job/{id}")
        call(lead, status, "GET", f"/job/{id}?jobs=false&wait=0")
        call(lead, 200, "GET", f"/job/{id}/logs")
        call(lead, 200, "GET", f"/job/{id}/params")
    call.read(lead, job)
    call.read(lead, f"{job}/result")
    call.read(lead, f"{job}/params")
    call.download(lead, f"{job}/output")
    call.download(lead, f"{job}/logs")
    call.read(lead, f"{job}/output/files")
    call.download(lead, f"{job}/output/files/table.csv")
    call.download(lead, f"{job}/output/files/sub%2Fdeep.txt")
    for part in ("result", "output", "output/files", "output/files/a.txt"):
        call(lead, 202, "GET", f"/job/{world.started}/{part}")
        call(lead, 500, "GET", f"/job/{world.failed}/{part}")

    made = call(lead, 201, "POST", "/repository", json={"params": {"a": 1}, "metadata": {"name": "N"}}).json()["repository_id"]
    call(lead, 201, "POST", "/repository")
    call(lead, 201, "POST", "/repository", files={"file": ("a.csv", b"1,2\n"), "params": ("p", b"{}", "application/json")})
    started = call(lead, 201, "POST", "/job/execute", {"repository_id": made}, json={}).json()["job_id"]
    call(lead, 201, "POST", "/job/execute", json={"params": {"exit": 0}})
    call(lead, 412, "DELETE", f"/job/{started}", {"If-Match": '"other"'})
    call(lead, 200, "DELETE", f"/job/{started}")
    call(lead, 412, "DELETE", f"/repository/{made}", {"If-Match": '"other"'})
    call(lead, 200, "DELETE", f"/repository/{made}")

    call.read(lead, "/keys")
    key = call(lead, 201, "POST", "/keys", json={"username": "lead", "expires_in": 3600, "description": "d"}).json()["key_id"]
    wait_until("the key is listed", lambda: key in call(lead, 200, "GET", "/keys").text)
    call(lead, 200, "DELETE", f"/keys/{key}")
    call(lead, 409, "DELETE", f"/keys/{lead.identity.key.split('_')[1]}")
    call(lead, 400, "POST", "/keys", json={"username": "nobody"})
    call(lead, 413, "POST", "/keys", json={"username": "x" * 20_000})

    call(lead, 204, "OPTIONS", "/uploads")
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "8", "Content-Type": "application/offset+octet-stream"}
    upload = "/uploads/" + call(lead, 201, "POST", "/uploads", tus, data=b"1,2\n").json()["upload_id"]
    call(lead, 200, "HEAD", upload, tus)
    call(lead, 204, "PATCH", upload, {**tus, "Upload-Offset": "4"}, data=b"3,4\n")
    call(lead, 204, "DELETE", upload, tus)


def test_changes_of_jobs_are_as_described(world, described):
    call = Caller(described)
    lead, key = world.lead, {"Idempotency-Key": str(uuid.uuid4())}
    there = {"repository_id": world.waiting_repository}
    batch = {"params": [{"a": 1}, {"a": 2}], "metadata": {"name": "Batch"}, "priority": 1}
    first, second = call(lead, 201, "POST", "/job/batch", {**there, **key}, json=batch).json()["job_ids"]
    assert call(lead, 201, "POST", "/job/batch", {**there, **key}, json=batch).headers["Idempotency-Replayed"] == "true"
    for job, changes in ((first, ("suspend", "resume", "cancel", "cancel")), (second, ("cancel",))):
        for change in changes:
            call(lead, 200, "POST", f"/job/{job}/{change}")
    lead.wait(first)
    for change in ("suspend", "resume"):
        call(lead, 409, "POST", f"/job/{first}/{change}")
    call(lead, 200, "POST", f"/job/{first}/cancel")
    call(lead, 409, "POST", f"/job/{world.started}/retry")
    again = {"Idempotency-Key": str(uuid.uuid4())}
    retried = call(lead, 201, "POST", f"/job/{world.finished}/retry", again).json()["job_id"]
    assert call(lead, 201, "POST", f"/job/{world.finished}/retry", again).headers["Idempotency-Replayed"] == "true"
    for job in (first, second, retried):
        call(lead, 200, "DELETE", f"/job/{job}")


def test_streams_are_as_described(world, described):
    call = Caller(described)
    lead = world.lead
    call.follow(lead, f"/job/{world.started}/events", lambda kind, data: data["job_status"] == "started")
    for job in (world.finished, world.failed):
        last_id = call.follow(lead, f"/job/{job}/events", lambda kind, data: data["job_status"] in ("finished", "failed"))
        call(lead, 204, "GET", f"/job/{job}/events", {"Last-Event-ID": last_id})
    last_id = call.follow(lead, "/events", lambda kind, data: kind == "state" and data["last"])
    job = lead.start(repository_id=world.repository)
    last_id = call.follow(lead, "/events", lambda kind, data: says(kind, data, job) == "finished", last_id)
    call(lead, 200, "DELETE", f"/job/{job}")
    call.follow(lead, "/events", lambda kind, data: says(kind, data, job) == "deleted", last_id)
    for job in (world.queued, world.started, world.finished, world.failed):
        for query in ("stream=both", "stream=stderr&tail=1", "file=own.log"):
            call(lead, 200, "GET", f"/job/{job}/logs/stream?follow=false&{query}")
    assert call(lead, 200, "GET", f"/job/{world.finished}/logs/stream").text.startswith("started attempt 1")
    call(lead, 400, "GET", f"/job/{world.finished}/logs/stream?stream=all")


def test_pages_are_as_described(world, described):
    call = Caller(described)
    lead = world.lead
    for path, query in (("/repository", ""), ("/repository", "&order=desc&view=full"), ("/job", ""), ("/job", "&view=full&status=finished,failed")):
        first = call.read(lead, f"{path}?page_size=1{query}")
        assert len(first.json()) == 1, first.text
        # Without a next page there is no Link, so that the document cannot demand it.
        call.read(lead, path + first.links["next"]["url"])
        assert "next" not in call.read(lead, f"{path}?page_size=1000{query}").links
    call.read(lead, "/job?page_size=1", repository_id=world.repository)
    call(lead, 400, "GET", "/job?page_size=0")


def test_a_key_that_was_used_is_as_described(world, described):
    call = Caller(described)
    key, there = {"Idempotency-Key": str(uuid.uuid4())}, {"repository_id": world.empty_repository}
    repository = call(world.lead, 201, "POST", "/repository", key, json={}).json()["repository_id"]
    call(world.lead, 422, "POST", "/repository", key, json={"params": {"a": 1}})
    call(world.lead, 422, "POST", "/job/execute", key, json={})
    call(world.lead, 422, "POST", "/job/batch", {**key, **there}, json={"params": [{}]})
    call(world.lead, 422, "POST", f"/job/{world.finished}/retry", key)
    call(world.lead, 200, "DELETE", f"/repository/{repository}")


def test_too_many_are_as_described(described, probe, tenants):
    """Of uploads, whose limit is the lowest that a tenant has."""
    call = Caller(described)
    user = tenants.make("Probe")
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "1"}
    made = []
    while (answer := user.call("POST", "/uploads", tus)).status_code == 201:
        made.append(answer.json()["upload_id"])
        assert len(made) <= MOST_UPLOADS
    refused = call(user, 429, "POST", "/uploads", tus)
    assert "max-uploads" in refused.json()["detail"]
    call(user, 204, "DELETE", f"/uploads/{made[0]}", tus)
    call(user, 201, "POST", "/uploads", tus)


def test_refusals_are_as_described(world, described):
    call = Caller(described)
    lead = world.lead
    objects = {"{upload_id}": ABSENT_JOB, "{job_id}": ABSENT_JOB, "{repository_id}": ABSENT_REPOSITORY, "{path}": "x.csv", "{key_id}": "absent00"}
    for template, item in described.document["paths"].items():
        path = template
        for variable, id in objects.items():
            path = path.replace(variable, id)
        for method, operation in item.items():
            if operation.get("security") == []:
                continue
            method = method.upper()
            parameters = map(described.resolve, operation["parameters"])
            more = {item["name"]: item["schema"].get("const", ABSENT_REPOSITORY) for item in parameters
                    if item["in"] == "header" and item.get("required")}
            if template == "/job":  # required unless a page is asked for
                more["repository_id"] = ABSENT_REPOSITORY
            call(lead, 400, method, path, {**more, "username": None})
            call(lead, 400, method, path, {**more, "client_id": "x" * 256})
            call(lead, 400, method, path + "?no_such=1", more)
            call(lead, 401, method, path, {**more, "x-api-key": "vb_abcdef_" + "x" * 43})
            if "leader" in operation["x-roles"] and "stakeholder" not in operation["x-roles"]:
                call(world.stake, 403, method, path, more)
            if ("{" in template or more) and "requestBody" not in operation:
                call(lead, 404, method, path, more)
            if template in ("/job/execute", "/repository", "/keys") and method == "POST":
                call(lead, 415, method, path, {**more, "Content-Type": "text/plain"}, data=b"x")
                call(lead, 400, method, path, {**more, "Content-Type": "application/json"}, data=b"{")
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "8", "Content-Type": "application/offset+octet-stream"}
    upload = call(lead, 201, "POST", "/uploads", tus).json()["upload_id"]
    for method, path in (("POST", "/uploads"), *((method, f"/uploads/{upload}") for method in ("HEAD", "PATCH", "DELETE"))):
        call(lead, 412, method, path, {**tus, "Tus-Resumable": "0.2.2"})
    call(lead, 409, "PATCH", f"/uploads/{upload}", {**tus, "Upload-Offset": "1"}, data=b"x")
    call(lead, 413, "PATCH", f"/uploads/{upload}", {**tus, "Upload-Offset": "0"}, data=b"123456789")
    wrong = {**tus, "Upload-Offset": "0", "Upload-Checksum": "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="}
    call(lead, 460, "PATCH", f"/uploads/{upload}", wrong, data=b"x")
    call(lead, 409, "POST", "/job/execute", json={"upload_id": upload})
    call(lead, 404, "POST", "/repository", json={"upload_id": ABSENT_JOB})
    call(world.stake, 403, "POST", "/job/execute")
    call(lead, 404, "POST", "/job/execute", {"repository_id": ABSENT_REPOSITORY})
    call(lead, 404, "GET", f"/job/{world.finished}", {"repository_id": ABSENT_REPOSITORY})
    call(lead, 400, "GET", f"/job/{world.finished}?wait=61")
    call(lead, 400, "GET", f"/job/{world.finished}?jobs=maybe")
    call(lead, 400, "GET", "/repository?from_date=yesterday")
    call(lead, 404, "GET", f"/job/{world.finished}/output/files/none.csv")
    call(lead, 400, "GET", f"/job/{world.finished}/output/files/..%2Fx")
    call(lead, 413, "POST", "/repository", json={"params": {"a": "x" * 2_000_000}})

"""Answers of a real server are as the OpenAPI document says, and have nothing that it does not describe."""

import pytest
from described import Caller
from platform_client import wait_until
from tenants import ABSENT_JOB, ABSENT_REPOSITORY

pytestmark = pytest.mark.xdist_group("contract")


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

"""Resumable uploads (tus 1.0.0) on two replicas: with tuspy and curl, over connections that are cut."""

import base64
import hashlib
import io
import json
import random
import shutil
import subprocess
import sys
import zipfile

import pytest
import python_tools
from platform_client import zip_of
from proxy import CuttingProxy
from tenants import ABSENT_JOB

pytestmark = pytest.mark.xdist_group("contract")

STREAM = "application/offset+octet-stream"
VERSION = {"Tus-Resumable": "1.0.0"}


def create(user, length, name=None, **headers):
    if name:
        headers["Upload-Metadata"] = "filename " + base64.b64encode(name.encode()).decode()
    return user.call("POST", "/uploads", {**VERSION, "Upload-Length": str(length), **headers})


def patch(user, upload, offset, data, **headers):
    return user.call("PATCH", f"/uploads/{upload}", {**VERSION, "Upload-Offset": str(offset), "Content-Type": STREAM, **headers}, data=data)


def head(user, upload):
    return user.call("HEAD", f"/uploads/{upload}", VERSION)


def made(answer):
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_an_upload_on_every_replica_becomes_the_input_of_a_job(world):
    data = zip_of({"numbers.csv": "a,b\n1,2\n", "more/notes.txt": "x" * 5000})
    upload = made(create(world.lead, len(data), "input.zip"))["upload_id"]
    users = [world.lead.at(address) for address in world.platform.replicas()]
    pieces = [data[at:at + 100] for at in range(0, len(data), 100)]
    offset = 0
    for turn, piece in enumerate(pieces):
        writer, reader = users[turn % len(users)], users[(turn + 1) % len(users)]
        answer = patch(writer, upload, offset, piece)
        offset += len(piece)
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(offset)), answer.text
        seen = head(reader, upload)
        assert (seen.headers["Upload-Offset"], seen.headers["Upload-Length"]) == (str(offset), str(len(data)))
        assert seen.headers["Cache-Control"] == "no-store" and seen.headers["Tus-Resumable"] == "1.0.0"
    job = made(world.lead.call("POST", "/job/execute", json={"upload_id": upload, "params": {"result": "7"}}))
    assert sorted(world.lead.wait(job["job_id"])["input"]) == ["more/notes.txt", "numbers.csv"]
    assert world.lead.get(f"/repository/{job['repository_id']}/input/files/numbers.csv").content == b"a,b\n1,2\n"
    for user in users:
        again = user.call("POST", "/repository", json={"upload_id": upload})
        assert (again.status_code, again.json()["error"]) == (409, "Upload already used")
        assert head(user, upload).status_code == 404


def test_a_repeated_request_with_a_key_has_one_answer(world):
    upload = made(create(world.lead, 4, "a.csv"))["upload_id"]
    assert patch(world.lead, upload, 0, b"1,2\n").status_code == 204
    answers = [user.call("POST", "/job/execute", {"Idempotency-Key": upload}, json={"upload_id": upload})
               for user in map(world.lead.at, world.platform.replicas())]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1


def test_refusals(world):
    lead = world.lead
    assert lead.call("POST", "/uploads", {"Upload-Length": "1"}).status_code == 412
    assert create(lead, 1 << 50).json()["error"] == "Payload too large"
    assert create(lead, 1, "notes.txt").json()["error"] == "Invalid Upload-Metadata"
    assert create(lead, 1, **{"Upload-Defer-Length": "1"}).json()["error"] == "Invalid Upload-Defer-Length"
    upload = made(create(lead, 11, "a.csv"))["upload_id"]
    wrong = patch(lead, upload, 0, b"hello worle", **{"Upload-Checksum": "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="})
    assert (wrong.status_code, wrong.json()["error"]) == (460, "Checksum mismatch")
    assert patch(lead, upload, 5, b"x").json()["error"] == "Upload-Offset does not match"
    early = lead.call("POST", "/job/execute", json={"upload_id": upload})
    assert (early.status_code, early.json()["error"]) == (409, "Upload not yet complete")
    absent = lead.call("POST", "/job/execute", json={"upload_id": ABSENT_JOB})
    assert (absent.status_code, absent.json()) == (404, {"error": "Invalid upload_id"})
    assert lead.call("DELETE", f"/uploads/{upload}", VERSION).status_code == 204
    assert head(lead, upload).status_code == 404


def test_another_tenant_sees_nothing(world, tenants):
    upload = made(create(world.lead, 4, "a.csv"))["upload_id"]
    stranger = tenants.make("Probe")
    assert head(stranger, upload).status_code == 404
    assert patch(stranger, upload, 0, b"1,2\n").json() == {"error": "Invalid upload_id"}
    assert stranger.call("POST", "/job/execute", json={"upload_id": upload}).json() == {"error": "Invalid upload_id"}
    assert stranger.call("DELETE", f"/uploads/{upload}", VERSION).status_code == 404
    assert world.lead.call("DELETE", f"/uploads/{upload}", VERSION).status_code == 204


TUSPY = """
import json, sys
from tusclient.client import TusClient
url, headers, path, options = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
uploader = TusClient(url, headers=headers).uploader(path, metadata={"filename": "input.zip"}, **options)
uploader.upload()
print(uploader.url)
"""


def archive_of(folder, size):
    """A ZIP with one file of random bytes, which is not compressed, and the SHA-256 of that file."""
    data = random.Random(size).randbytes(size)
    with zipfile.ZipFile(folder / "input.zip", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("data.bin", data)
    return folder / "input.zip", hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(("size", "options"), [(64 << 20, {}), (3 << 20, {"chunk_size": 200_000, "upload_checksum": True})],
                         ids=["in one request", "in pieces with checksums"])
def test_tuspy_over_a_connection_that_is_cut_ten_times(world, tmp_path, size, options):
    try:
        environment = python_tools.environment("tuspy")
    except RuntimeError as problem:
        pytest.skip(str(problem))
    path, digest = archive_of(tmp_path, size)
    host, port = world.lead.address.split(":")
    proxy = CuttingProxy((host, int(port)), 10, min(size // 12, 100_000 if options else size))
    try:
        done = subprocess.run(
            [sys.executable, "-c", TUSPY, f"http://127.0.0.1:{proxy.port}/api/v1/uploads", json.dumps(world.lead.identity.headers()), str(path),
             json.dumps({"retries": 20, "retry_delay": 0, **options})],
            env={**environment, "NO_PROXY": "*", "no_proxy": "*"}, capture_output=True, text=True, timeout=300, check=False)
    finally:
        proxy.close()
    assert done.returncode == 0, done.stderr[-2000:]
    assert proxy.left == 0, "the connection was cut ten times"
    repository = made(world.lead.call("POST", "/repository", json={"upload_id": done.stdout.strip().rpartition("/")[2]}))["repository_id"]
    files = world.lead.get(f"/repository/{repository}/input/files").json()
    assert [(file["name"], file["bytes"], file["sha256"]) for file in files] == [("data.bin", size, digest)]
    assert world.lead.delete(f"/repository/{repository}").status_code == 200


def test_curl_goes_on_after_a_cut(world, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    path, digest = archive_of(tmp_path, 8 << 20)
    upload = made(create(world.lead, path.stat().st_size))["upload_id"]
    host, port = world.lead.address.split(":")
    proxy = CuttingProxy((host, int(port)), 3, 2 << 20)
    headers = [part for name, value in {**world.lead.identity.headers(), **VERSION, "Content-Type": STREAM}.items()
               for part in ("-H", f"{name}: {value}")]
    try:
        for _ in range(10):
            offset = int(head(world.lead, upload).headers["Upload-Offset"])
            if offset == path.stat().st_size:
                break
            with path.open("rb") as file:
                file.seek(offset)
                rest = io.BytesIO(file.read())
            subprocess.run(["curl", "-sS", "--noproxy", "*", *headers, "-H", f"Upload-Offset: {offset}", "-X", "PATCH", "--data-binary", "@-",
                            f"http://127.0.0.1:{proxy.port}/api/v1/uploads/{upload}"], input=rest.getvalue(), capture_output=True,
                           timeout=120, check=False)
    finally:
        proxy.close()
    assert proxy.left == 0
    repository = made(world.lead.call("POST", "/repository", json={"upload_id": upload}))["repository_id"]
    assert world.lead.get(f"/repository/{repository}/input/files").json()[0]["sha256"] == digest
    assert world.lead.delete(f"/repository/{repository}").status_code == 200

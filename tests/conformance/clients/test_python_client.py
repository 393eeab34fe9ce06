"""The Python package (clients/python) on the installed platform."""

import asyncio
import http.server
import os
import ssl
import subprocess
import sys
import threading
import zipfile

import pytest
from platform_client import wait_until
from python_package import PACKAGE, arguments, vbrain
from tenants import ABSENT_JOB

pytestmark = pytest.mark.xdist_group("contract")


def test_a_job_from_files_to_files(client, tmp_path):
    job = client.run("Probe", {"result": '{"sum": 3}', "output": {"out.csv": "x\n3\n", "sub/a b.txt": "deep"}},
                     {"in.csv": "x\n1\n2\n", "more/notes.txt": b"hello"}, metadata={"name": "From Python"})
    assert job.result() == {"sum": 3}
    info = job.info()
    assert (info.status, info.name, sorted(info.input)) == ("finished", "From Python", ["in.csv", "more/notes.txt"])
    assert info.finished_on >= info.created_on
    assert {file.name: file.bytes for file in job.files()} == {"out.csv": 4, "sub/a b.txt": 4}
    assert job.read("sub/a b.txt") == b"deep"
    assert job.download("sub/a b.txt", tmp_path).read_text() == "deep"
    with zipfile.ZipFile(job.download_output(tmp_path / "all.zip")) as archive:
        assert sorted(archive.namelist()) == ["out.csv", "sub/a b.txt"]
    with zipfile.ZipFile(job.download_logs(tmp_path)) as archive:
        assert b"started attempt 1" in archive.read("stdout.log")
    assert job.params()["result"] == '{"sum": 3}'
    job.delete()
    with pytest.raises(vbrain.NotFound, match="Invalid job_id"):
        job.info()


def test_a_download_is_continued(client, world, tmp_path):
    job = client.job(world.finished)
    whole = job.download_output(tmp_path / "whole.zip").read_bytes()
    target = tmp_path / "cut.zip"
    target.with_name("cut.zip.part").write_bytes(whole[:10])
    target.with_name("cut.zip.part.etag").write_text(world.lead.get(f"/job/{world.finished}/output").headers["ETag"])
    assert job.download_output(target).read_bytes() == whole
    # Of another version nothing is kept.
    target.with_name("cut.zip.part").write_bytes(b"x" * 10)
    target.with_name("cut.zip.part.etag").write_text('"other"')
    assert job.download_output(target).read_bytes() == whole


def test_refusals(client, world):
    with pytest.raises(vbrain.NotFound) as refused:
        client.job(ABSENT_JOB).info()
    assert (refused.value.error, bool(refused.value.request_id)) == ("Invalid job_id", True)
    with pytest.raises(vbrain.JobFailed, match="NonZeroExit") as failed:
        client.job(world.failed).result()
    assert failed.value.info.attempts == 1
    with pytest.raises(TimeoutError, match="started"):
        client.job(world.started).result(timeout=0)
    with pytest.raises(vbrain.InvalidRequest, match="Invalid file"):
        client.run(files={"broken.xlsx": b"no workbook"})
    with vbrain.Client(**{**arguments(world.lead), "api_key": "vb_abcdef_" + "x" * 43}) as stranger:
        with pytest.raises(vbrain.Unauthorized):
            stranger.usage()


def test_a_repository_for_several_jobs(client):
    repository = client.create_repository({"result": "1"}, {"in.csv": "x\n"}, metadata={"name": "shared"})
    assert repository in client.repositories()
    assert client.repository(repository)["name"] == "shared"
    jobs = [client.run(params={"result": str(number)}, repository_id=repository) for number in (2, 3)]
    assert [job.result() for job in jobs] == [2, 3]
    assert client.jobs(repository) == [job.id for job in jobs]
    wait_until("the usage is measured", lambda: client.usage()["bytes_used"] > 0)
    client.delete_repository(repository)


def test_a_batch_and_what_changes_a_job(client):
    repository = client.create_repository({"wait": True}, {"in.csv": "x\n"})
    first, second = client.batch(repository, [{"wait": False, "result": "1"}, {}])
    assert first.result() == 1
    with pytest.raises(TimeoutError, match="has not ended"):
        second.files()
    with pytest.raises(vbrain.Conflict, match="Job not yet finished"):
        second.retry()
    second.cancel()
    assert second.wait().reason == "Cancelled"
    for call in (second.files, lambda: second.read("x")):
        with pytest.raises(vbrain.JobFailed, match="Cancelled"):
            call()
    again = first.retry()
    assert (again.id != first.id, again.result()) == (True, 1)
    with pytest.raises(vbrain.Conflict, match="Job cannot be changed"):
        again.cancel()
    client.delete_repository(repository)


def test_priority(client, world):
    repository = client.create_repository({"wait": True})
    jobs = [client.run(repository_id=repository, priority=7), client.run(files={"in.csv": "x\n"}, repository_id=repository, priority=7),
            *client.batch(repository, [{}, {}], priority=7)]
    assert [world.platform.job(job.id)["spec"]["priority"] for job in jobs] == [7, 7, 7, 7]
    with vbrain.Client(**arguments(world.dev)) as developer:
        with pytest.raises(vbrain.Forbidden):
            developer.batch(repository, [{}], priority=1)
    client.delete_repository(repository)


def test_an_address_that_the_operator_has_not_allowed(client, world):
    for submit in (lambda: client.run(repository_id=world.empty_repository, callback_url="https://127.0.0.1/"),
                   lambda: client.batch(world.empty_repository, [{}], callback_url="https://127.0.0.1/")):
        with pytest.raises(vbrain.InvalidRequest, match="Invalid callback_url"):
            submit()


def test_events_and_logs(client, world):
    job = client.run(params={"result": "1", "say": "the last line"})
    assert [info.status for info in job.events()][-1] == "finished"
    lines = list(job.logs())
    assert lines[0].startswith("started attempt 1") and lines[-1] == "the last line"
    assert list(job.logs(False, stream="stderr")) == ["a line for stderr"] and list(job.logs(tail=1)) == ["the last line"]

    async def read():
        async with vbrain.AsyncClient(**arguments(world.lead)) as asynchronous:
            same = asynchronous.job(job.id)
            return [info.status async for info in same.events()], [line async for line in same.logs()]

    assert asyncio.run(read()) == (["finished"], lines)
    job.delete()


def test_a_large_input_is_sent_in_pieces(client, world, monkeypatch):
    monkeypatch.setattr(vbrain.uploads, "RESUMABLE_FROM", 1)
    monkeypatch.setattr(vbrain.uploads, "CHUNK", 1000)
    table = "x\n" + "1\n" * 5000
    job = client.run(params={"result": "1"}, files={"in.csv": table})
    assert (job.result(), job.info().input) == (1, ["in.csv"])

    async def run():
        async with vbrain.AsyncClient(**arguments(world.lead)) as asynchronous:
            same = await asynchronous.run(params={"result": "2"}, files={"in.csv": table})
            return same.repository_id, await same.result()

    repository, result = asyncio.run(run())
    assert result == 2
    assert world.lead.get(f"/repository/{repository}/input/files/in.csv").text == table


def test_names_in_any_script(platform, tenants, probe, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    key, entry = tenants.keygen("東", "leader")
    who = {"username": "東", "organization_id": "Ελλάδα", "application_id": "Probe", "client_id": f"北-{tenants.prefix}", "api_key": key}
    tenants.client(who["organization_id"], who["application_id"], who["client_id"], [entry])

    def known(address):
        try:
            with vbrain.Client(f"http://{address}", **who) as made:
                return bool(made.usage())
        except vbrain.Unauthorized:
            return False

    wait_until("every replica knows the key", lambda: all(known(address) for address in platform.replicas()))
    with vbrain.Client(f"http://{platform.address}", **who) as client:
        job = client.run(params={"result": "1"}, files={"東.csv": "x\n"}, metadata={"name": "北京"})
        assert (job.result(), job.info().created_by, job.info().input) == (1, "東", ["東.csv"])
        assert [each.id for each in client.iter_jobs(created_by="東", name="京", page_size=1)] == [job.id]
        assert client.read_input_file(job.repository_id, "東.csv") == b"x\n"
        assert [each.username for each in client.keys()] == ["東"]
        client.delete_repository(job.repository_id)


def test_async_jobs_are_waited_for_together(client, world):
    async def run():
        async with vbrain.AsyncClient(**arguments(world.lead)) as asynchronous:
            jobs = [await asynchronous.run(params={"result": str(number)}) for number in range(3)]
            results = await asyncio.gather(*[job.result() for job in jobs])
            for job in jobs:
                await job.delete()
            return results

    assert asyncio.run(run()) == [0, 1, 2]


def test_pip_installs_the_package(tmp_path, client, world):
    """Into a fresh environment, with Debian's httpx; nothing comes from the internet."""
    copy = tmp_path / "python"
    subprocess.run(["cp", "-r", PACKAGE, copy], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", tmp_path / "venv"], check=True)
    done = subprocess.run([tmp_path / "venv/bin/python", "-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation", "--no-deps",
                           copy], capture_output=True, text=True, check=False)
    if "No module named 'wheel'" in done.stderr or "bdist_wheel" in done.stderr:
        pytest.skip("python3-wheel is not installed")
    assert done.returncode == 0, done.stderr
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment.update({f"VBRAIN_{name.upper()}": value for name, value in arguments(world.lead).items()})
    done = subprocess.run([tmp_path / "venv/bin/python", "-c",
                           "import vbrain; print(vbrain.Client().usage()['bytes_used'] >= 0, vbrain.__file__)"],
                          cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("True ") and "site-packages" in done.stdout, done.stdout + done.stderr


class Usage(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "8")
        self.end_headers()
        self.wfile.write(b'{"a": 1}')

    def log_message(self, *arguments):
        pass


def test_the_authority_of_a_server_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=own",
                           "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "own.pem"], cwd=tmp_path, capture_output=True, check=False)
    assert made.returncode == 0, made.stderr
    server = http.server.HTTPServer(("127.0.0.1", 0), Usage)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem", tmp_path / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        who = {"url": f"https://127.0.0.1:{server.server_port}", "username": "ana", "organization_id": "acme", "application_id": "Probe", "client_id": "north",
               "api_key": "vb_x", "tries": 1}
        with vbrain.Client(**who, ca_file=tmp_path / "own.pem") as client:
            assert client.usage() == {"a": 1}
        with vbrain.Client(**who) as client, pytest.raises(vbrain.ConnectionFailed, match="certificate verify failed"):
            client.usage()
        with pytest.raises(ValueError, match="VBRAIN_CA_FILE.*none.pem"):
            vbrain.Client(**who, ca_file=tmp_path / "none.pem")

        async def read_usage():
            monkeypatch.setenv("VBRAIN_CA_FILE", str(tmp_path / "own.pem"))
            async with vbrain.AsyncClient(**who) as client:
                return await client.usage()

        assert asyncio.run(read_usage()) == {"a": 1}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

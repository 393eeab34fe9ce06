"""Large inputs of the Python package: sent in pieces, continued at the server's offset."""

import asyncio
import io
import json
import threading

import httpx
import pytest
from fake_client import CREATED, client, vbrain
from fake_server import IDENTITY, JOB

DATA = bytes(range(256)) * 40
UPLOAD = "01939c44-5b7e-7d10-8f3a-1c2d3e4f5a6b"


class TusServer(httpx.MockTransport):
    """Uploads and jobs. `faults`: what happens to the next PATCH requests; None: nothing. An int: the connection breaks behind so many
    bytes, which are kept. A status: refused."""

    def __init__(self, *faults, execute=CREATED, create=201):
        super().__init__(self.serve)
        self.faults, self.execute, self.create = list(faults), execute, create
        self.data, self.calls, self.requests, self.length = b"", [], [], None

    def serve(self, request):
        body = request.read()
        self.calls.append(f"{request.method} {request.url.path.removeprefix('/api/v1')}")
        self.requests.append(request)
        if "/uploads" in request.url.path:
            assert request.headers["Tus-Resumable"] == "1.0.0" and request.headers["x-api-key"]
            return getattr(self, request.method.lower())(request, body)
        status, told, *headers = self.execute
        return httpx.Response(status, json=told, headers=headers[0] if headers else {})

    def post(self, request, body):
        if self.create != 201:
            return httpx.Response(self.create, json={"error": "Not found"})
        self.length, self.metadata = int(request.headers["Upload-Length"]), request.headers["Upload-Metadata"]
        return httpx.Response(201, json={"message": "Upload created", "upload_id": UPLOAD}, headers={"Upload-Offset": "0"})

    def patch(self, request, body):
        assert (request.headers["Content-Type"], request.headers["Content-Length"]) == ("application/offset+octet-stream", str(len(body)))
        assert "Transfer-Encoding" not in request.headers
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, tuple):
            return httpx.Response(fault[0], json={"error": "x"}, headers=fault[1])
        if int(request.headers["Upload-Offset"]) != len(self.data):
            return httpx.Response(409, json={"error": "Upload-Offset does not match"})
        self.data += body[:fault]
        if fault is not None:
            raise httpx.WriteError("broken pipe")
        return httpx.Response(204, headers={"Upload-Offset": str(len(self.data))})

    def head(self, request, body):
        return httpx.Response(200, headers={"Upload-Offset": str(len(self.data)), "Upload-Length": str(self.length)})

    def delete(self, request, body):
        return httpx.Response(204)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(vbrain.uploads, "RESUMABLE_FROM", 1000)
    monkeypatch.setattr(vbrain.uploads, "CHUNK", 4096)
    monkeypatch.setattr(vbrain.content, "READ", 1000)


def with_server(server, **more):
    slept = []
    made = vbrain.Client(**{**IDENTITY, **more}, transport=server, sleep=slept.append)
    made.slept = slept
    return made


PATCH, HEAD, DELETE = f"PATCH /uploads/{UPLOAD}", f"HEAD /uploads/{UPLOAD}", f"DELETE /uploads/{UPLOAD}"


def test_a_large_input_is_sent_in_pieces():
    server = TusServer()
    assert with_server(server).run("Tutorial", {"a": 1}, {"in.csv": DATA}).id == JOB
    assert server.calls == ["POST /uploads", PATCH, PATCH, PATCH, "POST /job/execute"]
    assert (server.data, server.length, server.metadata) == (DATA, len(DATA), "filename aW4uY3N2")
    sent = server.requests[-1]
    assert (sent.headers["upload_id"], json.loads(sent.content)) == (UPLOAD, {"params": {"a": 1}})
    assert all(request.headers["application_id"] == "Tutorial" for request in server.requests)
    assert sent.extensions["timeout"]["read"] == 600.0  # the server unpacks it before it answers


@pytest.mark.parametrize("faults", [[0], [1], [4095], [1000, 0, 0, 0, 5, (503, {"Retry-After": "7"})], [(409, {})], [(408, {})], [(460, {})], [(429, {})]])
def test_an_upload_goes_on_where_it_was_cut(faults):
    server = TusServer(*faults)
    vb = with_server(server)
    assert vb.run(files={"in.csv": DATA}).id == JOB
    assert server.data == DATA and server.calls.count(HEAD) == len(faults) == len(vb.slept)
    assert server.calls.count("POST /uploads") == 1


def test_an_upload_is_not_tried_for_ever():
    server = TusServer(*99 * [0])
    with pytest.raises(vbrain.ConnectionFailed, match="WriteError: broken pipe"):
        with_server(server, tries=3).run(files={"in.csv": DATA})
    assert server.calls == ["POST /uploads", PATCH, HEAD, PATCH, HEAD, PATCH]


def test_an_upload_outlasts_an_outage_of_minutes():
    server, lost = TusServer(1000), 14 * [httpx.ConnectError("refused")]
    head = server.head
    vb = with_server(server)

    def away(request, body):
        if lost:
            raise lost.pop()
        return head(request, body)

    server.head = away
    vb.run(files={"in.csv": DATA})
    assert server.data == DATA and sum(vb.slept) > 90


def test_small_inputs_and_those_with_a_key_of_the_caller_are_forms():
    for options, data in (({}, b"1,2"), ({"idempotency_key": "mine"}, DATA)):
        server = TusServer()
        with_server(server).run(files={"in.csv": data}, **options)
        assert server.calls == ["POST /job/execute"] and data in server.requests[0].content


@pytest.mark.parametrize("status", [404, 405, 429])
def test_a_server_that_takes_no_upload_gets_a_form(status):
    server = TusServer(create=status)
    with_server(server).run(files={"in.csv": DATA})
    assert server.calls == ["POST /uploads", "POST /job/execute"] and DATA in server.requests[1].content


def test_a_proxy_that_lets_no_patch_pass_gets_a_form():
    server = TusServer((405, {}))
    with_server(server).run(files={"in.csv": DATA})
    assert server.calls == ["POST /uploads", PATCH, DELETE, "POST /job/execute"] and DATA in server.requests[3].content


def test_an_upload_of_a_refused_job_is_deleted():
    server = TusServer(execute=(400, {"error": "Invalid params"}))
    with pytest.raises(vbrain.InvalidRequest):
        with_server(server).run(files={"in.csv": DATA})
    assert server.calls[-2:] == ["POST /job/execute", DELETE]
    server = TusServer((507, {}))
    with pytest.raises(vbrain.InsufficientStorage):
        with_server(server).create_repository(files={"in.csv": DATA})
    assert server.calls == ["POST /uploads", PATCH, DELETE]
    server = TusServer(execute=(500, {"error": "Internal error"}))  # the job may exist
    with pytest.raises(vbrain.ServerError):
        with_server(server, tries=1).run(files={"in.csv": DATA})
    assert DELETE not in server.calls


def test_a_lost_submission_of_an_upload_is_repeated_with_its_upload():
    server = TusServer()
    answers = [httpx.ReadError("lost"), CREATED]
    serve = server.serve

    def lose(request):
        if request.method == "OPTIONS":
            return httpx.Response(204, headers={"Tus-Version": "1.0.0"})
        answer = serve(request)
        if request.url.path.endswith("/execute") and isinstance(answers[0], Exception):
            raise answers.pop(0)
        return answer

    server.handler = lose
    with_server(server).run(files={"in.csv": DATA})
    first, second = [request for request in server.requests if request.url.path.endswith("/execute")]
    assert first.headers["upload_id"] == second.headers["upload_id"] == UPLOAD
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"] and first.content == second.content


@pytest.mark.parametrize("offset", ["", "-1", "99999", "x"])
def test_an_offset_that_cannot_be_is_an_error(offset):
    server = TusServer()
    server.head = server.patch = lambda request, body: httpx.Response(204, headers={"Upload-Offset": offset})
    with pytest.raises(vbrain.ApiError, match="Invalid Upload-Offset"):
        with_server(server).run(files={"in.csv": DATA})


def test_a_file_that_becomes_shorter_is_an_error(tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes(DATA)
    server = TusServer()
    patch = server.patch

    def shorten(request, body):
        path.write_bytes(b"")
        return patch(request, body)

    server.patch = shorten
    with pytest.raises(ValueError, match="a file may not change while it is sent"):
        with_server(server).run(files=path)


def test_the_bar_of_an_upload_ends_at_its_size(monkeypatch):
    class Bar(vbrain.progress.Bar):
        def __init__(self):
            self.seen = [0]

        def add(self, amount):
            self.seen.append(self.seen[-1] + amount)

        def restart(self):
            self.seen.append(0)

    bar = Bar()
    monkeypatch.setattr(vbrain.client, "make_bar", lambda *arguments: bar)
    with_server(TusServer(1000, 0)).run(files={"in.csv": DATA})
    assert bar.seen[-1] == len(DATA) == max(bar.seen)


def test_async_uploads_read_in_a_thread():
    threads = []

    class File(io.BytesIO):
        def read(self, size=-1):
            if size:
                threads.append(threading.current_thread())
            return super().read(size)

    async def run():
        async def no_sleep(_):
            return None

        server = TusServer(1000)
        async with vbrain.AsyncClient(**IDENTITY, transport=server, sleep=no_sleep) as made:
            job = await made.run(files={"in.csv": File(DATA)})
        assert server.data == DATA
        return job.id

    assert asyncio.run(run()) == JOB
    assert threads and threading.main_thread() not in threads


def test_an_upload_of_a_path_is_a_repository_too(tmp_path):
    (tmp_path / "in.csv").write_bytes(DATA)
    server = TusServer(execute=(201, {"message": "Repository created", "repository_id": "r"}))
    assert with_server(server).create_repository({"a": 1}, tmp_path / "in.csv") == "r"
    assert server.calls[-1] == "POST /repository" and server.data == DATA


def test_what_is_not_a_large_input_asks_for_no_upload():
    vb, server = client(CREATED)
    vb.run(params={"a": 1})
    assert server.calls() == ["POST /api/v1/job/execute"]

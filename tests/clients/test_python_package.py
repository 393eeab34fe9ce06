"""The Python package against a fake server: what it sends, repeats, continues and raises."""

import ast
import asyncio
import copy
import inspect
import json
import logging
import pickle
import re
import subprocess
import sys
import traceback

import httpx
import pytest
import python_tools
from fake_client import CREATED, LOST, PACKAGE, client, vbrain
from fake_server import IDENTITY, JOB, KEY, Cut, FakeServer, info
from vbrain.models import JobInfo


def test_the_line_of_the_quickstart():
    vb, server = client(CREATED, (202, info("queued")), (202, info("started")), (200, info("finished")), (200, {"output": 200}))
    assert vb.run("Tutorial", {"a": 10, "b": 20}).result() == 200
    job = f"/api/v1/job/{JOB}"
    assert server.calls() == ["POST /api/v1/job/execute", *3 * [f"GET {job}?jobs=false&wait=50"], f"GET {job}/result?wait=50"]
    assert all(request.headers["application_id"] == "Tutorial" for request in server.requests)
    assert json.loads(server.requests[0].content) == {"params": {"a": 10, "b": 20}}
    assert vb.slept == []


@pytest.mark.parametrize("name", ["Operações", "東", "Ελλάδα", "😀"])
def test_the_headers_are_utf8(name, either):
    vb, server = either((200, {"bytes_used": 1}), CREATED, username=name, organization_id=name, client_id=name)
    assert vb.usage() == {"bytes_used": 1}
    vb.run(name, files={f"{name}.csv": b"1"})
    for request, application in zip(server.requests, ("Probe", name)):
        sent = {field.lower(): value for field, value in request.headers.raw}
        assert (sent[b"username"], sent[b"organization_id"], sent[b"client_id"]) == 3 * (name.encode(),)
        assert (sent[b"application_id"], sent[b"x-api-key"]) == (application.encode(), KEY.encode())


def test_the_environment_names_the_identity(monkeypatch):
    for name, value in IDENTITY.items():
        monkeypatch.setenv(f"VBRAIN_{name.upper()}", value + "-env")
    made = vbrain.Client(username="ana", transport=FakeServer()).identity
    assert (made.url, made.username, made.client_id, made.api_key) == ("http://server-env/api/v1", "ana", "north-env", KEY + "-env")
    monkeypatch.delenv("VBRAIN_API_KEY")
    monkeypatch.delenv("VBRAIN_URL")
    with pytest.raises(ValueError, match=r"url \(\$VBRAIN_URL\), api_key \(\$VBRAIN_API_KEY\)"):
        vbrain.Client()


def test_the_key_is_never_shown(caplog):
    caplog.set_level(logging.DEBUG)
    vb, _ = client((401, {"error": "Invalid x-api-key"}), LOST, LOST, LOST, LOST, LOST)
    with pytest.raises(vbrain.Unauthorized) as refused:
        vb.usage()
    with pytest.raises(vbrain.ConnectionFailed) as failed:
        vb.usage()
    for text in (repr(vb), str(vb), repr(vb.job("x")), repr(refused.value), repr(failed.value), caplog.text):
        assert "s3cret" not in text
    assert KEY.encode() not in pickle.dumps([refused.value, failed.value])


def test_a_key_from_a_file_is_taken_without_its_end_of_line(monkeypatch):
    vb, server = client((200, {}), api_key=KEY + "\n")
    vb.usage()
    assert server.requests[0].headers["x-api-key"] == KEY
    monkeypatch.setenv("VBRAIN_API_KEY", KEY + "\r\n")
    assert client(api_key=None)[0].identity.api_key == KEY


@pytest.mark.parametrize("bad", ["\n", "\0", "\x7f", "\x85", "\udcff"])
def test_what_no_header_can_have_is_refused_without_the_value(bad):
    with pytest.raises(ValueError, match=r"^api_key \(\$VBRAIN_API_KEY\) has a control character") as refused:
        client(api_key=KEY + bad + KEY)
    assert "s3cret" not in repr(refused.value)
    vb, _ = client()
    with pytest.raises(ValueError, match="application_id"):
        vb.run("a" + bad + "b")


def test_the_error_of_the_http_library_is_neither_shown_nor_repeated():
    vb, server = client(*5 * [httpx.LocalProtocolError(f"Illegal header value b'{KEY}'")])
    with pytest.raises(vbrain.ConnectionFailed) as failed:
        vb.usage()
    shown = "".join(traceback.format_exception(type(failed.value), failed.value, failed.value.__traceback__))
    assert "s3cret" not in shown and failed.value.__context__ is None
    assert len(server.requests) == 1 and vb.slept == []

    async def run():
        async with vbrain.AsyncClient(**IDENTITY, transport=FakeServer(httpx.LocalProtocolError(KEY))) as asynchronous:
            await asynchronous.usage()

    with pytest.raises(vbrain.ConnectionFailed) as failed:
        asyncio.run(run())
    assert "s3cret" not in str(failed.value) and failed.value.__context__ is None


def test_a_redirect_is_no_success():
    vb, server = client((302, b"", {"Location": "https://login/"}))
    with pytest.raises(vbrain.ApiError, match="302 .*redirected to https://login/"):
        vb.job(JOB).delete()
    assert len(server.requests) == 1


def test_exceptions_can_be_pickled():
    refused = vbrain.InvalidRequest(400, "Invalid params", None, "r-1", 3.0, {"violations": [{"pointer": "/a", "message": "m"}]})
    failed = vbrain.JobFailed(JobInfo.of(info("failed", reason="NonZeroExit", message="exit code 7")))
    for problem in (refused, failed, vbrain.ConnectionFailed("lost")):
        for again in (pickle.loads(pickle.dumps(problem)), copy.copy(problem)):
            assert (type(again), str(again), vars(again)) == (type(problem), str(problem), vars(problem))


@pytest.mark.parametrize(("status", "kind"), [
    (400, vbrain.InvalidRequest), (413, vbrain.InvalidRequest), (401, vbrain.Unauthorized), (403, vbrain.Forbidden),
    (404, vbrain.NotFound), (409, vbrain.Conflict), (412, vbrain.PreconditionFailed), (500, vbrain.ServerError), (507, vbrain.InsufficientStorage),
    (418, vbrain.ApiError)])
def test_refusals_are_exceptions(status, kind):
    vb, _ = client((status, {"error": "Invalid params", "detail": "not an object"}))
    with pytest.raises(kind) as refused:
        vb.usage()
    problem = refused.value
    assert (problem.status, problem.error, problem.detail, problem.request_id) == (status, "Invalid params", "not an object", "r-1")
    assert str(problem) == f"{status} Invalid params: not an object (request r-1)"


def test_each_violation_of_the_params_is_told():
    found = [{"pointer": "/a", "message": "must be a number, is a string", "index": 1}, {"pointer": "", "message": "is no object"}]
    vb, _ = client((400, {"error": "Invalid params", "detail": "short", "violations": found, "violations_omitted": 3}))
    with pytest.raises(vbrain.InvalidRequest) as refused:
        vb.batch("r", [{}, {}])
    problem = refused.value
    assert problem.violations == [vbrain.Violation("/a", "must be a number, is a string", 1), vbrain.Violation("", "is no object")]
    assert problem.violations_omitted == 3 and problem.raw["violations"] == found
    assert str(problem).splitlines() == ["400 Invalid params: short (request r-1)", "  [1] /a: must be a number, is a string",
                                         "  params: is no object", "  and 3 more"]
    assert pickle.loads(pickle.dumps(problem)).violations == problem.violations
    vb, _ = client((400, {"error": "Invalid file", "violations": "odd", "violations_omitted": "odd", "detail": {"odd": 1}}))
    with pytest.raises(vbrain.InvalidRequest) as refused:
        vb.usage()
    assert (refused.value.violations, refused.value.violations_omitted, refused.value.detail) == ([], 0, "{'odd': 1}")


def test_progress_without_tqdm_is_refused_and_leaves_no_file_open(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    made = []
    monkeypatch.setattr(vbrain.client, "prepare", lambda files: made.append(vbrain.files.prepare(files)) or made[0])
    (tmp_path / "in.csv").write_text("1")
    vb, _ = client(progress=True)
    with pytest.raises(ImportError, match="^progress bars need tqdm: pip install tqdm$"):
        vb.run(files=tmp_path / "in.csv")
    assert made[0].file.closed


def test_the_page_of_a_proxy_is_an_error_too():
    vb, _ = client((500, b"<html>oops</html>"))
    with pytest.raises(vbrain.ServerError, match="HTTP status 500"):
        vb.usage()


def test_a_failed_job_tells_why():
    vb, _ = client((200, info("failed", reason="NonZeroExit", message="exit code 7")))
    with pytest.raises(vbrain.JobFailed, match="NonZeroExit: exit code 7") as failed:
        vb.job(JOB).result()
    assert failed.value.info.ended


def test_waiting_has_an_end():
    vb, server = client((202, info("started")))
    with pytest.raises(TimeoutError, match="still started"):
        vb.job(JOB).wait(timeout=0)
    assert len(server.requests) == 1


def test_a_read_is_repeated_as_the_server_says():
    busy = (503, {"error": "Service unavailable"}, {"Retry-After": "3"})
    vb, server = client(busy, LOST, (429, {"error": "Too many requests"}, {"Retry-After": "900"}), (200, []))
    assert vb.repositories() == []
    assert len(server.requests) == 4
    assert (vb.slept[0], vb.slept[2]) == (3.0, 30.0)


def test_repeating_has_an_end():
    vb, server = client(*6 * [(503, {"error": "Service unavailable"}, {"Retry-After": "0"})])
    with pytest.raises(vbrain.Unavailable):
        vb.repositories()
    assert len(server.requests) == 5


def test_params_first_is_refused_with_a_hint():
    vb, _ = client()
    with pytest.raises(TypeError, match="run\\(params=…\\)"):
        vb.run({"a": 1})


def test_files_and_their_content():
    vb, _ = client((200, [{"name": "a/b.csv", "bytes": 3, "type": "text/csv", "sha256": "0" * 64, "new": 1}]), (200, Cut(b"1,")),
                   (200, b"1,2"))
    (file,) = vb.job(JOB).files()
    assert (file.name, file.bytes) == ("a/b.csv", 3)
    assert vb.job(JOB).read(file.name) == b"1,2"


def test_async_does_the_same():
    async def run():
        server = FakeServer(CREATED, (202, info("started")), LOST, (200, info("finished")), (200, {"output": [1]}), (200, b"x"))

        async def no_sleep(_):
            return None

        async with vbrain.AsyncClient(**IDENTITY, transport=server, sleep=no_sleep) as vb:
            job = await vb.run("Tutorial", {"a": 1}, {"in.csv": b"1\n"})
            assert await job.result() == [1]
            assert await job.read("x.csv") == b"x"
        return server.calls()

    assert asyncio.run(run())[0] == "POST /api/v1/job/execute"


def test_both_clients_have_the_same_methods():
    for sync, asynchronous in ((vbrain.Client, vbrain.AsyncClient), (vbrain.Job, vbrain.AsyncJob)):
        public = [name for name in vars(sync) if not name.startswith("_")]
        for name in public:
            assert str(inspect.signature(getattr(sync, name))).split(" ->")[0] == \
                str(inspect.signature(getattr(asynchronous, name))).split(" ->")[0], name


def test_the_examples_of_its_page_use_what_is_there():
    blocks = re.findall(r"^```python\n(.*?)^```$", (PACKAGE / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 8
    classes = {"client": vbrain.Client, "uploader": vbrain.Client, "job": vbrain.Job, "again": vbrain.Job}
    for node in ast.walk(ast.parse("\n".join(blocks))):
        if isinstance(node, ast.ImportFrom) and node.module == "vbrain":
            assert all(hasattr(vbrain, each.name) for each in node.names), ast.unparse(node)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in classes:
            assert hasattr(classes[node.value.id], node.attr), ast.unparse(node)


def test_progress_is_shown(capsys):
    pytest.importorskip("tqdm")
    vb, _ = client(CREATED, (202, info("started", reason="Running")), (200, info("finished")), (200, {"output": 1}), progress=True)
    assert vb.run(files={"in.csv": b"1\n"}).result() == 1
    shown = capsys.readouterr().err
    assert "upload" in shown and JOB in shown


def test_types_are_strict():
    try:
        environment = python_tools.environment()
    except RuntimeError as problem:
        pytest.skip(str(problem))
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir", "/dev/null", "src"], cwd=PACKAGE, env=environment,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

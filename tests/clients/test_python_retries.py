"""What the Python package repeats, and what it does not."""

import asyncio

import httpx
import pytest
from fake_client import CREATED, LOST, client, vbrain
from fake_server import IDENTITY, JOB, FakeServer, document, info

BUSY = (503, {"error": "Service unavailable"}, {"Retry-After": "1"})
KNOWS = (204, b"", {"Tus-Version": "1.0.0"})
ABSENT = (404, {"error": "Not found"})
POST, ASK, DOCUMENT = "POST /api/v1/job/execute", "OPTIONS /api/v1/uploads", "GET /api/v1/openapi.json"


def keys(server):
    return {request.headers["Idempotency-Key"] for request in server.requests if request.method == "POST"}


@pytest.mark.parametrize(("answers", "calls"), [
    ((LOST, KNOWS, CREATED), [POST, ASK, POST]),
    ((BUSY, BUSY, KNOWS, CREATED), [POST, ASK, ASK, POST]),  # a proxy whose server restarts
    ((LOST, httpx.ConnectError("refused"), KNOWS, CREATED), [POST, ASK, ASK, POST]),
    ((LOST, (200, b"<html>sign in"), (200, b"<html>sign in"), KNOWS, CREATED), [POST, ASK, DOCUMENT, ASK, POST]),
    ((LOST, (404, b"default backend - 404"), (404, b"default backend - 404"), KNOWS, CREATED), [POST, ASK, DOCUMENT, ASK, POST]),
    ((LOST, ABSENT, (200, document(idempotent=True)), CREATED), [POST, ASK, DOCUMENT, POST]),  # of before the uploads
    ((LOST, (204, b""), (200, document(idempotent=True)), CREATED), [POST, ASK, DOCUMENT, POST]),  # a proxy answers all OPTIONS
    ((LOST, (204, b""), ABSENT, KNOWS, CREATED), [POST, ASK, DOCUMENT, ASK, POST]),
    (((500, {"error": "Internal error"}), KNOWS, CREATED), [POST, ASK, POST]),  # the same request completes a job that was half made
    (((408, {"error": "Request timeout"}), CREATED), [POST, POST])])
def test_a_lost_submission_is_repeated_with_its_key(answers, calls):
    vb, server = client(*answers)
    assert vb.run(params={}).id == JOB
    assert server.calls() == calls
    assert len(keys(server)) == 1 and len(keys(server).pop()) == 36
    assert len(vb.slept) == calls.count(POST) + calls.count(ASK) - 1 - (ASK in calls)  # each try but the first comes after a pause


def test_what_the_server_knows_is_asked_once():
    vb, server = client(LOST, KNOWS, CREATED, LOST, CREATED)
    vb.run(params={})
    vb.run(params={})
    assert server.calls() == [POST, ASK, POST, POST, POST]


def test_no_answer_about_repeating_is_not_kept():
    vb, server = client(BUSY, BUSY, BUSY, LOST, KNOWS, CREATED, tries=3)
    with pytest.raises(vbrain.Unavailable):
        vb.run(params={})
    assert server.calls() == [POST, ASK, ASK]  # each counts as a try
    assert vb.run(params={}).id == JOB


@pytest.mark.parametrize("told", [[ABSENT, (200, document(idempotent=False))], [ABSENT, ABSENT], [(405, {"error": "Method not allowed"}), ABSENT]])
def test_a_lost_submission_is_not_repeated_without_replay(told):
    vb, server = client(LOST, *told, LOST)
    for _ in range(2):
        with pytest.raises(vbrain.ConnectionFailed):
            vb.run(params={})
    assert [call for call in server.calls() if call == POST] == [POST, POST] and server.answers == []


def test_a_submission_that_was_not_taken_is_repeated():
    vb, server = client(httpx.ConnectError("refused"), (429, {"error": "Too many requests"}, {"Retry-After": "0"}), CREATED)
    assert vb.run(params={}, idempotency_key="mine").id == JOB
    assert [request.headers["Idempotency-Key"] for request in server.requests] == 3 * ["mine"]


def test_one_try_is_one_request():
    vb, server = client(LOST, (503, {"error": "Service unavailable"}), LOST, tries=1)
    for call in (lambda: vb.run(params={}), vb.usage, vb.job(JOB).wait):
        with pytest.raises(vbrain.Error):
            call()
    assert len(server.requests) == 3 and vb.slept == []


@pytest.mark.parametrize("first", [LOST, BUSY, (502, b"")])
def test_a_deletion_whose_answer_was_lost_has_happened(first):
    vb, _ = client(first, (404, {"error": "Invalid job_id"}))
    vb.job(JOB).delete()


@pytest.mark.parametrize("first", [httpx.ConnectError("refused"), httpx.ConnectTimeout(""), (429, {"error": "Too many requests"}), None])
def test_a_deletion_of_what_never_was_is_refused(first):
    vb, _ = client(*([first] if first else []), (404, {"error": "Invalid job_id"}))
    with pytest.raises(vbrain.NotFound):
        vb.job("wrong id").delete()


def test_a_wait_outlasts_an_outage_of_minutes():
    vb, server = client((202, info("started")), *14 * [LOST], (200, info("finished")), *14 * [BUSY], (200, {"output": 1}))
    assert vb.job(JOB).result() == 1
    assert sum(vb.slept[:14]) > 90
    vb, server = client(*99 * [LOST])
    with pytest.raises(vbrain.ConnectionFailed):
        vb.job(JOB).wait()
    assert len(server.requests) == 17  # but not for ever


@pytest.mark.parametrize("answer", [(200, b"<html>sign in"), (200, {"other": 1}), (200, [])])
def test_an_answer_of_something_else_is_an_error_of_the_package(answer):
    vb, _ = client(answer, answer, answer)
    for call in (vb.job(JOB).info, vb.job(JOB).wait, lambda: vb.run(params={})):
        with pytest.raises(vbrain.ApiError, match="Unexpected answer: .* are not what vBrain answers here; is the address right"):
            call()


def test_a_body_that_cannot_be_decoded_is_a_lost_answer():
    vb, _ = client((200, b"no gzip", {"Content-Encoding": "gzip"}), (200, {"bytes_used": 1}))
    assert vb.usage() == {"bytes_used": 1}

    async def run():
        async with vbrain.AsyncClient(**IDENTITY, transport=FakeServer((200, b"no gzip", {"Content-Encoding": "gzip"})), tries=1) as made:
            await made.usage()

    with pytest.raises(vbrain.ConnectionFailed, match="DecodingError"):
        asyncio.run(run())


def test_the_jobs_of_a_batch():
    vb, server = client(LOST, KNOWS, (201, {"message": "Jobs created", "job_ids": ["a", "b"]}))
    jobs = vb.batch("r", [{"b": 1}, {"b": 2}], application="Other", metadata={"name": "sweep"})
    assert [(job.id, job.repository_id) for job in jobs] == [("a", "r"), ("b", "r")]
    assert server.calls() == ["POST /api/v1/job/batch", ASK, "POST /api/v1/job/batch"] and len(keys(server)) == 1
    sent = server.requests[-1]
    assert (sent.headers["repository_id"], sent.headers["application_id"]) == ("r", "Other")
    assert sent.content == b'{"params": [{"b": 1}, {"b": 2}], "metadata": {"name": "sweep"}}'


def test_a_job_is_cancelled_suspended_resumed_and_retried():
    done = (200, {"message": "Job cancelled"})
    vb, server = client(LOST, done, done, done, LOST, KNOWS, (201, {"message": "Job created", "job_id": "new"}))
    job = vb.job(JOB, "Other")
    job.cancel()  # may be repeated without a key
    job.suspend()
    job.resume()
    assert job.retry(idempotency_key="mine").id == "new"
    path = f"POST /api/v1/job/{JOB}"
    assert server.calls() == [*2 * [f"{path}/cancel"], f"{path}/suspend", f"{path}/resume", f"{path}/retry", ASK, f"{path}/retry"]
    assert server.requests[-1].headers["Idempotency-Key"] == "mine"
    vb, _ = client((409, {"error": "Job cannot be changed", "detail": "the job has ended"}))
    with pytest.raises(vbrain.Conflict, match="the job has ended"):
        vb.job(JOB).cancel()

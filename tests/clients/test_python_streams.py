"""Events and logs of the Python package: what they give, and how they go on after a cut."""

import asyncio
import itertools
import json

import anyio
import httpx
import pytest
from fake_client import LOST, client, vbrain
from fake_server import IDENTITY, JOB, FakeServer, Parts, info
from vbrain.streams import EventParser, Lines

SSE = {"Content-Type": "text/event-stream"}
TEXT = {"Content-Type": "text/plain; charset=utf-8"}
CUT = httpx.ReadError("cut")


def event(number, status, name="job"):
    told = {"job_id": JOB, "job_status": status, "repository_id": "r", "attempts": 1}
    return f"id: e{number}\nevent: {name}\ndata: {json.dumps(told)}\n\n".encode()


def sse(*parts):
    return 200, Parts(*parts), SSE


def text(*parts):
    return 200, Parts(*parts), TEXT


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_events_are_read_in_pieces_of_any_length(end):
    stream = ":\n\nretry: 2710\nid: 1\nevent: job\ndata: é\ndata: b\n\ndata: c\nid\n\nevent: none\n\nid: a\0b\nretry: x\ndata\n\ndata: cut".replace("\n", end)
    whole = b"\xef\xbb\xbf" + stream.encode()
    for size in (1, 2, 3, len(whole)):
        parser, found = EventParser(), []
        for start in range(0, len(whole), size):
            found += parser.feed(whole[start:start + size])
        assert [(each.name, each.data, each.id) for each in found] == [("job", "é\nb", "1"), ("message", "c", ""), ("message", "", "")], size
        assert parser.retry == 2710


def test_lines_are_cut_in_pieces_of_any_length():
    whole = "é\n\nb\r\nlast €".encode()
    for size in (1, 2, 3, len(whole)):
        lines = Lines()
        found = [line for start in range(0, len(whole), size) for line in lines.feed(whole[start:start + size])]
        assert found + lines.end() == ["é", "", "b\r", "last €"], size
    lines = Lines()
    assert lines.feed(b"a\n") + lines.end() == ["a"]
    lines = Lines()
    assert lines.feed(b"\xe2\x82") + lines.end() == ["\ufffd"]


def test_events_are_states_and_end_with_the_job():
    body = Parts(b"retry: 1500\n\n", event(1, "queued") + event(2, "started")[:20], event(2, "started")[20:], b":\n\n", event(3, "finished"), CUT)
    vb, server = client((200, body, SSE))
    assert [each.status for each in vb.job(JOB).events()] == ["queued", "started", "finished"]
    assert server.calls() == [f"GET /api/v1/job/{JOB}/events"] and body.closed
    assert "Last-Event-ID" not in server.requests[0].headers


def test_events_go_on_behind_the_last_one():
    first, second = sse(b"retry: 1500\n\n", event(1, "queued"), CUT), sse(b"retry: 1500\n\n", b":\n\n")
    vb, server = client(first, LOST, second, sse(event(2, "failed")))
    assert [each.status for each in vb.job(JOB).events()] == ["queued", "failed"]
    assert [request.headers.get("Last-Event-ID") for request in server.requests] == [None, "e1", "e1", "e1"]
    assert (vb.slept[0], vb.slept[2]) == (1.5, 1.5) and first[1].closed and second[1].closed
    vb, _ = client(sse(event(1, "queued"), CUT), (204, b""))
    assert [each.status for each in vb.job(JOB).events()] == ["queued"]


def test_events_are_not_tried_for_ever():
    vb, server = client(*99 * [sse(CUT)], tries=3)
    with pytest.raises(vbrain.ConnectionFailed, match="events: ReadError: cut"):
        list(vb.job(JOB).events())
    assert len(server.requests) == 3
    vb, _ = client(*[sse(b":\n\n", CUT) for _ in range(9)], sse(event(1, "finished")), tries=3)  # a proxy that cuts, but the server is there
    assert [each.status for each in vb.job(JOB).events()] == ["finished"]


def test_events_of_a_job_that_is_deleted():
    vb, _ = client(sse(event(1, "queued"), f'id: 2\nevent: deleted\ndata: {{"job_id":"{JOB}"}}\n\n'.encode()))
    stream = vb.job(JOB).events()
    assert next(stream).status == "queued"
    with pytest.raises(vbrain.NotFound, match="the job was deleted"):
        next(stream)
    vb, _ = client((404, {"error": "Invalid job_id"}))
    with pytest.raises(vbrain.NotFound):
        next(vb.job(JOB).events())


def test_a_stream_of_something_else_is_an_error():
    vb, _ = client(*2 * [(200, b"<html>sign in", {"Content-Type": "text/html"})])
    for stream in (vb.job(JOB).events(), vb.job(JOB).logs()):
        with pytest.raises(vbrain.ApiError, match="Unexpected answer.*text/html"):
            next(stream)


def test_a_stream_that_is_left_is_closed():
    body = Parts(event(1, "queued"), event(2, "started"))
    vb, _ = client((200, body, SSE))
    stream = vb.job(JOB).events()
    next(stream)
    stream.close()
    assert body.closed


def test_the_lines_of_a_log():
    vb, server = client(text(b"a\nb", b"c\n", b"last"), text(b"x\n"), text())
    assert list(vb.job(JOB).logs()) == ["a", "bc", "last"]
    assert list(vb.job(JOB).logs(False, file="my.txt", tail=10)) == ["x"]
    assert list(vb.job(JOB).logs(stream="both")) == []
    path = f"GET /api/v1/job/{JOB}/logs/stream"
    assert server.calls() == [f"{path}?follow=true&stream=stdout", f"{path}?follow=false&file=my.txt&tail=10", f"{path}?follow=true&stream=both"]


def test_a_log_goes_on_where_it_was_cut():
    euro = "€".encode()
    vb, server = client(text(b"a\nb" + euro[:1], CUT), (503, {"error": "Service unavailable"}), text(b"a", CUT), text(b"a\n", b"b" + euro + b"\nc\n"))
    assert list(vb.job(JOB).logs()) == ["a", "b€", "c"]
    assert len(server.requests) == 4
    vb, server = client(*99 * [text(b"a\n", CUT)], tries=3)
    stream = vb.job(JOB).logs()
    assert next(stream) == "a"
    with pytest.raises(vbrain.ConnectionFailed, match="logs/stream: ReadError"):
        next(stream)
    assert len(server.requests) == 4  # one with news, three without


@pytest.mark.parametrize("again", [text(b"another\n"), text(b"a\n")])
def test_a_log_that_was_changed_is_not_continued(again):
    vb, _ = client(text(b"a\nb\n", CUT), again)
    stream = vb.job(JOB).logs()
    assert [next(stream), next(stream)] == ["a", "b"]
    with pytest.raises(vbrain.Error, match="the log is another one.*Read it again from the beginning"):
        next(stream)


@pytest.mark.parametrize("options", [{"tail": 5}, {"stream": "both"}])
def test_what_cannot_be_continued_says_so(options):
    vb, server = client(text(b"a\n", CUT))
    stream = vb.job(JOB).logs(**options)
    assert next(stream) == "a"
    with pytest.raises(vbrain.ConnectionFailed, match="can't be continued"):
        next(stream)
    assert len(server.requests) == 1


def test_a_job_may_write_nothing_for_long():
    silent = [text(b"a\n", httpx.ReadTimeout("silence")) for _ in range(9)]
    vb, server = client(*silent, text(b"a\nb\n"), tries=3)
    assert list(vb.job(JOB).logs()) == ["a", "b"]
    assert server.requests[0].extensions["timeout"] == {"connect": 30.0, "read": 300.0, "write": 30.0, "pool": None}


def test_async_streams():
    async def run():
        async def no_sleep(_):
            return None

        bodies = [sse(event(1, "started"), CUT), sse(event(2, "finished")), text(b"a\n", CUT), text(b"a\nb\n"), sse(event(1, "started"), CUT)]
        async with vbrain.AsyncClient(**IDENTITY, transport=FakeServer(*bodies), sleep=no_sleep) as vb:
            job = vb.job(JOB)
            assert [each.status async for each in job.events()] == ["started", "finished"]
            assert [line async for line in job.logs()] == ["a", "b"]
            stream = job.events()
            await stream.__anext__()
            await stream.aclose()
        assert all(body.closed for _, body, _ in bodies)

    asyncio.run(run())


class Hanging(Parts):
    """A body whose reader is cancelled, and whose end takes a turn of the event loop."""

    def __init__(self, scope):
        super().__init__()
        self.scope = scope

    async def __aiter__(self):
        self.scope.cancel()
        await anyio.sleep(0)
        yield b""

    async def aclose(self):
        await anyio.sleep(0)
        self.closed = True


def state(last, *jobs, id_line=""):
    told = {"jobs": [{"job_id": job, "job_status": "started", "repository_id": "r"} for job in jobs], "last": last}
    return f"{id_line}event: state\ndata: {json.dumps(told)}\n\n".encode()


def told(stream, count):
    return [(each.type, each.id, [job.id for job in each.jobs], each.job_id) for each in itertools.islice(stream, count)]


DELETED = f'id: e3\nevent: deleted\ndata: {{"job_id":"{JOB}"}}\n\n'.encode()


def test_what_becomes_of_all_jobs(either):
    body = Parts(b"retry: 2710\n\n", state(False, "1", "2"), state(True, "3", id_line="id: e1\n"), b":\n\n", event(2, "started"), DELETED,
                 b"event: of a later version\ndata: {}\n\n", state(True, id_line="id: e4\n"))
    vb, server = either((200, body, SSE))
    stream = vb.events()
    assert told(stream, 4) == [("state", "e1", ["1", "2", "3"], ""), ("job", "e2", [JOB], JOB), ("deleted", "e3", [], JOB), ("state", "e4", [], "")]
    assert server.calls() == ["GET /api/v1/events"] and "Last-Event-ID" not in server.requests[0].headers
    assert not body.closed
    stream.close()
    assert body.closed


def test_the_events_of_all_jobs_go_on_behind_the_last_one(either):
    vb, server = either(sse(event(1, "queued"), CUT), LOST, sse(event(2, "started")), sse(event(3, "finished"), b":\nid: e9\n\n", CUT),
                        sse(event(10, "started"), b"id:\nevent: job\ndata: " + json.dumps(info("failed")).encode() + b"\n\n"), sse(state(True, "7")))
    # The end of one job is not that of the stream. An id may come alone, and an empty one says that none is known.
    assert [kind for kind, *_ in told(vb.events(last_event_id="e0"), 6)] == ["job", "job", "job", "job", "job", "state"]
    assert [request.headers.get("Last-Event-ID") for request in server.requests] == ["e0", "e1", "e1", "e2", "e9", None]


def test_a_state_that_was_cut_is_read_anew(either):
    vb, _ = either(sse(state(False, "1", "2"), CUT), sse(state(False, "2"), state(True, "3")))
    assert told(vb.events(), 1) == [("state", "", ["2", "3"], "")]


def test_the_events_of_all_jobs_end_with_the_right_to_read_them(either):
    vb, _ = either(sse(event(1, "started"), CUT), (401, {"error": "Invalid x-api-key"}))
    stream = vb.events()
    assert next(stream).job_id == JOB
    with pytest.raises(vbrain.Unauthorized):
        next(stream)
    vb, server = either(*99 * [sse(CUT)], tries=3)
    with pytest.raises(vbrain.ConnectionFailed, match="GET /events: ReadError: cut"):
        next(vb.events())
    assert len(server.requests) == 3


@pytest.mark.parametrize("call", ["usage", "events"])
def test_a_cancelled_task_gives_its_connection_back(call):
    async def run():
        with anyio.CancelScope() as scope:
            body = Hanging(scope)
            async with vbrain.AsyncClient(**IDENTITY, transport=FakeServer((200, body, SSE))) as vb:
                if call == "usage":
                    await vb.usage()
                else:
                    await vb.job(JOB).events().__anext__()
        return scope.cancel_called and body.closed

    assert anyio.run(run)


def test_a_failed_job_ends_its_events():
    vb, _ = client(sse(event(1, "failed")), (200, info("failed", reason="Cancelled")))
    assert [each.ended for each in vb.job(JOB).events()] == [True]

"""Waits and time limits of the Python package."""

import httpx
import pytest
from fake_client import CREATED, client, vbrain
from fake_server import JOB, info


class Clock:
    """Time that passes in pauses only, and as the test says."""

    def __init__(self, made, server, monkeypatch):
        self.now = 0.0
        self.server = server
        self.limits = []
        self.serve, server.handler = server.handler, self.answer
        made._sleep = self.pass_by
        monkeypatch.setattr(vbrain.client, "Deadline", lambda seconds: vbrain.flows.Deadline(seconds, lambda: self.now))

    def pass_by(self, seconds):
        assert seconds >= 0
        self.now += seconds

    def answer(self, request):
        self.limits.append(request.extensions["timeout"])
        return self.serve(request)


def test_a_server_where_too_many_wait_is_not_asked_without_end(monkeypatch):
    early = (202, info("started"), {"Retry-After": "7"})
    vb, server = client(early, early, early, (202, info("started")), (202, info("queued")), (200, info("finished")), (200, {"output": 1}))
    clock = Clock(vb, server, monkeypatch)
    assert vb.job(JOB).result() == 1
    assert clock.now == 7 + 7 + 1  # not after the first answer, nor after a change


def test_a_pause_ends_with_the_time_limit(monkeypatch):
    vb, server = client(*3 * [(202, info("started"), {"Retry-After": "30"})])
    clock = Clock(vb, server, monkeypatch)
    with pytest.raises(TimeoutError, match="still started"):
        vb.job(JOB).wait(timeout=12)
    assert (clock.now, len(server.requests)) == (12.0, 3)


def test_a_wait_that_took_its_time_is_followed_at_once(monkeypatch):
    vb, server = client()

    def late(request):
        clock.now += 50
        return httpx.Response(202, json=info("started"), headers={"Retry-After": "9"})

    server.answers = [late, late, (200, info("finished"))]
    clock = Clock(vb, server, monkeypatch)
    vb.job(JOB).wait()
    assert clock.now == 100


def test_a_time_limit_holds_for_a_dead_server_too(monkeypatch):
    vb, server = client()
    dead = httpx.ReadTimeout("no answer")

    def lost(request):
        clock.now += request.extensions["timeout"]["read"]
        raise dead

    server.answers = 9 * [lost]
    clock = Clock(vb, server, monkeypatch)
    with pytest.raises(TimeoutError, match="no answer in time: ReadTimeout"):
        vb.job(JOB).result(timeout=5)
    assert (clock.now, len(server.requests)) == (10.0, 1)
    vb, server = client((200, info("finished")), *9 * [(202, {"message": "Job not yet finished"}, {"Retry-After": "3"})])
    clock = Clock(vb, server, monkeypatch)
    with pytest.raises(TimeoutError, match="its result is not there yet"):
        vb.job(JOB).result(timeout=5)
    assert (clock.now, server.requests[1].url.query) == (5.0, b"wait=5")
    busy = (503, {"error": "Service unavailable"}, {"Retry-After": "4"})
    vb, server = client(*9 * [busy])
    clock = Clock(vb, server, monkeypatch)
    with pytest.raises(TimeoutError, match="503 Service unavailable"):
        vb.job(JOB).wait(timeout=5)
    assert clock.now == 5.0


def test_the_time_limits_of_requests(monkeypatch):
    vb, server = client((200, {}), CREATED, (200, info("finished")))
    clock = Clock(vb, server, monkeypatch)
    vb.usage()
    vb.run(files={"in.csv": b"1"}).wait(timeout=20)
    usual = {"connect": 30.0, "write": 30.0}
    assert clock.limits == [{**usual, "read": 60.0, "pool": None}, {**usual, "read": 600.0, "pool": None},
                            {"connect": 25.0, "write": 25.0, "read": 25.0, "pool": 25.0}]


@pytest.mark.parametrize(("timeout", "looks"), [(0.9, [0, 0.9]), (2.5, [0, 2.5]), (1, [0])])
def test_a_wait_lasts_as_long_as_it_may(timeout, looks, monkeypatch):
    vb, server = client()
    seen = []

    def late(request):
        seen.append(clock.now)
        clock.now += int(request.url.params.get("wait", 0))
        return httpx.Response(202, json=info("started"))

    server.answers = 9 * [late]
    clock = Clock(vb, server, monkeypatch)
    with pytest.raises(TimeoutError, match="still started"):
        vb.job(JOB).wait(timeout)
    assert (seen, clock.now) == (looks, timeout)


def test_a_job_that_ends_within_the_last_second_is_seen(monkeypatch):
    vb, server = client((202, info("started")), (200, info("finished")), (200, {"output": 7}))
    clock = Clock(vb, server, monkeypatch)
    assert vb.job(JOB).result(timeout=0.9) == 7
    assert clock.now == 0.9

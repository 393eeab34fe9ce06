"""Logs as a stream: while a job runs, and the same bytes afterwards, on each replica."""

import pytest
from platform_client import DEADLINE, wait_until

pytestmark = pytest.mark.xdist_group("contract")


def stream(rest, job, **query):
    return rest.session.get(f"{rest.base}/job/{job}/logs/stream", params=query, headers=rest.identity.headers(),
                            stream=True, timeout=DEADLINE)


def test_a_log_is_followed_while_it_grows(world):
    repository = world.lead.repository(params={"wait": True, "say": "the last words"})
    job = world.lead.start(repository_id=repository)
    wait_until("it runs", lambda: "started attempt 1" in world.lead.log(job))
    for address in world.platform.replicas():
        with stream(world.lead.at(address), job) as answer:
            assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            first = next(answer.iter_content(None))
            assert first.startswith(b"started attempt 1")
    with stream(world.lead, job) as answer:
        pieces = answer.iter_content(None)
        told = next(pieces)
        world.platform.release(repository)
        told += b"".join(pieces)  # it ends with the job
    info = world.lead.get(f"/job/{job}").json()
    assert info["job_status"] == "finished"
    assert told.decode() == world.lead.log(job)
    for address in world.platform.replicas():
        rest = world.lead.at(address)
        assert rest.get(f"/job/{job}/logs/stream").content == told
        assert rest.get(f"/job/{job}/logs/stream?follow=false").content == told
        assert rest.get(f"/job/{job}/logs/stream?tail=1").content == told.splitlines(keepends=True)[-1]


def test_without_following_it_ends_at_once(world):
    for job in (world.queued, world.started, world.finished, world.failed):
        for which in ("stdout", "stderr", "both"):
            assert world.lead.get(f"/job/{job}/logs/stream?follow=false&stream={which}").status_code == 200


@pytest.mark.parametrize(("query", "error"), [
    ("follow=1", "Invalid follow"), ("tail=-1", "Invalid tail"), ("tail=x", "Invalid tail"), ("stream=all", "Invalid stream"),
    ("lines=1", "Invalid lines")])
def test_it_refuses(world, query, error):
    answer = world.lead.get(f"/job/{world.finished}/logs/stream?{query}")
    assert (answer.status_code, answer.json()["error"]) == (400, error)

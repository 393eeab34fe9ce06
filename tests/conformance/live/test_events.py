"""Streams of events: what they tell, and how a client goes on after a gap."""

import pytest
from event_stream import Events, says
from platform_client import wait_until
from tenants import ABSENT_JOB

pytestmark = pytest.mark.xdist_group("contract")


def test_a_job_is_followed_to_its_end(world):
    job = world.lead.start(repository_id=world.repository)
    for address in world.platform.replicas():
        rest = world.lead.at(address)
        wait_until("this replica knows the job", lambda: rest.get(f"/job/{job}").status_code in (200, 202))
        with Events(rest, f"/job/{job}/events") as events:
            assert events.answer.headers["Content-Type"] == "text/event-stream"
            told = list(events)  # the stream ends
        assert told[-1][0] == "job"
        assert told[-1][1]["job_status"] == "finished"
        # Whoever is told the end finds it on each replica, in the same words.
        for other in world.platform.replicas():
            answer = world.lead.at(other).get(f"/job/{job}")
            assert answer.status_code == 200
            assert told[-1][1].items() <= answer.json().items()
            again = world.lead.at(other).get(f"/job/{job}/events", **{"Last-Event-ID": events.last_id})
            assert (again.status_code, again.content) == (204, b"")


def test_a_tenant_is_followed_across_replicas(world):
    first, *_, last = [world.lead.at(address) for address in world.platform.replicas()]
    job = None
    with Events(first, "/events") as events, Events(last, "/events") as others:
        known = events.state()
        assert {world.started, world.finished, world.failed} <= known.keys()
        assert known[world.started].items() <= first.get(f"/job/{world.started}").json().items()
        others.state()
        job = world.lead.start(repository_id=world.repository)
        for stream in (events, others):
            assert stream.until(lambda kind, data: says(kind, data, job))["repository_id"] == world.repository
    # What happened meanwhile is told on the other replica. If that one is so late that it does not know the id, it is in
    # the full state.
    with Events(last, "/events", events.last_id) as events:
        events.until(lambda kind, data: says(kind, data, job) == "finished")
    assert world.lead.delete(f"/job/{job}").status_code == 200
    with Events(first, "/events", events.last_id) as events:
        events.until(lambda kind, data: says(kind, data, job) == "deleted")


def test_a_stakeholder_gets_none(world):
    answer = world.stake.get("/events")
    assert (answer.status_code, answer.json()) == (403, {"error": "Permission denied"})


@pytest.mark.parametrize("last_id", ["0", "x", "99999999999999999999-0123456789abcdef", "9" * 300])
def test_an_unknown_id_gets_the_state(world, last_id):
    with Events(world.lead, "/events", last_id) as events:
        assert world.finished in events.state()


def test_only_the_own_tenant(world, tenants):
    other = tenants.make("Probe")
    with Events(other, "/events") as events:
        assert not {world.started, world.finished} & events.state().keys()
    for job in (world.started, world.finished, ABSENT_JOB):
        for part in ("events", "logs/stream"):
            answer = other.get(f"/job/{job}/{part}")
            assert (answer.status_code, answer.json()) == (404, {"error": "Invalid job_id"})

"""A tenant that sends more requests than it may gets 429 with the fields of draft-ietf-httpapi-ratelimit-headers-10; another tenant is served."""

import re

from platform_client import wait_until
from tenants import ABSENT_JOB

POLICY = '"default";q=3;w=3'


def ask(rest):
    return rest.get(f"/job/{ABSENT_JOB}")


def refused(rest):
    answer = ask(rest)
    assert answer.headers["RateLimit-Policy"] == POLICY, "every answer to a right key says it"
    assert re.fullmatch(r'"default";r=[0-2];t=[1-3]', answer.headers["RateLimit"]), answer.headers["RateLimit"]
    return [answer] if answer.status_code == 429 else None


def test_a_tenant_with_too_many_requests(world):
    greedy, other = world.probe_user("Greedy"), world.probe_user("Modest")
    assert "RateLimit" not in ask(greedy).headers, "the limit is off by default"
    with world.another_server(flags=["--max-requests-per-second", "1", "--max-request-burst", "3"]) as address:
        here, there = greedy.at(address), other.at(address)
        wait_until("the server knows the other tenant", lambda: ask(there).status_code != 401)
        (answer,) = wait_until("the tokens are used up", lambda: refused(here))
        assert answer.json()["error"] == "Too many requests"
        assert "--max-requests-per-second" in answer.json()["detail"]
        assert answer.headers["RateLimit"].startswith('"default";r=0;')
        assert int(answer.headers["Retry-After"]) >= 1
        wait_until("the other tenant is served", lambda: ask(there).status_code == 404)
        wait_until("there is a token again", lambda: ask(here).status_code == 404)

"""A source with many wrong keys gets 429; a correct key from the same source passes."""

from platform_client import wait_until
from tenants import ABSENT_JOB


def first_other_than_401(rest):
    answer = rest.get(f"/job/{ABSENT_JOB}")
    if answer.status_code != 401:
        return [answer]
    assert answer.json() == {"error": "Invalid x-api-key"}
    return None


def test_many_wrong_keys(world):
    rest = world.probe_user("WrongKeys")
    with world.another_server(flags=["--max-auth-failures-per-minute", "3"]) as address:
        assert_waits(world.stranger.at(address), rest.at(address))


def assert_waits(wrong, rest):
    answer = wait_until("the tokens are used up", lambda: first_other_than_401(wrong))
    (answer,) = answer
    assert (answer.status_code, answer.json()) == (429, {"error": "Too many requests"})
    assert int(answer.headers["Retry-After"]) > 0
    assert rest.get(f"/job/{ABSENT_JOB}").status_code == 404, "the same source, with a correct key"

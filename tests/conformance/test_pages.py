"""Pages of the lists, walked by the Link of each page as `requests` reads it."""

from urllib.parse import urljoin

import pytest
from platform_client import wait_until

pytestmark = pytest.mark.xdist_group("contract")


def ask(user, path, query, **headers):
    return user.call("GET", path, headers, params=query)


def walk(user, path, **query):
    """All entries, page by page."""
    entries, reference = [], ""
    while True:
        answer = ask(user, path + reference, None if reference else query)
        assert answer.status_code == 200, answer.text
        entries += answer.json()
        if "next" not in answer.links:
            return entries
        # Relative to the URL of the request: here the query only.
        reference = answer.links["next"]["url"]
        assert urljoin(answer.url, reference).startswith(answer.url.split("?")[0] + "?")


def test_pages_name_what_the_lists_name(world):
    repositories = world.lead.get("/repository").json()
    assert {world.repository, world.waiting_repository, world.empty_repository} <= set(repositories)
    # Other tests make repositories meanwhile.
    seen = walk(world.lead, "/repository", page_size=2)
    assert seen == sorted(seen) and set(repositories) <= set(seen)
    newest_first = walk(world.lead, "/repository", page_size=100, order="desc")
    assert newest_first == sorted(newest_first, reverse=True) and set(repositories) <= set(newest_first)


def test_jobs_of_all_repositories(world):
    jobs = walk(world.lead, "/job", page_size=1)
    assert {world.finished, world.failed, world.started} <= set(jobs)
    assert len(jobs) == len(set(jobs))


@pytest.mark.parametrize("state", ["finished", "failed", "started"])
def test_states(world, state):
    wanted = getattr(world, state)
    wait_until("its state is known", lambda: wanted in walk(world.lead, "/job", status=state))
    for other in {"finished", "failed", "started"} - {state}:
        assert wanted not in walk(world.lead, "/job", status=other)


def test_full_views_are_the_objects(world):
    objects = {one["job_id"]: one for one in walk(world.lead, "/job", view="full", page_size=3)}
    for job in (world.finished, world.failed):
        assert objects[job] == ask(world.lead, f"/job/{job}", {"jobs": "false"}).json()
    assert "jobs" not in objects[world.finished]
    named = walk(world.lead, "/repository", view="full", name="test REPO")
    assert world.repository in [one["repository_id"] for one in named]


def test_of_one_repository(world):
    answer = ask(world.lead, "/job", {"page_size": 1}, repository_id=world.repository)
    assert answer.status_code == 200 and len(answer.json()) == 1 and "next" in answer.links


def test_old_clients_need_the_header(world):
    for query in ({}, {"from_date": "202001010000"}):
        answer = ask(world.lead, "/job", query)
        assert (answer.status_code, answer.json()["error"]) == (400, "Missing repository_id")


@pytest.mark.parametrize(("query", "field"), [
    ({"page_size": "0"}, "page_size"), ({"page_size": "1001"}, "page_size"), ({"page_token": "../.."}, "page_token"),
    ({"status": "Done"}, "status"), ({"order": "random"}, "order"), ({"view": "all"}, "view"), ({"name": ""}, "name"),
    ({"page": "2"}, "page")])
def test_wrong_values(world, query, field):
    answer = ask(world.lead, "/job", query, repository_id=world.repository)
    assert (answer.status_code, answer.json()["error"]) == (400, f"Invalid {field}")


def test_roles(world):
    assert ask(world.stake, "/job", {"page_size": 1}).status_code == 403
    assert ask(world.stake, "/repository", {"page_size": 1}).status_code == 200

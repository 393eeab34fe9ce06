"""`?wait` on two servers: a request that waits at one is answered when another one, or the application, changes the job."""

import contextlib
import http.client
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from platform_client import wait_until
from tenants import make_job_with_kubectl

WAIT = 60  # the longest that a request may ask for
IN_TIME = 50  # seconds; an answer that has not come by then would come because the wait is over


@pytest.fixture(params=[0, 1], ids=["at the first", "at the second"])
def pair(platform, request):
    """The server at which requests wait, and the one that changes the job."""
    addresses = platform.replicas()
    assert len(addresses) >= 2, "these tests need two replicas"
    return addresses[request.param], addresses[1 - request.param]


@pytest.fixture
def repository(platform, probe):
    """Its jobs run until it is released."""
    made = probe.repository(params={"wait": True, "result": "7"})
    yield made
    platform.release(made)


class Waiters:
    """Requests that wait at one server, by their path below the job."""

    def __init__(self, rest, job, *paths):
        self._rest, self._job = rest, job
        wait_until("the server knows the job", lambda: rest.get(f"/job/{job}").status_code != 404)
        pool = ThreadPoolExecutor(len(paths))
        self._answers = {path: pool.submit(self._read, self._sent(path)) for path in paths}
        pool.shutdown(wait=False)
        # Other tests may have requests that wait there, too.
        wait_until("all of them wait", lambda: self._waiting() >= len(paths) or any(one.done() for one in self._answers.values()))
        # They have looked at the job when a later request has.
        rest.get(f"/job/{job}")

    def _sent(self, path):
        connection = http.client.HTTPConnection(self._rest.address, timeout=IN_TIME)
        query = ("&" if "?" in path else "?") + f"wait={WAIT}"
        connection.request("GET", f"/api/v1/job/{self._job}{path}{query}", headers=self._rest.identity.headers())
        return connection

    @staticmethod
    def _read(connection):
        with contextlib.closing(connection):
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def _waiting(self):
        connection = http.client.HTTPConnection(self._rest.address.replace(":8080", ":9090"), timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", "/metrics")
            return float(re.search(r"^vbrain_api_waits (\S+)$", connection.getresponse().read().decode(), re.MULTILINE)[1])

    def wait_still(self, path):
        return not self._answers[path].done()

    def answer(self, path):
        """(status, body) of the answer; of a job that has ended, it is that of the same request without `wait`."""
        status, body = self._answers[path].result()
        if status != 202:
            plain = self._rest.get(f"/job/{self._job}{path}")
            assert (status, body) == (plain.status_code, plain.json())
        return status, body


def test_a_cancel_at_another_server(pair, probe, repository):
    here, there = map(probe.at, pair)
    job = there.start(repository_id=repository)
    wait_until("it runs", lambda: "started attempt 1" in here.log(job))
    wait_until("it is said to run", lambda: here.state(job) == "started")
    waiters = Waiters(here, job, "", "?jobs=false", "/result")
    assert there.call("POST", f"/job/{job}/cancel").status_code == 200
    for path in ("", "?jobs=false"):
        status, body = waiters.answer(path)
        assert (status, body["job_status"], body["reason"]) == (200, "failed", "Cancelled")
    assert waiters.answer("/result") == (500, {"error": "Job failed"})


def test_the_end_of_the_application(pair, platform, probe, repository):
    here, there = map(probe.at, pair)
    job = there.start(repository_id=repository)
    wait_until("it runs", lambda: "started attempt 1" in here.log(job))
    wait_until("it is said to run", lambda: here.state(job) == "started")
    waiters = Waiters(here, job, "", "/result")
    platform.release(repository)
    status, body = waiters.answer("")
    assert (status, body["job_status"], body["reason"]) == (200, "finished", "Completed")
    assert waiters.answer("/result") == (200, {"output": 7})


def test_a_resume_at_another_server(pair, platform, probe, repository):
    """Only the request for the job is answered by its start; the one for the result waits for its end."""
    here, there = map(probe.at, pair)
    job = make_job_with_kubectl(platform, probe, suspend=True, repositoryId=repository, params={"wait": True})
    waiters = Waiters(here, job, "", "/result")
    assert there.call("POST", f"/job/{job}/resume").status_code == 200
    status, body = waiters.answer("")
    assert (status, body["job_status"]) == (202, "started")
    assert waiters.wait_still("/result")
    assert there.call("POST", f"/job/{job}/cancel").status_code == 200
    assert waiters.answer("/result") == (500, {"error": "Job failed"})


def test_a_delete_at_another_server(pair, platform, probe, repository):
    here, there = map(probe.at, pair)
    job = make_job_with_kubectl(platform, probe, suspend=True, repositoryId=repository)
    waiters = Waiters(here, job, "", "/result")
    assert there.delete(f"/job/{job}").status_code == 200
    for path in ("", "/result"):
        assert waiters.answer(path) == (404, {"error": "Invalid job_id"})

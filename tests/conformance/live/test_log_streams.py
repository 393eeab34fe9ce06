"""Logs as a stream: while a job runs, and the same bytes afterwards, on each replica."""

import pytest
from platform_client import DEADLINE, wait_until

pytestmark = pytest.mark.xdist_group("contract")

# Writes a line to stdout and to a log of its own at once, another one when the test opens the gate `<attempt>-1`, and ends when it opens
# `<attempt>-2`. The first attempt fails.
TWO_ATTEMPTS = """
import os, pathlib, sys, time
attempt = os.environ["VBRAIN_JOB_ATTEMPT"]
gates = pathlib.Path(os.environ["VBRAIN_INPUT_DIR"])
own = pathlib.Path(os.environ["VBRAIN_LOG_DIR"]) / "solver" / "run.log"
own.parent.mkdir()
for step in ("1", "2"):
    print("step", step, "of", attempt, flush=True)
    with own.open("a") as log:
        print("own step", step, "of", attempt, file=log)
    while not (gates / f"{attempt}-{step}").exists():
        time.sleep(0.1)
sys.exit(attempt == "1")
"""
FILE = "solver/run.log"


def stream(rest, job, **query):
    return rest.session.get(f"{rest.base}/job/{job}/logs/stream", params=query, headers=rest.identity.headers(),
                            stream=True, timeout=DEADLINE)


class Follower:
    """Reads a stream piece by piece; a piece that does not come fails after DEADLINE."""

    def __init__(self, rest, job, **query):
        self.answer = stream(rest, job, follow="true", **query)
        self.pieces = self.answer.iter_content(None)
        self.text = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.answer.close()

    def until(self, end):
        """Reads until the whole text is this."""
        while len(self.text) < len(end):
            self.text += next(self.pieces)
        assert self.text == end

    def to_end(self):
        return self.text + b"".join(self.pieces)


def open_gate(platform, repository, name):
    (platform.repository_folder(repository) / "input" / name).touch(mode=0o666)


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


def test_two_attempts_are_followed(platform, make_application, tenants):
    """Stdout at one server and a file of the application at another one: each line before the next one is written, and all afterwards."""
    make_application("TwoAttempts", command=("python3", "-c", TWO_ATTEMPTS), backoffLimit=1)
    user = tenants.make("TwoAttempts")
    repository = user.repository()
    first, *_, last = map(user.at, platform.replicas())
    job = first.start(repository_id=repository)
    wait_until("the other server knows the job", lambda: last.get(f"/job/{job}").status_code != 404)
    out, own = b"", b""
    with Follower(first, job) as stdout, Follower(last, job, file=FILE) as file:
        for attempt in (1, 2):
            if attempt > 1:
                out, own = (text + b"==> attempt 2 <==\n" for text in (out, own))
            for step in (1, 2):
                out += b"step %d of %d\n" % (step, attempt)
                own += b"own step %d of %d\n" % (step, attempt)
                stdout.until(out)
                file.until(own)
                open_gate(platform, repository, f"{attempt}-{step}")
        assert (stdout.to_end(), file.to_end()) == (out, own)
    info = user.wait(job)
    assert (info["job_status"], info["attempts"]) == ("finished", 2)
    for pod in platform.pods_of(job):
        platform.kube.delete(platform.kube.core("pods", pod["metadata"]["name"]))
    wait_until("its pods are gone", lambda: not platform.pods_of(job))
    for rest in (first, last):
        for query in ({}, {"follow": "true"}, {"follow": "false"}):
            assert stream(rest, job, **query).content == out
            assert stream(rest, job, file=FILE, **query).content == own


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

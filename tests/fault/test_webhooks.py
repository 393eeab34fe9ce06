"""Receivers of webhooks are told in order and at least once, also if the controller is killed at any place."""

import base64
import contextlib
import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from platform_client import wait_until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SAYS_AND_ENDS = ["python3", "-c", """
import os, pathlib
pathlib.Path(os.environ["VBRAIN_RESULT_FILE"]).write_text("42")
"""]


class Receiver:
    """A server on loopback. It answers with `statuses`, one after the other, then with 204."""

    def __init__(self, statuses=()):
        self.seen = []  # (headers, body)
        self.statuses = list(statuses)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.seen.append((dict(self.headers), body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jobs"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def told(self, job):
        """The types of the webhooks of the job, and their ids, in order. All are signed."""
        found = []
        for headers, body in list(self.seen):
            event = json.loads(body)
            if event["data"]["job_id"] != job:
                continue
            signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
            right = base64.b64encode(hmac.digest(base64.b64decode(SECRET.removeprefix("whsec_")), signed, hashlib.sha256)).decode()
            assert headers["webhook-signature"] == f"v1,{right}"
            found.append((event["type"], headers["webhook-id"]))
        return found


@contextlib.contextmanager
def receiver(*statuses):
    made = Receiver(statuses)
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()


@pytest.fixture(scope="module")
def user(world):
    """A user whose Client has a secret."""
    rest = world.application("Hooks", SAYS_AND_ENDS)
    clients = world.platform.kube.get(world.platform.kube.ours("clients"))["items"]
    (name,) = [item["metadata"]["name"] for item in clients if item["spec"]["clientId"] == rest.identity.client_id]
    (world.webhook_secrets / name).write_text(SECRET + "\n")
    return rest


def start(user, url):
    answer = user.call("POST", "/job/execute", {}, json={"params": {}, "callback_url": url})
    assert answer.status_code == 201, answer.text
    return answer.json()["job_id"]


def delivered(world, job):
    conditions = world.platform.job(job)["status"].get("conditions", [])
    return any(c["type"] == "CallbackDelivered" and c["status"] == "True" for c in conditions)


def ends_of(told):
    return [event for event in told if event[0] != "job.started"]


def test_start_and_end_are_told(world, user):
    with receiver(500) as hooks:
        job = start(user, hooks.url)
        wait_until("the end is told", lambda: delivered(world, job))
        types = [name for name, _ in hooks.told(job)]
        assert types[-1] == "job.finished" and sorted(types, key=["job.started", "job.finished"].index) == types, types
        assert user.get(f"/job/{job}/result").status_code == 200, "it can be read by then"


@pytest.mark.parametrize("stage", ["ended", "archived", "webhook-sent"])
def test_the_controller_killed(world, user, stage):
    point, before = f"controller.{stage}", world.controller.ends.count(-9)
    with receiver() as hooks:
        world.arm(point)
        job = start(user, hooks.url)
        wait_until("the controller met its end", lambda: world.fired(point) and world.controller.ends.count(-9) == before + 1)
        wait_until("the end is told", lambda: delivered(world, job))
        ends = ends_of(hooks.told(job))
        assert len(ends) == (2 if stage == "webhook-sent" else 1), "told again, because nobody knows that it was told"
        assert len(set(ends)) == 1, "by the same id"


def test_a_host_that_is_not_listed_is_refused(user):
    answer = user.call("POST", "/job/execute", {}, json={"params": {}, "callback_url": "https://[::1]/"})
    assert (answer.status_code, answer.json()["error"]) == (400, "Invalid callback_url")
    assert "Remedy: " in answer.json()["detail"]

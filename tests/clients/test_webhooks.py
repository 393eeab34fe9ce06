"""Receivers of webhooks: that of the Python package, that of docs/clients.md, and the message that docs/api.md shows."""

import base64
import hmac
import http.client
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

import pytest
from fake_client import CREATED, PACKAGE, client, vbrain

ROOT = Path(__file__).resolve().parents[2]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"another secret of 24 byt").decode()
NOW = 1600878664
ENDED = {"type": "job.failed", "timestamp": "2020-09-23T16:31:04.250Z",
         "data": {"job_id": "j-1", "job_status": "failed", "repository_id": "r-1", "organization_id": "acme", "application_id": "Tutorial",
                  "client_id": "north", "reason": "NonZeroExit", "message": "exit code 3", "attempts": 2}}


def signed(body, secrets=(SECRET,), sent=NOW, name="j-1-ended"):
    """The headers as the controller sends them."""
    text = f"{name}.{sent}.".encode() + body
    each = ["v1," + base64.b64encode(hmac.digest(base64.b64decode(one.removeprefix("whsec_")), text, "sha256")).decode() for one in secrets]
    return {"Webhook-Id": name, "webhook-timestamp": str(sent), "WEBHOOK-SIGNATURE": " ".join(each)}


def read(headers, body, secret=SECRET, now=NOW + 3.0):
    return vbrain.read_webhook(headers, body, secret, clock=lambda: now)


def bytes_of(event):
    return json.dumps(event).encode()


def test_a_signed_event_is_read():
    body = bytes_of(ENDED)
    event = read(signed(body), body)
    assert (event.id, event.type, event.job_id, event.status, event.ended) == ("j-1-ended", "job.failed", "j-1", "failed", True)
    assert (event.reason, event.message, event.attempts, event.repository_id) == ("NonZeroExit", "exit code 3", 2, "r-1")
    assert event.timestamp == datetime(2020, 9, 23, 16, 31, 4, 250_000, timezone.utc) and event.raw == ENDED
    started = {"type": "job.started", "timestamp": "2020-09-23T16:31:02.000Z", "data": {"job_id": "j-1", "job_status": "started"}}
    assert not read(signed(bytes_of(started)), bytes_of(started)).ended


def test_the_example_of_standard_webhooks():
    """That of the scheme's own specification; the body is none of ours."""
    told = {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330", "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}
    with pytest.raises(vbrain.WebhookRefused, match="it is signed, but it is no event of a job"):
        read(told, b'{"test": 2432232314}', now=1614265330)


def test_a_secret_is_replaced_without_a_gap():
    body = bytes_of(ENDED)
    for secret in (SECRET, OTHER, f"{OTHER}\n{SECRET}\n", [OTHER, SECRET]):
        assert read(signed(body, (SECRET, OTHER)), body, secret).job_id == "j-1"
    assert read(signed(body), body, [OTHER, SECRET]).job_id == "j-1"


BODY = bytes_of(ENDED)
GOOD = signed(BODY)


@pytest.mark.parametrize(("headers", "body", "why"), [
    (signed(BODY, (OTHER,)), BODY, "no signature fits"),
    (GOOD, BODY.replace(b"failed", b"passed"), "no signature fits"),
    (GOOD, BODY + b"\n", "no signature fits"),
    ({**GOOD, "Webhook-Id": "j-2-ended"}, BODY, "no signature fits"),
    ({**GOOD, "webhook-timestamp": str(NOW + 1)}, BODY, "no signature fits"),
    ({**GOOD, "WEBHOOK-SIGNATURE": "v1," + "A" * 43 + "="}, BODY, "no signature fits"),
    ({**GOOD, "WEBHOOK-SIGNATURE": GOOD["WEBHOOK-SIGNATURE"].replace("v1,", "v1a,")}, BODY, "no signature fits"),
    ({**GOOD, "WEBHOOK-SIGNATURE": GOOD["WEBHOOK-SIGNATURE"].replace("v1,", "")}, BODY, "no signature fits"),
    ({**GOOD, "WEBHOOK-SIGNATURE": " "}, BODY, "webhook-signature is missing"),
    ({**GOOD, "Webhook-Id": "\xe9"}, BODY, "webhook-id is not ASCII"),
    ({**GOOD, "webhook-id": "j-1-ended"}, BODY, "webhook-id comes twice"),
    ({**GOOD, "webhook-timestamp": "1_600"}, BODY, "not a number of seconds"),
    ({**GOOD, "webhook-timestamp": "9" * 5000}, BODY, "not a number of seconds"),
    ({}, BODY, "webhook-id is missing"),
    (signed(BODY, sent=NOW - 301), BODY, "signed 304 s ago"),
    (signed(BODY, sent=NOW + 310), BODY, "signed -307 s ago"),
    (signed(b"[]"), b"[]", "no event"), (signed(b"\xff"), b"\xff", "no event"), (signed(b'{"data":{}}'), b'{"data":{}}', "no event"),
])
def test_what_is_not_from_the_platform_is_refused(headers, body, why):
    with pytest.raises(vbrain.WebhookRefused, match=why):
        read(headers, body)


@pytest.mark.parametrize("secret", ["", "whsec_", "s3cretsecret" * 4, "whsec_s3cret!", "whsec_" + "QUJD" * 4, [], ["whsec_s3cret"]])
def test_a_secret_that_is_none_is_the_receivers_fault(secret):
    with pytest.raises(ValueError, match="secret") as wrong:
        read(GOOD, BODY, secret)
    assert "s3cret" not in str(wrong.value)


def test_the_body_is_needed_as_it_came():
    with pytest.raises(TypeError, match="the bytes as they came"):
        read(GOOD, BODY.decode())


def test_the_url_goes_with_the_job():
    url = "https://hooks.example.com/jobs?a=1"
    vb, server = client(CREATED, CREATED, CREATED)
    vb.run(params={"a": 1}, callback_url=url)
    vb.run(files={"in.csv": b"1\n"}, callback_url=url)
    vb.run(params={"a": 1})
    assert json.loads(server.requests[0].content) == {"params": {"a": 1}, "callback_url": url}
    assert f'name="callback_url"\r\n\r\n{url}\r\n'.encode() in server.requests[1].content
    assert json.loads(server.requests[2].content) == {"params": {"a": 1}}


def test_the_message_of_the_page_is_signed():
    """docs/api.md shows a message, by the secret that is named below it."""
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    told, body = re.search(r"```\nPOST /jobs HTTP/1\.1\n(.*?)\n\n(\{.*?\})\n```", page, re.DOTALL).groups()
    headers = dict(line.split(": ", 1) for line in told.splitlines())
    assert SECRET in page and read(headers, body.encode()).type == "job.finished"


def readme_block(words):
    """The example of the package's README with these words."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (PACKAGE / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    block, = (block for block in blocks if words in block)
    return block


def test_the_examples_of_the_readme(monkeypatch, capsys):
    vb, server = client(CREATED)
    exec(readme_block("callback_url="), {"client": vb})
    assert json.loads(server.requests[0].content) == {"params": {"a": 10, "b": 20}, "callback_url": "https://hooks.example.com/jobs"}
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    names = {}
    exec(readme_block("read_webhook"), names)
    assert names["receive"](signed(BODY, sent=int(time.time())), BODY) == 204
    assert capsys.readouterr().out == "j-1 failed NonZeroExit\n"
    assert names["receive"](signed(BODY, (OTHER,), sent=int(time.time())), BODY) == 400


@pytest.fixture
def receiver(tmp_path):
    """The example of docs/clients.md: its process and its address."""
    page = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^<!-- receiver -->\n```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "receiver.py").write_text(text, encoding="utf-8")
    process = subprocess.Popen([sys.executable, "receiver.py"], cwd=tmp_path, text=True, stdout=subprocess.PIPE,
                               env={**os.environ, "WEBHOOK_SECRET": f"{OTHER} {SECRET}", "PORT": "0"})
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def post(url, headers, body):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, data=body, headers=headers), timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


def test_the_receiver_of_the_page(receiver):
    process, url = receiver
    now = int(time.time())
    good = signed(BODY, sent=now)
    assert post(url, signed(BODY, ("whsec_" + base64.b64encode(b"?" * 32).decode(),), sent=now), BODY) == 400
    assert post(url, {**good, "Webhook-Id": "j-2-ended"}, BODY) == 400
    assert post(url, signed(BODY, sent=now - 1000), BODY) == 400
    assert post(url, {}, BODY) == 400
    assert post(url, {**good, "webhook-timestamp": "x"}, BODY) == 400
    large = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=30)
    large.putrequest("POST", "/jobs")
    large.putheader("Content-Length", str(2 << 20))
    large.endheaders()  # and no byte of the body
    assert large.getresponse().status == 413
    assert [post(url, good, BODY), post(url, good, BODY)] == [204, 204]
    process.kill()
    assert process.stdout.read().splitlines() == ["job.failed j-1"], "the same event is used once"

"""What a submission of the Python package says beside params, metadata and files."""

import json

from fake_client import CREATED, client, vbrain

URL = "https://hooks.example.com/jobs"
BATCH = (201, {"message": "Jobs created", "job_ids": ["1", "2"]})


def field(request, name):
    """The text of a field of the form, or None."""
    _, found, rest = request.content.partition(f'name="{name}"\r\n\r\n'.encode())
    return rest.partition(b"\r\n")[0].decode() if found else None


def test_priority_and_callback_url_of_a_job(either):
    vb, server = either(CREATED, CREATED, CREATED)
    vb.run(params={"a": 1}, priority=-5, callback_url=URL)
    vb.run(files={"in.csv": b"1\n"}, priority=-5, callback_url=URL)
    vb.run()
    assert json.loads(server.requests[0].content) == {"params": {"a": 1}, "priority": -5, "callback_url": URL}
    assert (field(server.requests[1], "priority"), field(server.requests[1], "callback_url")) == ("-5", URL)
    assert json.loads(server.requests[2].content) == {}


def test_priority_0_is_sent():
    vb, server = client(CREATED)
    vb.run(priority=0)
    assert json.loads(server.requests[0].content) == {"priority": 0}


def test_priority_and_callback_url_of_a_batch(either):
    vb, server = either(BATCH, BATCH)
    assert [job.id for job in vb.batch("r", [{"b": 1}, {"b": 2}], metadata={"name": "n"}, priority=7, callback_url=URL)] == ["1", "2"]
    vb.batch("r", [{}, {}])
    assert json.loads(server.requests[0].content) == {"params": [{"b": 1}, {"b": 2}], "metadata": {"name": "n"}, "priority": 7, "callback_url": URL}
    assert json.loads(server.requests[1].content) == {"params": [{}, {}]}


def test_a_large_input_keeps_its_priority(monkeypatch):
    monkeypatch.setattr(vbrain.uploads, "RESUMABLE_FROM", 1)
    vb, server = client((201, {"upload_id": "u"}), (204, b"", {"Upload-Offset": "2"}), CREATED)
    vb.run(files={"in.csv": b"1\n"}, priority=3, callback_url=URL)
    assert json.loads(server.requests[2].content) == {"priority": 3, "callback_url": URL}
    assert server.requests[2].headers["upload_id"] == "u"

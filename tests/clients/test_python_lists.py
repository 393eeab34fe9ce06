"""Lists of the Python package that come in pages, the files of an input, and the keys of a client."""

import itertools
import json
import pickle
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

import pytest
from fake_client import LOST, client, vbrain
from fake_server import Cut, info

REPOSITORY = "202009231629398695"
NEXT = {"Link": '<?view=full&page_size=2&name=a%2Cb%3E&page_token=t1>; rel="next"'}


def query(request):
    return {name: value for name, (value,) in parse_qs(urlsplit(str(request.url)).query).items()}


def jobs(*names):
    return [info("finished", job_id=name) for name in names]


def test_jobs_come_page_by_page(either):
    vb, server = either((200, jobs("1", "2"), NEXT), (200, [], NEXT), (503, {"error": "Service unavailable"}), (200, jobs("3")))
    found = vb.iter_jobs(page_size=2, name="a,b>")
    assert server.requests == []
    assert [each.id for each in itertools.islice(found, 2)] == ["1", "2"]
    assert len(server.requests) == 1  # a page that nobody needs is not asked for
    last, = found
    assert (last.id, last.status, last.created_on) == ("3", "finished", datetime(2020, 9, 23, 16, 31, 2, tzinfo=timezone.utc))
    assert query(server.requests[0]) == {"view": "full", "order": "asc", "page_size": "2", "name": "a,b>"}
    assert [query(request) for request in server.requests[1:]] == 3 * [{"view": "full", "page_size": "2", "name": "a,b>", "page_token": "t1"}]
    assert {request.url.path for request in server.requests} == {"/api/v1/job"}
    assert not any("repository_id" in request.headers for request in server.requests)


def test_the_jobs_of_a_repository(either):
    vb, server = either((200, jobs("1"), NEXT), (200, jobs("2")))
    assert [each.id for each in vb.iter_jobs(REPOSITORY)] == ["1", "2"]
    assert [request.headers["repository_id"] for request in server.requests] == [REPOSITORY, REPOSITORY]


@pytest.mark.parametrize(("filters", "sent"), [
    ({"status": "failed"}, {"status": "failed"}), ({"status": ["queued", "started"]}, {"status": "queued,started"}),
    ({"created_by": "東"}, {"created_by": "東"}), ({"newest_first": True}, {"order": "desc"}),
    ({"from_date": datetime(2020, 9, 23, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))), "to_date": datetime(2020, 9, 24, tzinfo=timezone.utc)},
     {"from_date": "202009222302", "to_date": "202009240000"})])
def test_filters(filters, sent, either):
    vb, server = either((200, []))
    assert list(vb.iter_jobs(**filters)) == []
    assert query(server.requests[0]) == {"view": "full", "order": "asc", "page_size": "100", **sent}


def test_a_date_without_a_zone_is_of_this_machine():
    local = datetime(2020, 9, 23, 12, 0)
    vb, server = client((200, []))
    list(vb.iter_repositories(from_date=local))
    assert query(server.requests[0])["from_date"] == f"{datetime.fromtimestamp(local.timestamp(), timezone.utc):%Y%m%d%H%M}"


def test_the_key_goes_to_the_same_server_only(either):
    vb, server = either((200, jobs("1"), {"Link": '<http://elsewhere/api/v1/job?page_token=t1>; rel="next", <x>; rel="help"'}),
                        (200, jobs("2"), {"Link": '<../../docs>; rel="service-doc"'}))
    assert [each.id for each in vb.iter_jobs()] == ["1", "2"]
    assert [request.url.host for request in server.requests] == ["server", "server"]


def test_repositories_come_page_by_page(either):
    told = {"repository_id": REPOSITORY, "name": "N", "input": ["in.csv"], "created_on": "2020-09-23_16:29:39", "created_by": "ana", "params": True,
            "metadata": {"name": "N"}}
    vb, server = either((200, [told], NEXT), (200, [{"repository_id": "2"}]))
    first, second = vb.iter_repositories(created_by="ana", name="n")
    assert (first.id, first.name, first.input, first.created_by, first.metadata) == (REPOSITORY, "N", ["in.csv"], "ana", {"name": "N"})
    assert first.created_on == datetime(2020, 9, 23, 16, 29, 39, tzinfo=timezone.utc) and first.raw == told and second.id == "2"
    assert query(server.requests[0]) == {"view": "full", "order": "asc", "page_size": "100", "created_by": "ana", "name": "n"}
    assert {request.url.path for request in server.requests} == {"/api/v1/repository"}


def test_a_refused_filter_is_an_error(either):
    vb, _ = either((400, {"error": "Invalid status"}), (200, ["an id of a server without view"]))
    with pytest.raises(vbrain.InvalidRequest, match="Invalid status"):
        next(vb.iter_jobs(status="done"))
    with pytest.raises(vbrain.ApiError, match="Unexpected answer"):
        next(vb.iter_jobs())


def test_the_files_of_an_input(either, tmp_path):
    digest = "0" * 64
    vb, server = either((200, [{"name": "a b/c.csv", "bytes": 3, "type": "text/csv", "sha256": digest}]), (200, Cut(b"1,")), (200, b"1,2"), (200, b"1,2"))
    file, = vb.input_files(REPOSITORY)
    assert (file.name, file.bytes, file.sha256, file.crc32) == ("a b/c.csv", 3, digest, None)
    assert vb.read_input_file(REPOSITORY, file.name) == b"1,2"
    stored = vb.download_input_file(REPOSITORY, file.name, f"{tmp_path}/new/")
    assert (stored, stored.read_bytes()) == (tmp_path / "new" / "c.csv", b"1,2")
    one = f"GET /api/v1/repository/{REPOSITORY}/input/files"
    assert server.calls() == [one, *3 * [f"{one}/a%20b%2Fc.csv"]]


MADE = {"message": "Key created", "key_id": "q7m2", "api_key": "vb_q7m2_" + "s3cret" * 7, "username": "bot", "expires_at": "2027-03-01T09:14:02Z"}


def test_a_key_is_made(either):
    vb, server = either(*3 * [(201, MADE)])
    made = vb.create_key("bot", expires=timedelta(days=90, microseconds=1), description="nightly import")
    assert (made.id, made.api_key, made.username) == ("q7m2", MADE["api_key"], "bot")
    assert made.expires_at == datetime(2027, 3, 1, 9, 14, 2, tzinfo=timezone.utc)
    assert "s3cret" not in repr(made) and pickle.loads(pickle.dumps(made)) == made
    vb.create_key("bot", expires=datetime(2027, 3, 1, 9, tzinfo=timezone(timedelta(hours=-3))))
    vb.create_key("bot")
    assert [json.loads(request.content) for request in server.requests] == [
        {"username": "bot", "expires_in": 7776001, "description": "nightly import"}, {"username": "bot", "expires_at": "2027-03-01T12:00:00+00:00"},
        {"username": "bot"}]
    assert server.calls() == 3 * ["POST /api/v1/keys"]
    assert "Idempotency-Key" not in server.requests[0].headers


@pytest.mark.parametrize("lost", [LOST, (500, {"error": "Internal error"}), (503, {"error": "Service unavailable"})])
def test_a_key_is_not_made_twice(lost, either):
    vb, server = either(lost, (204, b"", {"Tus-Version": "1.0.0"}), (201, MADE))
    with pytest.raises((vbrain.ConnectionFailed, vbrain.ServerError)):
        vb.create_key("bot")
    assert server.calls() == ["POST /api/v1/keys"]


def test_a_key_is_asked_for_again_if_none_was_made(either):
    vb, server = either((429, {"error": "Too many requests"}), (201, MADE))
    assert vb.create_key("bot").id == "q7m2" and len(server.requests) == 2


def test_keys_are_listed_and_deleted(either):
    told = [{"key_id": "k3v9", "username": "ana", "role": "leader", "source": "Client", "state": "live", "new": 1},
            {"key_id": "q7m2", "username": "bot", "source": "Key", "state": "no_member", "created_at": "2026-12-01T09:14:02Z", "created_by": "ana",
             "expires_at": "2027-03-01T09:14:02Z", "last_used": "2026-12-04T16:00:00Z", "description": "nightly import"}]
    vb, server = either((200, {"keys": told}), LOST, (404, {"error": "Invalid key_id"}), (409, {"error": "Key cannot be deleted"}), (403, {"error": "Permission denied"}))
    first, second = vb.keys()
    assert (first.id, first.username, first.role, first.source, first.state, first.created_at, first.last_used) == ("k3v9", "ana", "leader", "Client", "live", None, None)
    assert (second.role, second.created_by, second.description, second.raw) == ("", "ana", "nightly import", told[1])
    assert (second.created_at, second.expires_at, second.last_used) == (
        datetime(2026, 12, 1, 9, 14, 2, tzinfo=timezone.utc), datetime(2027, 3, 1, 9, 14, 2, tzinfo=timezone.utc), datetime(2026, 12, 4, 16, tzinfo=timezone.utc))
    vb.delete_key("q7m2")  # the first try has deleted it
    with pytest.raises(vbrain.Conflict, match="Key cannot be deleted"):
        vb.delete_key("k3v9")
    with pytest.raises(vbrain.Forbidden):
        vb.keys()
    assert server.calls()[1:4] == ["DELETE /api/v1/keys/q7m2", "DELETE /api/v1/keys/q7m2", "DELETE /api/v1/keys/k3v9"]

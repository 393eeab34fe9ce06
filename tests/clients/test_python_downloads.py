"""Downloads of the Python package: what it continues, completes, refuses and locks."""

import asyncio
import threading

import httpx
import pytest
from fake_client import LOST, client, vbrain
from fake_server import IDENTITY, JOB, Body, Cut, FakeServer, info


def test_a_download_goes_on_where_it_was_cut(tmp_path):
    tag = {"ETag": '"v1"', "Content-Length": "10"}
    rest = {"ETag": '"v1"', "Content-Range": "bytes 4-9/10", "Content-Length": "6"}
    vb, server = client((200, Cut(b"0123"), tag), (206, b"456789", rest))
    target = vb.job(JOB).download("sub/deep file.txt", tmp_path)
    assert (target, target.read_bytes()) == (tmp_path / "deep file.txt", b"0123456789")
    assert server.calls() == 2 * [f"GET /api/v1/job/{JOB}/output/files/sub%2Fdeep%20file.txt"]
    assert (server.requests[1].headers["Range"], server.requests[1].headers["If-Range"]) == ("bytes=4-", '"v1"')
    assert list(tmp_path.iterdir()) == [target]


def test_a_download_goes_on_in_a_later_process(tmp_path):
    target = tmp_path / "out.zip"
    vb, _ = client((200, Cut(b"0123"), {"ETag": '"v1"', "Content-Length": "10"}), LOST, tries=2)
    with pytest.raises(vbrain.ConnectionFailed):
        vb.job(JOB).download_output(target)
    assert not target.exists()
    rest = {"ETag": '"v1"', "Content-Range": "bytes 4-9/10", "Content-Length": "6"}
    vb, server = client((206, b"456789", rest))
    assert vb.job(JOB).download_output(target).read_bytes() == b"0123456789"
    assert server.requests[0].headers["Range"] == "bytes=4-"


def test_a_new_version_is_downloaded_anew(tmp_path):
    vb, _ = client((200, Cut(b"0123"), {"ETag": '"v1"', "Content-Length": "10"}), (200, b"abc", {"ETag": '"v2"'}))
    assert vb.job(JOB).download_logs(tmp_path).read_bytes() == b"abc"


def test_a_download_that_fails_leaves_no_file(tmp_path):
    for answer, kind in (((404, {"error": "Invalid path"}), vbrain.NotFound), ((202, {"message": "Job not yet finished"}), TimeoutError)):
        vb, _ = client(answer)
        with pytest.raises(kind):
            vb.job(JOB).download("x.csv", tmp_path)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("answer", [(302, b"", {"Location": "/login"}), (204, b""), (206, b"56"), (206, b"ab", {"Content-Range": "bytes 0-1/6"}),
                                    (206, b"ab", {"Content-Range": "bytes 5-6/7"})])
def test_a_part_is_completed_by_its_rest_only(tmp_path, answer):
    target, part, note = (tmp_path / name for name in ("o.zip", "o.zip.part", "o.zip.part.etag"))
    part.write_bytes(b"0123")
    note.write_text('"v1"')
    vb, server = client(answer)
    with pytest.raises(vbrain.ApiError):
        vb.job(JOB).download_output(target)
    assert (target.exists(), part.read_bytes(), len(server.requests)) == (False, b"0123", 1)
    vb, _ = client(answer)
    with pytest.raises(vbrain.ApiError):
        vb.job(JOB).read("x")


def test_a_rest_of_several_answers(tmp_path):
    def part(first, last, data):
        return 206, data, {"ETag": '"v1"', "Content-Range": f"bytes {first}-{last}/6"}

    vb, _ = client((200, Cut(b"01"), {"ETag": '"v1"', "Content-Length": "6"}), part(2, 3, b"23"), part(4, 5, b"45"))
    assert vb.job(JOB).download_output(tmp_path).read_bytes() == b"012345"


def test_a_part_that_cannot_be_continued_is_downloaded_anew(tmp_path):
    target = tmp_path / "o.zip"
    (tmp_path / "o.zip.part").write_bytes(b"0123")
    (tmp_path / "o.zip.part.etag").write_text('"v1"')
    vb, server = client((416, {"error": "Invalid range"}), (200, b"abc"))
    assert vb.job(JOB).download_output(target).read_bytes() == b"abc"
    assert "Range" not in server.requests[1].headers and list(tmp_path.iterdir()) == [target]


def test_a_target_that_ends_with_a_slash_is_a_folder(tmp_path):
    vb, _ = client((200, b"1,2"))
    assert vb.job(JOB).download("table.csv", f"{tmp_path}/deep/results/") == tmp_path / "deep" / "results" / "table.csv"


def test_two_downloads_of_one_target_do_not_mix(tmp_path):
    target = tmp_path / "o.zip"

    def meanwhile(request):
        other, server = client((200, b"other"))
        with pytest.raises(vbrain.Error, match="o.zip.part: another download"):
            other.job(JOB).download_output(target)
        assert server.requests == []
        return httpx.Response(200, headers={"X-Request-Id": "r"}, stream=Body(b"mine"))

    vb, _ = client(meanwhile, (200, b"later"))
    assert vb.job(JOB).download_output(target).read_bytes() == b"mine"
    assert vb.job(JOB).download_output(target).read_bytes() == b"later"
    assert list(tmp_path.iterdir()) == [target]


WHOLE = (416, {"error": "Invalid range"}, {"Content-Range": "bytes */4", "ETag": '"v1"'})


def test_a_whole_part_is_not_downloaded_again(tmp_path):
    target, part, note = (tmp_path / name for name in ("o.zip", "o.zip.part", "o.zip.part.etag"))
    part.write_bytes(b"0123")
    note.write_text('"v1"')
    vb, server = client(WHOLE)
    assert vb.job(JOB).download_output(target).read_bytes() == b"0123"
    assert len(server.requests) == 1 and list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("headers", [{"Content-Range": "bytes */3", "ETag": '"v1"'}, {"Content-Range": "bytes */4", "ETag": '"v2"'},
                                     {"Content-Range": "bytes */4"}])
def test_a_part_of_another_version_is_downloaded_anew(tmp_path, headers):
    (tmp_path / "o.zip.part").write_bytes(b"0123")
    (tmp_path / "o.zip.part.etag").write_text('"v1"')
    vb, _ = client((416, {"error": "Invalid range"}, headers), (200, b"abc"))
    assert vb.job(JOB).download_output(tmp_path / "o.zip").read_bytes() == b"abc"


def test_a_file_that_is_read_goes_on_where_it_was_cut():
    rest = {"ETag": '"v1"', "Content-Range": "bytes 4-9/10", "Content-Length": "6"}
    cuts = [(200, Cut(b"0123"), {"ETag": '"v1"', "Content-Length": "10"}), LOST, LOST, (206, Cut(b"45"), rest)]
    more = {"ETag": '"v1"', "Content-Range": "bytes 6-9/10", "Content-Length": "4"}
    vb, server = client(*cuts, LOST, LOST, (206, b"6789", more), tries=4)
    assert vb.job(JOB).read("x") == b"0123456789"
    assert [request.headers.get("Range") for request in server.requests] == [None, *3 * ["bytes=4-"], *3 * ["bytes=6-"]]
    assert server.requests[-1].headers["If-Range"] == '"v1"'


def test_the_page_of_a_proxy_is_no_file(tmp_path):
    def sign_in(_):
        return httpx.Response(200, headers={"Content-Type": "text/html"}, stream=Body(b"<html>sign in"))

    vb, _ = client(sign_in, sign_in)
    for call in (lambda: vb.job(JOB).read("x"), lambda: vb.job(JOB).download_output(tmp_path)):
        with pytest.raises(vbrain.ApiError, match="Unexpected answer: bytes of text/html without X-Request-Id .*does no proxy want a sign-in"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_a_proxy_has_packed_is_refused(tmp_path):
    vb, _ = client(*2 * [(200, b"packed", {"Content-Encoding": "gzip"})])
    for call in (lambda: vb.job(JOB).read("x"), lambda: vb.job(JOB).download("x", tmp_path)):
        with pytest.raises(vbrain.ApiError, match="'gzip' was not asked for"):
            call()
    assert list(tmp_path.iterdir()) == []


OUTPUT = {"files": lambda job, folder: job.files(), "read": lambda job, folder: job.read("x"),
          "download": lambda job, folder: job.download("x", folder), "download_output": lambda job, folder: job.download_output(folder)}


@pytest.mark.parametrize("name", OUTPUT)
def test_the_output_of_a_job_that_has_not_finished(name, tmp_path):
    vb, _ = client((202, {"message": "Job not yet finished"}))
    with pytest.raises(TimeoutError, match="the job has not ended"):
        OUTPUT[name](vb.job(JOB), tmp_path)
    failed = (500, {"error": "Job failed"})
    vb, _ = client(failed, (200, info("failed", reason="NonZeroExit", message="exit code 7")))
    with pytest.raises(vbrain.JobFailed, match="NonZeroExit: exit code 7"):
        OUTPUT[name](vb.job(JOB), tmp_path)
    vb, _ = client((500, {"error": "Internal error"}))
    with pytest.raises(vbrain.ServerError, match="Internal error"):
        OUTPUT[name](vb.job(JOB), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_async_clients_raise_the_same_of_an_output(tmp_path):
    async def run(name, *answers):
        async with vbrain.AsyncClient(**IDENTITY, transport=FakeServer(*answers)) as made:
            return await OUTPUT[name](made.job(JOB), tmp_path)

    for name in OUTPUT:
        with pytest.raises(TimeoutError):
            asyncio.run(run(name, (202, {"message": "Job not yet finished"})))
        with pytest.raises(vbrain.JobFailed):
            asyncio.run(run(name, (500, {"error": "Job failed"}), (200, info("failed"))))


def test_an_async_download_does_not_block_the_event_loop(tmp_path, monkeypatch):
    threads = []
    write = vbrain.download.PartFile.write
    monkeypatch.setattr(vbrain.download.PartFile, "write", lambda self, data: (threads.append(threading.current_thread()), write(self, data))[1])

    async def run():
        async with vbrain.AsyncClient(**IDENTITY, transport=FakeServer((200, b"abc"))) as made:
            return await made.job(JOB).download("x", tmp_path)

    assert asyncio.run(run()).read_bytes() == b"abc"
    assert threads and threading.main_thread() not in threads

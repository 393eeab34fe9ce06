"""Downloads of the Python package: what it continues, completes, refuses and locks."""

import httpx
import pytest
from fake_client import LOST, client, vbrain
from fake_server import JOB, Body, Cut


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
        return httpx.Response(200, stream=Body(b"mine"))

    vb, _ = client(meanwhile, (200, b"later"))
    assert vb.job(JOB).download_output(target).read_bytes() == b"mine"
    assert vb.job(JOB).download_output(target).read_bytes() == b"later"
    assert list(tmp_path.iterdir()) == [target]

"""What the Python package makes of `files`."""

import io
import tempfile
import zipfile

import httpx
import pytest
from fake_client import CREATED, client, vbrain


class Table:
    """Behaves like a DataFrame."""

    def to_csv(self, index):
        assert not index
        return "x,y\n1,2\n"


def sent_file(server):
    """(name, content) of the file of the form that was sent."""
    body = server.requests[-1].content
    head, _, rest = body[body.index(b'name="file"'):].partition(b"\r\n\r\n")
    return head.split(b'filename="')[1].split(b'"')[0].decode(), rest[:rest.index(b"\r\n--")]


def test_one_table_is_sent_as_it_is(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("x,y\n1,2\n")
    for files in ({"in.csv": "x,y\n1,2\n"}, {"in.csv": b"x,y\n1,2\n"}, {"in.csv": Table()}, {"in.csv": io.BytesIO(b"x,y\n1,2\n")},
                  path, str(path), [path], {"in.csv": path}):
        vb, server = client(CREATED)
        vb.run("Tutorial", {"a": 1}, files)
        assert sent_file(server) == ("in.csv", b"x,y\n1,2\n"), files
        assert b'name="params"\r\n\r\n{"a": 1}\r\n' in server.requests[0].content


def test_several_files_are_one_archive(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.bin").write_bytes(b"a")
    (tmp_path / "b.csv").write_bytes(b"b")
    for files, names in ((tmp_path, ["b.csv", "deep/a.bin"]), ({"deep/a.bin": b"a", "b.csv": b"b"}, ["b.csv", "deep/a.bin"]),
                         ([tmp_path / "b.csv", tmp_path / "deep" / "a.bin"], ["a.bin", "b.csv"]), ({"a.bin": b"a"}, ["a.bin"])):
        vb, server = client(CREATED)
        vb.run(files=files)
        name, content = sent_file(server)
        assert name == "input.zip"
        assert sorted(zipfile.ZipFile(io.BytesIO(content)).namelist()) == names


def test_an_upload_is_repeated_from_its_beginning():
    vb, server = client(httpx.ConnectError("refused"), CREATED)
    vb.run(files={"in.csv": io.BytesIO(b"1,2\n")})
    assert sent_file(server) == ("in.csv", b"1,2\n")


def packed(*names):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, b"1")
    return made.getvalue()


def test_an_archive_is_sent_as_it_is_in_every_form(tmp_path):
    path, folder = tmp_path / "in.zip", tmp_path / "folder"
    path.write_bytes(packed("a.csv"))
    folder.mkdir()
    (folder / "in.zip").write_bytes(packed("a.csv"))
    for files in (path, str(path), [path], {"in.zip": path}, {"in.zip": packed("a.csv")}, folder):
        vb, server = client(CREATED)
        vb.run(files=files)
        name, content = sent_file(server)
        assert (name, zipfile.ZipFile(io.BytesIO(content)).namelist()) == ("in.zip", ["a.csv"]), files


def test_files_without_a_file_are_refused(tmp_path):
    for files in (tmp_path, [], {}, [tmp_path], iter([])):
        vb, server = client()
        with pytest.raises(ValueError, match="files has no file: .*leave `files` out"):
            vb.run(files=files)
        assert server.requests == []


def test_two_files_of_one_name_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "in.csv").write_bytes(b"1")
    vb, _ = client()
    with pytest.raises(ValueError, match="several files with the name 'in.csv'.*mapping"):
        vb.run(files=[tmp_path / "a" / "in.csv", tmp_path / "b" / "in.csv"])


@pytest.mark.parametrize("files", [b"1,2", bytearray(b"1"), io.BytesIO(b"1"), io.StringIO("1"), Table()])
def test_a_content_without_a_name_is_refused_with_a_hint(files):
    vb, _ = client()
    with pytest.raises(TypeError, match=type(files).__name__ + ' a name: files={"data.csv": …}'):
        vb.run(files=files)


def test_text_is_sent_as_utf8(tmp_path):
    path = tmp_path / "old.csv"
    path.write_bytes("name\nJosé\n".encode("latin-1"))
    text = "name\nJosé\n".encode()
    with open(path, encoding="latin-1", newline="") as file, tempfile.NamedTemporaryFile("w+", encoding="utf-8") as other:
        other.write("name\nJosé\n")
        for content in (io.StringIO("name\nJosé\n"), file, other):
            for files, name in (({"in.csv": content}, "in.csv"), ({"in.csv": content, "b.csv": b""}, "input.zip")):
                vb, server = client(CREATED)
                vb.run(files=files)
                told, sent = sent_file(server)
                assert told == name and (sent == text if name == "in.csv" else zipfile.ZipFile(io.BytesIO(sent)).read("in.csv") == text)


def test_an_open_file_is_sent_from_its_beginning_alone_and_with_others():
    file = io.BytesIO()
    file.write(b"1,2\n")  # the position is the end now
    for files, read in (({"in.csv": file}, lambda sent: sent), ({"in.csv": file, "b.csv": b""}, lambda sent: zipfile.ZipFile(io.BytesIO(sent)).read("in.csv"))):
        vb, server = client(CREATED)
        vb.run(files=files)
        assert read(sent_file(server)[1]) == b"1,2\n"


class Pipe(io.RawIOBase):
    def __init__(self, data):
        self.data = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self.data.readinto(buffer)


def test_a_pipe_is_kept_for_a_repetition():
    vb, server = client(httpx.ConnectError("refused"), CREATED)
    vb.run(files={"in.csv": Pipe(b"1,2\n")})
    assert sent_file(server) == ("in.csv", b"1,2\n")


def test_a_table_has_a_name_of_csv():
    vb, _ = client()
    with pytest.raises(ValueError, match="in.xlsx: a DataFrame is sent as CSV"):
        vb.run(files={"in.xlsx": Table()})


class Number:
    """Behaves like a scalar of numpy."""

    def tolist(self):
        return 3


def test_params_of_numpy_are_numbers_and_what_is_no_json_is_named():
    vb, server = client(CREATED, CREATED)
    vb.run(params={"n": Number()})
    vb.run(params={"n": Number()}, files={"in.csv": b"1"})
    assert server.requests[0].content == b'{"params": {"n": 3}}' and server.requests[0].headers["Content-Type"] == "application/json"
    assert b'name="params"\r\n\r\n{"n": 3}\r\n' in server.requests[1].content
    with pytest.raises(ValueError, match="no NaN"):
        vb.run(params={"n": float("nan")})
    with pytest.raises(TypeError, match="no complex"):
        vb.run(params={"n": 1j})


def test_what_cannot_be_sent_has_its_cause():
    for url, told in (("server", "http:// or https://"), ("http://server:port", "a port that is a number")):
        vb = vbrain.Client(url, username="a", organization_id="b", application_id="c", client_id="d", api_key="e")
        with pytest.raises(vbrain.ConnectionFailed, match=told):
            vb.usage()
    vb, _ = client(httpx.LocalProtocolError("Too much data for declared Content-Length"))
    with pytest.raises(vbrain.ConnectionFailed, match="a file may not change while it is sent"):
        vb.run(files={"in.csv": b"1"})

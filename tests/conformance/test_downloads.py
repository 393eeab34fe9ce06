"""Behaviour of every GET: HEAD, ETag, If-None-Match, Range, and the headers of downloads."""

import pytest
from platform_client import unzip

pytestmark = pytest.mark.xdist_group("contract")

ALL = {"repositories": "/repository", "repository": "/repository/{repository}", "input": "/repository/{repository}/input",
       "repository params": "/repository/{repository}/params", "job list": "/job", "job": "/job/{finished}",
       "result": "/job/{finished}/result", "job params": "/job/{finished}/params", "output": "/job/{finished}/output",
       "logs": "/job/{finished}/logs", "job on its way": "/job/{started}", "no result yet": "/job/{started}/result",
       "failed output": "/job/{failed}/output", "absent": "/job/x",
       "input files": "/repository/{repository}/input/files", "output files": "/job/{finished}/output/files",
       "job input files": "/job/{finished}/input/files", "job input file": "/job/{finished}/input/files/data_input.csv",
       "input file": "/repository/{repository}/input/files/data_input.csv", "output file": "/job/{finished}/output/files/table.csv",
       "no file yet": "/job/{started}/output/files/a", "failed file": "/job/{failed}/output/files/a",
       "absent file": "/job/{finished}/output/files/absent"}
ZIPS = ["input", "output", "logs"]
FILES = ["input file", "output file"]


def fetch(world, name, method="GET", rest=None, **headers):
    path = ALL[name].format(**vars(world))
    if name == "job list":
        headers["repository_id"] = world.repository
    return (rest or world.lead).call(method, path, headers)


@pytest.mark.parametrize("name", ALL)
def test_head_is_get_without_the_body(world, name):
    head, get = fetch(world, name, "HEAD"), fetch(world, name)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert int(head.headers["Content-Length"]) == len(get.content)
    for header in ("Content-Type", "ETag", "Accept-Ranges", "Content-Disposition", "Retry-After"):
        assert head.headers.get(header) == get.headers.get(header)


@pytest.mark.parametrize("name", ZIPS)
def test_headers_of_a_download(world, name):
    answer = fetch(world, name)
    assert answer.headers["Content-Type"] == "application/zip"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["ETag"].startswith('"')
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert unzip(answer.content)


@pytest.mark.parametrize("name", [*ZIPS, *FILES])
def test_the_same_bytes_and_etag_from_every_replica(world, name):
    seen = {(answer.headers["ETag"], answer.content)
            for address in world.platform.replicas() for answer in [fetch(world, name, rest=world.lead.at(address))]}
    assert len(seen) == 1


@pytest.mark.parametrize("name", [*ZIPS, *FILES])
@pytest.mark.parametrize("header", ["{etag}", "W/{etag}", '"other", {etag}', "*"])
def test_if_none_match(world, name, header):
    etag = fetch(world, name).headers["ETag"]
    answer = fetch(world, name, **{"If-None-Match": header.format(etag=etag)})
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag)
    assert fetch(world, name, **{"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("name", [*ZIPS, *FILES])
@pytest.mark.parametrize(("header", "part"), [
    ("bytes=0-0", slice(0, 1)), ("bytes=5-9", slice(5, 10)), ("bytes=7-", slice(7, None)), ("bytes=-4", slice(-4, None)),
    ("bytes=3-99999999", slice(3, None)), ("bytes=-99999999", slice(0, None))])
def test_range(world, name, header, part):
    whole = fetch(world, name).content
    answer = fetch(world, name, Range=header)
    assert (answer.status_code, answer.content) == (206, whole[part])
    first = part.indices(len(whole))[0]
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(whole)}"


@pytest.mark.parametrize("name", [*ZIPS, *FILES])
@pytest.mark.parametrize("header", ["bytes=9-5", "bytes=x", "bytes=0-1,4-5", "lines=0-1", "bytes=", "bytes=" + "0-," * 1000],
                         ids=["inverted", "letters", "several", "unit", "empty", "thousand"])
def test_ranges_that_are_ignored(world, name, header):
    answer = fetch(world, name, Range=header)
    assert (answer.status_code, answer.content) == (200, fetch(world, name).content)


@pytest.mark.parametrize("name", [*ZIPS, *FILES])
@pytest.mark.parametrize("header", ["bytes=99999999-", "bytes=-0"])
def test_ranges_beyond_the_end(world, name, header):
    size = len(fetch(world, name).content)
    answer = fetch(world, name, Range=header)
    assert (answer.status_code, answer.json()) == (416, {"error": "Invalid range"})
    assert answer.headers["Content-Range"] == f"bytes */{size}"


@pytest.mark.parametrize("name", [*ZIPS, *FILES])
def test_if_range(world, name):
    etag = fetch(world, name).headers["ETag"]
    assert fetch(world, name, **{"Range": "bytes=0-1", "If-Range": etag}).status_code == 206
    assert fetch(world, name, **{"Range": "bytes=0-1", "If-Range": '"other"'}).status_code == 200


@pytest.mark.parametrize("name", ["job on its way", "no result yet", "no file yet"])
def test_202_says_when_to_come_back(world, name):
    answer = fetch(world, name)
    assert answer.status_code == 202
    assert int(answer.headers["Retry-After"]) >= 1

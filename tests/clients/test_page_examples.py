"""The examples of docs/clients.md against a server where too many wait. The conformance tests run all of them on a real platform."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import page_examples
import pytest

IDENTITY = {name: "x" for name in ("USERNAME", "ORGANIZATION_ID", "APPLICATION_ID", "CLIENT_ID", "API_KEY")}
QUICK = ("bash", "python", "aiohttp", "node", "csharp")  # the others compile, or have a test of their own


class FullServer(BaseHTTPRequestHandler):
    """The first question for the result is answered at once with 202."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.keys.append(self.headers["Idempotency-Key"])
        job = self.server.jobs[len(self.server.keys) - 1]
        self.tell(201, json.dumps({"message": "Job created", "job_id": job}).encode())

    def do_GET(self):
        if "/result" in self.path:
            self.server.asked.append(time.monotonic())
            if len(self.server.asked) == 1:
                return self.tell(202, b'{"message":"Job not yet finished"}', ("Retry-After", "2"))
        if "/output" in self.path:
            return self.tell_product(self.path.split("/")[-2])
        return self.tell(200, b'{"output":200}')

    def tell_product(self, job):
        """The archive of a job, each with another length, in part if that is asked for."""
        whole, wanted = job.encode() * 9, self.headers["Range"]
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if wanted and start >= len(whole):
            return self.tell(416, b'{"error":"Invalid range"}', ("Content-Range", f"bytes */{len(whole)}"))
        last = len(whole) - 1
        return self.tell(206, whole[start:], ("Content-Range", f"bytes {start}-{last}/{len(whole)}")) if wanted else self.tell(200, whole)

    def tell(self, status, body, *headers):
        self.send_response(status)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_every_block_of_the_page_is_run_or_says_why_not():
    assert set(page_examples.EXAMPLES) == {*page_examples.RUNS, "forecast"}
    assert page_examples.not_accounted_for(page_examples.PAGE) == []
    assert f"printf '{page_examples.NUMBERS.encode('unicode_escape').decode()}' >numbers.csv" in page_examples.PAGE
    above = [line for line, _ in page_examples.fences(page_examples.PAGE)]
    assert [line for line in page_examples.RUN_ELSEWHERE if line not in above] == []


@pytest.mark.parametrize("block", [
    "```\nx\n```", "```python\nx\n```", "  ```js\nx\n```", "~~~\nx\n~~~", "<!-- run: cobol -->\n```\nx\n```",
    "<!-- run: go -->\n\n```go\nx\n```", "<!-- not run by the tests: why -->\n```\nx\n```", "````\n```\n````"])
def test_a_block_that_is_not_accounted_for_is_found(block):
    fine = "<!-- run: go -->\n```go\nx\n```\n\n<!-- not run by the tests: it needs a ship -->\n```\n~~~\n```\n"
    assert page_examples.not_accounted_for(fine) == []
    assert len(page_examples.not_accounted_for(f"{fine}\n{block}\n\n{fine}")) == 1


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), FullServer) as made:
        made.keys, made.asked, made.jobs = [], [], ["job-1", "job-two-2", "3"]
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.mark.parametrize("kind", QUICK)
def test_an_example_pauses_as_the_server_says(kind, server, tmp_path):
    reason = page_examples.why_not(kind)
    if reason:
        pytest.skip(reason)
    if kind == "python":
        pytest.importorskip("requests")
    done = page_examples.run(kind, tmp_path, f"127.0.0.1:{server.server_address[1]}", IDENTITY)
    assert done.stdout.strip() in ("200", '{"output":200}'), done.stdout + done.stderr
    assert len(server.asked) == 2 and server.asked[1] - server.asked[0] >= 2
    assert len(server.keys) == 1 and len(server.keys[0]) >= 32


def test_the_curl_example_gives_the_product_of_its_own_job_each_time(server, tmp_path):
    reason = page_examples.why_not("bash")
    if reason:
        pytest.skip(reason)
    for job in server.jobs:  # a longer product after a shorter one, and the other way round
        server.asked[:] = [0]
        done = page_examples.run("bash", tmp_path, f"127.0.0.1:{server.server_address[1]}", IDENTITY)
        assert done.returncode == 0, done.stderr
        assert [path.read_bytes() for path in tmp_path.glob("*.zip") if path.read_bytes() == job.encode() * 9], job


@pytest.mark.parametrize(("kind", "version", "modules", "reason"), [
    ("node", "v18.20.4", "", None), ("node", "v16.13.0", "", "node 16.13 is too old; the example needs 18.0"),
    ("java", "openjdk 17.0.15 2025-04-15", "java.base@17\njdk.compiler@17\n", None),
    ("java", "openjdk 17.0.15 2025-04-15", "java.base@17\n", "java is a JRE; the example needs a JDK, with the module jdk.compiler"),
    ("java", "openjdk 11.0.2 2019-01-15", "jdk.compiler@11\n", "java 11.0 is too old; the example needs 17.0"),
    ("java", "", "", "java does not tell its version; the example needs 17.0"),
    ("pwsh", "PowerShell 7.4.2", "", None), ("pwsh", "PowerShell 7.3.11", "", "pwsh 7.3 is too old; the example needs 7.4")])
def test_why_an_example_is_skipped(kind, version, modules, reason):
    def output(_, argument):
        return version if argument == "--version" else modules

    assert page_examples.why_not(kind, lambda program: program, output) == reason


def test_a_missing_program_is_named():
    assert page_examples.why_not("bash", lambda program: None if program == "curl" else program) == "curl is not installed"
    assert page_examples.why_not("csharp", lambda program: None).startswith("dotnet is not installed, nor Mono")


def test_csharp_needs_net_or_mono():
    assert page_examples.why_not("csharp", lambda program: program, lambda program, _: "7.0.410") == "dotnet 7.0 is too old; the example needs 8.0"
    assert page_examples.why_not("csharp", lambda program: program, lambda program, _: "8.0.404") is None
    assert page_examples.why_not("csharp", lambda program: None if program == "dotnet" else program, lambda program, _: "") is None

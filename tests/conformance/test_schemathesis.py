"""schemathesis makes requests from the OpenAPI document, right and wrong ones, and sequences of them, and checks the answers.

It runs only if VBRAIN_SCHEMATHESIS_EXAMPLES is set: 12 makes some 1,200 requests, 60 twice as many. It needs access to PyPI."""

import os
import subprocess
import sys

import pytest
import python_tools

EXAMPLES = os.environ.get("VBRAIN_SCHEMATHESIS_EXAMPLES")

# What the checks cannot know:
# - A request without a key is 400 `Missing username`, not 401: the contract says so.
# - If-Match may name another version (412), and Range may begin behind the end (416).
# - Of a file the document cannot say which bytes are a ZIP, and of a page_token which ones the server has given.
CONFIG = """
[checks.ignored_auth]
enabled = false

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "412", "416", "422", "429", "5xx"]

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "412", "415", "422", "429", "5xx"]

[[operations]]
include-path = ["/job", "/job/execute", "/repository"]
checks.positive_data_acceptance.enabled = false
"""


@pytest.fixture
def fuzzed(make_application, tenants):
    """A leader of a tenant of its own, whose many jobs run one after the other and are deleted at the end."""
    make_application("Fuzzed", command=("python3", "-c", "pass"), maxConcurrentJobs=1)
    leader = tenants.make("Fuzzed")
    yield leader
    for repository in leader.get("/repository").json():
        assert leader.delete(f"/repository/{repository}").status_code in (200, 404)


@pytest.mark.slow
@pytest.mark.skipif(not EXAMPLES, reason="VBRAIN_SCHEMATHESIS_EXAMPLES is not set")
def test_schemathesis_finds_nothing(fuzzed, tmp_path):
    try:
        environment = python_tools.environment("schemathesis")
    except RuntimeError as problem:
        pytest.skip(str(problem))
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    headers = [part for name, value in fuzzed.identity.headers().items() for part in ("--header", f"{name}: {value}")]
    done = subprocess.run(
        [sys.executable, "-c", "import schemathesis.cli; schemathesis.cli.schemathesis()", "--config-file", "schemathesis.toml", "run",
         f"{fuzzed.base}/openapi.json", "--url", fuzzed.base, *headers, "--seed", "1", "--max-examples", EXAMPLES, "--warnings", "off", "--request-timeout", "90",
         # Streams have no end, or that of the job.
         "--exclude-operation-id-regex", "^stream"],
        cwd=tmp_path, env={**environment, "NO_PROXY": "*", "no_proxy": "*"}, capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, "mend api-server/openapi/document or the server:\n" + done.stdout[-6000:] + done.stderr[-2000:]

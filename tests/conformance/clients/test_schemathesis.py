"""schemathesis makes requests from the OpenAPI document, right and wrong ones, and sequences of them, and checks the answers.

It needs access to PyPI. If VBRAIN_SCHEMATHESIS_EXAMPLES is set, the phases with random requests make that many for each operation, and have all checks."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import python_tools

BY_HAND = "VBRAIN_SCHEMATHESIS_EXAMPLES" in os.environ
EXAMPLES = os.environ.get("VBRAIN_SCHEMATHESIS_EXAMPLES", "36")
LEAST = 2000  # requests of both runs together
# The first run has the same requests each time. Those of the second depend on the answers and on chance, so it has no checks whether the
# document says exactly what the server takes: a rule that no schema can say would fail it now and then. Run it by hand with all checks.
EXACT = [] if BY_HAND else ["--exclude-checks", "negative_data_rejection,positive_data_acceptance"]
RUNS = [["--phases", "examples,coverage"], ["--phases", "fuzzing,stateful", *EXACT]]
HOOKS = Path(__file__).resolve().parents[2] / "support" / "schemathesis_hooks.py"

# All checks are on, but for what they cannot know:
# - A request without a key is 400 `Missing username`, not 401: the contract says so. test_access_matrix.py tests it.
# - Where a result is read, 500 `Job failed` says that the job has failed: the contract says so. A check of HOOKS refuses any other 500.
# - If-Match may name another version (412), and Range may begin behind the end (416).
# - Of a file the document cannot say which bytes are a ZIP, and of a page_token which ones the server has given.
# - A request without Tus-Resumable is 412: tus says so.
# - That a body fits Upload-Length, Upload-Offset and Upload-Checksum. A header that nobody knows is no error, as schemathesis thinks of
#   createUpload. test_uploads.py tests the refusals.
# - Text with a lone surrogate is not UTF-8; a key of params with NUL, at any depth, is refused. The document says so in words.
CONFIG = f"""
hooks = {json.dumps(str(HOOKS))}

[generation]
codec = "utf-8"
allow-x00 = false

[phases.stateful]
max-steps = 8
generation.max-examples = 80

[checks.ignored_auth]
enabled = false

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "412", "416", "422", "429", "5xx"]

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "412", "415", "422", "429", "5xx"]

[checks.missing_required_header]
expected-statuses = ["400", "401", "403", "412"]

[[operations]]
include-operation-id = "createUpload"
checks.positive_data_acceptance.enabled = false
checks.negative_data_rejection.enabled = false

[[operations]]
include-operation-id = "sendUpload"
checks.positive_data_acceptance.enabled = false

# The user must be a member of the client.
[[operations]]
include-operation-id = "createKey"
checks.positive_data_acceptance.enabled = false

[[operations]]
include-path = ["/job", "/job/execute", "/repository"]
checks.positive_data_acceptance.enabled = false

[[operations]]
include-operation-id = ["getJobResult", "downloadJobOutput", "listJobOutputFiles", "downloadJobOutputFile"]
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "500"]
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
def test_schemathesis_finds_nothing(fuzzed, tmp_path):
    try:
        environment = python_tools.environment("schemathesis")
    except RuntimeError as problem:
        pytest.skip(str(problem))
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    document = fuzzed.session.get(f"{fuzzed.base}/openapi.json", timeout=60)
    (tmp_path / "openapi.json").write_text(json.dumps(document.json()))
    headers = [part for name, value in fuzzed.identity.headers().items() for part in ("--header", f"{name}: {value}")]
    made = 0
    for run in RUNS:
        done = subprocess.run(
            [sys.executable, "-c", "import schemathesis.cli; schemathesis.cli.schemathesis()", "--config-file", "schemathesis.toml", "run",
             "openapi.json", "--url", fuzzed.base, *headers, "--seed", "1", "--max-examples", EXAMPLES, "--warnings", "off",
             "--request-timeout", "90", *run,
             # Streams have no end, or that of the job.
             "--exclude-operation-id-regex", "^stream"],
            cwd=tmp_path, env={**environment, "NO_PROXY": "*", "no_proxy": "*"}, capture_output=True, text=True, timeout=1500, check=False)
        assert done.returncode == 0, "mend api-server/openapi/document or the server:\n" + done.stdout[-6000:] + done.stderr[-2000:]
        made += int(re.search(r"^ *([0-9]+) generated", done.stdout, re.MULTILINE)[1])
    assert "✅ Stateful" in done.stdout, done.stdout[-3000:]
    assert BY_HAND or made >= LEAST

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
OTHER_ROLES = ["--phases", "examples,coverage"]
HOOKS = Path(__file__).resolve().parents[2] / "support" / "schemathesis_hooks.py"

# Why a check is off or takes more statuses: docs/decisions/0055-checks-of-schemathesis.md.
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
include-operation-id = "streamJobLogs"
checks.positive_data_acceptance.enabled = false

[[operations]]
include-operation-id = "streamJobEvents"
checks.response_schema_conformance.enabled = false

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
    """Users of a tenant of their own, by role. Its many jobs run one after the other and are deleted at the end."""
    make_application("Fuzzed", command=("python3", "-c", "pass"), maxConcurrentJobs=1)
    users = tenants.team("Fuzzed", leader="leader", developer="developer", stakeholder="stakeholder")
    yield users
    leader = users["leader"]
    for repository in leader.get("/repository").json():
        assert leader.delete(f"/repository/{repository}").status_code in (200, 404)


@pytest.fixture
def schemathesis(fuzzed, tmp_path):
    """A function that runs it as a user, and returns what it prints."""
    try:
        environment = python_tools.environment("schemathesis")
    except RuntimeError as problem:
        pytest.skip(str(problem))
    leader = fuzzed["leader"]
    ended = leader.start()
    leader.wait(ended)
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    document = leader.session.get(f"{leader.base}/openapi.json", timeout=60)
    (tmp_path / "openapi.json").write_text(json.dumps(document.json()))

    def run(user, options):
        headers = [part for name, value in user.identity.headers().items() for part in ("--header", f"{name}: {value}")]
        done = subprocess.run(
            [sys.executable, "-c", "import schemathesis.cli; schemathesis.cli.schemathesis()", "--config-file", "schemathesis.toml", "run",
             "openapi.json", "--url", user.base, *headers, "--seed", "1", "--max-examples", EXAMPLES, "--warnings", "off",
             "--request-timeout", "90", *options,
             # The events of a tenant have no end. Streams of a job are asked for one that has ended (hooks).
             "--exclude-operation-id", "streamEvents"],
            cwd=tmp_path, env={**environment, "NO_PROXY": "*", "no_proxy": "*", "VBRAIN_ENDED_JOB": ended}, capture_output=True, text=True,
            timeout=1500, check=False)
        assert done.returncode == 0, "mend api-server/openapi/document or the server:\n" + done.stdout[-6000:] + done.stderr[-2000:]
        return done.stdout

    return run


@pytest.mark.slow
def test_schemathesis_finds_nothing(fuzzed, schemathesis):
    made = 0
    for options in RUNS:
        printed = schemathesis(fuzzed["leader"], options)
        made += int(re.search(r"^ *([0-9]+) generated", printed, re.MULTILINE)[1])
    assert "✅ Stateful" in printed, printed[-3000:]
    assert BY_HAND or made >= LEAST


@pytest.mark.slow
@pytest.mark.parametrize("role", ["developer", "stakeholder"])
def test_it_finds_nothing_with_less_rights(role, fuzzed, schemathesis):
    schemathesis(fuzzed[role], OTHER_ROLES)

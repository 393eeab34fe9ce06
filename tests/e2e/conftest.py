import json
import os
import re
import subprocess
import textwrap

import pytest
from platform_client import Identity, Platform, Rest, wait_until


@pytest.fixture(scope="session")
def platform():
    with open(os.environ["VBRAIN_E2E"], encoding="utf-8") as file:
        return Platform(json.load(file))


class Tenants:
    """Makes Clients with keys as an operator would, and waits until every replica knows them."""

    def __init__(self, platform):
        self.platform = platform
        self.made = 0

    def make(self, application, organization="acme", username="ana", role="leader"):
        self.made += 1
        client = f"client-{self.made}"
        done = subprocess.run([self.platform.program, "keygen", "--username", username, "--role", role],
                              capture_output=True, text=True, check=True)
        key = re.search(r"vb_[a-z0-9]+_[0-9A-Za-z]+", done.stdout).group(0)
        entry = re.search(r"^ *- .*", done.stdout, re.MULTILINE | re.DOTALL).group(0)
        self.platform.kubectl("apply", "-f", "-", stdin="\n".join([
            "apiVersion: vbrain.visagio.com/v1", "kind: Client",
            f"metadata: {{name: e2e-{self.made}}}", "spec:",
            f"  organizationId: {organization}", f"  applicationId: {application}", f"  clientId: {client}",
            "  members:", textwrap.indent(textwrap.dedent(entry), "    ")]))
        rest = Rest(self.platform.address, Identity(username, organization, application, client, key))
        wait_until("the new key works", lambda: rest.get("/job/00000000-0000-7000-8000-000000000000").status_code != 401)
        return rest


@pytest.fixture(scope="session")
def tenants(platform):
    return Tenants(platform)


@pytest.fixture(scope="session")
def tutorial(tenants):
    return tenants.make("Tutorial")


# Says its attempt, then waits until the test puts a file `release` into the repository's input, if asked to; then
# exits as told. The volume shows how often it really ran: one line in its log for each start.
PROBE = """
import json, os, pathlib, sys, time
params = json.load(open(os.environ["VBRAIN_PARAMS_FILE"]))
print("started attempt", os.environ["VBRAIN_JOB_ATTEMPT"], "of", os.environ["VBRAIN_JOB_ID"], flush=True)
print("a line for stderr", file=sys.stderr, flush=True)
release = pathlib.Path(os.environ["VBRAIN_INPUT_DIR"]) / "release"
while params.get("wait") and not release.exists():
    time.sleep(0.05)
if "result" in params:
    pathlib.Path(os.environ["VBRAIN_RESULT_FILE"]).write_text(params["result"])
for name, text in params.get("output", {}).items():
    path = pathlib.Path(os.environ["VBRAIN_OUTPUT_DIR"]) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
if "log" in params:
    (pathlib.Path(os.environ["VBRAIN_LOG_DIR"]) / "own.log").write_text(params["log"])
sys.exit(params.get("exit", 0))
"""


def application(name, image, command, **spec):
    return {"apiVersion": "vbrain.visagio.com/v1", "kind": "Application", "metadata": {"name": name.lower()},
            "spec": {"applicationId": name, "organizations": ["*"], **spec,
                     "template": {"spec": {"terminationGracePeriodSeconds": 2, "containers": [
                         {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "command": command,
                          "resources": {"limits": {"memory": "64Mi", "cpu": "500m"}}}]}}}}


@pytest.fixture(scope="session")
def probe(platform, tenants):
    """A tenant whose application does what its params say."""
    platform.apply(application("Probe", platform.tutorial_image, ["python3", "-c", PROBE]))
    return tenants.make("Probe")


@pytest.fixture(scope="session")
def make_application(platform):
    def make(name, image=None, command=("python3", "-c", PROBE), **spec):
        platform.apply(application(name, image or platform.tutorial_image, list(command), **spec))

    return make

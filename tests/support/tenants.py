"""Applications and users, created like an operator does."""

import os
import re
import subprocess
import uuid

import yaml
from platform_client import Identity, Rest, wait_until

ABSENT_JOB = "00000000-0000-7000-8000-000000000000"
ABSENT_REPOSITORY = "200001010000000000"

# Prints its attempt. With `wait` it waits until the test puts a file `release` into the repository's input. Then it
# exits as its params say. Its log on the volume has one line for each start.
PROBE = """
import json, os, pathlib, signal, sys, time
params = json.load(open(os.environ["VBRAIN_PARAMS_FILE"]))
attempt = os.environ["VBRAIN_JOB_ATTEMPT"]
def stop(*_):
    print("told to stop", flush=True)
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
print("started attempt", attempt, "of", os.environ["VBRAIN_JOB_ID"], flush=True)
print("a line for stderr", file=sys.stderr, flush=True)
if "memory" in params:
    held = [bytearray(b"x" * (1 << 20)) for _ in range(params["memory"])]
release = pathlib.Path(os.environ["VBRAIN_INPUT_DIR"]) / "release"
while params.get("wait") and not release.exists():
    time.sleep(0.1)
if "result" in params:
    pathlib.Path(os.environ["VBRAIN_RESULT_FILE"]).write_text(params["result"])
for name, text in params.get("output", {}).items():
    path = pathlib.Path(os.environ["VBRAIN_OUTPUT_DIR"]) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
if "log" in params:
    (pathlib.Path(os.environ["VBRAIN_LOG_DIR"]) / "own.log").write_text(params["log"])
if "say" in params:
    print(params["say"], flush=True)
sys.exit(params.get("exit", 0))
"""


def application(name, image, command, memory="64Mi", pod=None, container=None, **spec):
    """`pod` and `container`: more fields of the template's pod and its container."""
    main = {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "command": list(command),
            "resources": {"requests": {"cpu": "10m", "memory": memory}, "limits": {"memory": memory, "cpu": "1"}},
            **(container or {})}
    return {"apiVersion": "vbrain.visagio.com/v1", "kind": "Application", "metadata": {"name": name.lower()},
            "spec": {"applicationId": name, "organizations": ["*"], **spec,
                     "template": {"spec": {"terminationGracePeriodSeconds": 2, **(pod or {}), "containers": [main]}}}}


class Tenants:
    """Creates Clients with keys like an operator, and waits until every replica knows them."""

    def __init__(self, platform):
        self.platform = platform
        self.made = 0
        # Several processes of several suites share the installation, and processes of two suites have the same name.
        self.prefix = f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-{uuid.uuid4().hex[:6]}"

    def keygen(self, username, role, *arguments):
        """A new key, and its entry for a Client's members."""
        done = subprocess.run([self.platform.program, "keygen", "--username", username, "--role", role, *arguments],
                              capture_output=True, text=True, check=True)
        key = re.search(r"vb_[a-z0-9]+_[0-9A-Za-z]+", done.stdout).group(0)
        entry = re.search(r"^ *- .*", done.stdout, re.MULTILINE | re.DOTALL).group(0)
        return key, yaml.safe_load(entry)[0]

    def client(self, organization, application_id, client, members, **spec):
        """Applies a Client and returns its resource's name."""
        name = f"e2e-{uuid.uuid5(uuid.NAMESPACE_URL, f'{organization}/{application_id}/{client}')}"
        self.platform.apply({"apiVersion": "vbrain.visagio.com/v1", "kind": "Client", "metadata": {"name": name},
                             "spec": {"organizationId": organization, "applicationId": application_id, "clientId": client,
                                      "members": members, **spec}})
        return name

    def wait_for(self, rest, known=True):
        """Waits until every replica knows the key and its Application, or no longer knows the key."""
        wanted = 404 if known else 401

        # Every role may send this request, and it creates nothing. It needs the Application, because it asks for new work.
        wait_until(f"every replica answers {wanted}", lambda: self.platform.everywhere(
            rest, lambda user: user.execute(repository_id=ABSENT_REPOSITORY).status_code == wanted))

    def make(self, application_id, organization="acme", username="ana", role="leader", client=None, **spec):
        """One user of a new Client."""
        self.made += 1
        client = client or f"client-{self.prefix}-{self.made}"
        key, entry = self.keygen(username, role)
        self.client(organization, application_id, client, [entry], **spec)
        rest = Rest(self.platform, Identity(username, organization, application_id, client, key))
        self.wait_for(rest)
        return rest

    def team(self, application_id, organization="acme", client=None, **roles):
        """Several users, username=role, of one Client, a new one unless it is named: their Rest clients by username."""
        self.made += 1
        client = client or f"team-{self.prefix}-{self.made}"
        keys, members = {}, []
        for username, role in roles.items():
            keys[username], entry = self.keygen(username, role)
            members.append(entry)
        self.client(organization, application_id, client, members)
        users = {username: Rest(self.platform, Identity(username, organization, application_id, client, key))
                 for username, key in keys.items()}
        self.wait_for(users[next(iter(users))])
        return users


def make_job_with_kubectl(platform, rest, **spec):
    """Creates a Job of the user with kubectl, waits until REST shows it, and returns its id."""
    identity = rest.identity
    name = str(uuid.uuid4())
    platform.kube.create(platform.kube.ours("jobs"), {
        "apiVersion": "vbrain.visagio.com/v1", "kind": "Job",
        "metadata": {"name": name, "finalizers": ["vbrain.visagio.com/artifacts"]},
        "spec": {"organizationId": identity.organization_id, "applicationId": identity.application_id,
                 "clientId": identity.client_id, "username": identity.username, **spec}})
    wait_until("every replica sees the Job", lambda: platform.everywhere(
        rest, lambda user: user.get(f"/job/{name}").status_code in (200, 202)))
    return name


def job_that_waits(platform, rest, reason, **spec):
    """A Job that waits for that reason. If the controller sees the Application's change after the Job, the Job runs; then
    the helper tries another one."""
    def one_more():
        job = make_job_with_kubectl(platform, rest, **spec)
        seen = wait_until("it waits or begins", lambda: (
            found := platform.job(job)["status"]["reason"]) != "NotObserved" and found)
        return job if seen == reason else None

    return wait_until(f"a Job waits: {reason}", one_more)

"""The installed platform as its users meet it: a REST client, kubectl, and the volume on the node's disk."""

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import requests

DEADLINE = 120  # seconds; only a bound on waiting for something that must come, never a measure


def wait_until(what, probe, deadline=DEADLINE):
    """Polls until `probe` gives something true and returns that; fails with `what` and the last value otherwise."""
    end = time.monotonic() + deadline
    value = None
    while time.monotonic() < end:
        value = probe()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {deadline} s: {what}; last seen: {value!r}")


@dataclass
class Identity:
    username: str
    organization_id: str
    application_id: str
    client_id: str
    key: str

    def headers(self, **more):
        return {"username": self.username, "organization_id": self.organization_id,
                "application_id": self.application_id, "client_id": self.client_id, "x-api-key": self.key, **more}


class Rest:
    """One user of the REST API."""

    def __init__(self, address, identity):
        self.base = f"http://{address}/api/v1"
        self.identity = identity
        self.session = requests.Session()

    def get(self, path, **headers):
        return self.session.get(self.base + path, headers=self.identity.headers(**headers), timeout=30)

    def execute(self, params=None, file=None, metadata=None, repository_id=None):
        """`file` is (name, bytes). JSON without a file, multipart with one; returns the answer."""
        headers = {"repository_id": repository_id} if repository_id else {}
        return self._create("/job/execute", params, file, metadata, headers)

    def create_repository(self, params=None, file=None, metadata=None):
        return self._create("/repository", params, file, metadata, {})

    def _create(self, path, params, file, metadata, headers):
        parts = {key: value for key, value in (("params", params), ("metadata", metadata)) if value is not None}
        headers = self.identity.headers(**headers)
        if file is None:
            return self.session.post(self.base + path, headers=headers, json=parts, timeout=60)
        return self.session.post(self.base + path, headers=headers, files={"file": file},
                                 data={key: json.dumps(value) for key, value in parts.items()}, timeout=60)

    def start(self, **arguments):
        answer = self.execute(**arguments)
        assert answer.status_code == 201, answer.text
        return answer.json()["job_id"]

    def state(self, job):
        answer = self.get(f"/job/{job}")
        assert answer.status_code in (200, 202), f"{answer.status_code} {answer.text}"
        return answer.json()["job_status"]

    def wait(self, job):
        """Waits for the end of the job and returns its information."""
        wait_until(f"job {job} ends", lambda: self.state(job) in ("finished", "failed"))
        return self.get(f"/job/{job}").json()


class Platform:
    def __init__(self, description):
        self.namespace = description["namespace"]
        self.kubeconfig = description["kubeconfig"]
        self.kubectl_program = description["kubectl"]
        self.volume = Path(description["volume"])
        self.address = description["apiServer"]
        self.metrics_address = description["metrics"]
        self.program = description["apiServerProgram"]
        self.tutorial_image = description["tutorialImage"]

    def kubectl(self, *arguments, stdin=None, check=True):
        done = subprocess.run(
            [self.kubectl_program, "--kubeconfig", self.kubeconfig, "-n", self.namespace, *arguments],
            input=stdin, capture_output=True, text=True, timeout=180, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def apply(self, *objects):
        self.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))

    def job(self, job):
        return json.loads(self.kubectl("get", "vjob", job, "-o", "json"))

    def pods_of(self, job):
        return json.loads(self.kubectl("get", "pods", "-l", f"vbrain.visagio.com/job={job}", "-o", "json"))["items"]

    def events_of(self, job):
        listing = json.loads(self.kubectl("get", "events", "-o", "json"))["items"]
        return [event for event in listing if event["involvedObject"]["name"] == job]

    def program_pods(self, program):
        listing = json.loads(self.kubectl("get", "pods", "-l", f"app.kubernetes.io/component={program}", "-o", "json"))
        return listing["items"]

    def processes_of(self, program):
        """Process ids of a program's containers on this node, found by the pods' cgroups."""
        pids = []
        for pod in self.program_pods(program):
            uid = pod["metadata"]["uid"]
            for entry in Path("/proc").iterdir():
                if not entry.name.isdigit():
                    continue
                try:
                    if uid in (entry / "cgroup").read_text().replace("_", "-") and \
                            (entry / "comm").read_text().strip() == program[:15]:
                        pids.append(int(entry.name))
                except OSError:  # ended meanwhile
                    continue
        return pids

    def kill(self, program):
        """SIGKILL, as the kernel's OOM killer would."""
        pids = wait_until(f"a process of {program}", lambda: self.processes_of(program))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return pids

    def tenant_folders(self):
        return self.volume / "tenants"

    def job_folder(self, job):
        found = list(self.tenant_folders().glob(f"*/*/*/jobs/{job}"))
        assert len(found) == 1, found
        return found[0]

    def repository_folder(self, repository):
        found = list(self.tenant_folders().glob(f"*/*/*/repositories/{repository}"))
        assert len(found) == 1, found
        return found[0]

"""The installed platform: a REST client, kubectl, and the volume on the node's disk."""

import io
import json
import os
import signal
import subprocess
import time
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import requests
from kube_api import KubeApi

DEADLINE = 120  # seconds; limits the wait for an event that must come, and measures nothing


def wait_until(what, probe, deadline=DEADLINE):
    """Polls until `probe` returns a true value, and returns it. At the deadline it fails with `what` and the last value."""
    end = time.monotonic() + deadline
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {what}; last seen: {value!r}")
        time.sleep(0.05)


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

    def but(self, **changes):
        return replace(self, **changes)


class Rest:
    """One user of the REST API. `where` is an address, or the Platform (whose address may change)."""

    def __init__(self, where, identity):
        self._where = where
        self.identity = identity
        self.session = requests.Session()
        self.session.trust_env = False  # no proxies

    @property
    def address(self):
        return self._where if isinstance(self._where, str) else self._where.address

    @property
    def base(self):
        return f"http://{self.address}/api/v1"

    def at(self, address):
        """The same user at another address."""
        return Rest(address, self.identity)

    def call(self, method, path, headers=None, **arguments):
        """`headers` are added to those of the identity; the value None removes a header."""
        merged = {**self.identity.headers(), **(headers or {})}
        return self.session.request(method, self.base + path, timeout=60,
                                    headers={name: value for name, value in merged.items() if value is not None},
                                    **arguments)

    def get(self, path, **headers):
        return self.call("GET", path, headers)

    def delete(self, path):
        return self.call("DELETE", path)

    def execute(self, params=None, file=None, metadata=None, repository_id=None):
        """`file` is (name, bytes). Sends JSON without a file, multipart with one. Returns the answer."""
        headers = {"repository_id": repository_id} if repository_id else {}
        return self._create("/job/execute", params, file, metadata, headers)

    def create_repository(self, params=None, file=None, metadata=None):
        return self._create("/repository", params, file, metadata, {})

    def _create(self, path, params, file, metadata, headers):
        parts = {key: value for key, value in (("params", params), ("metadata", metadata)) if value is not None}
        if file is None:
            return self.call("POST", path, headers, json=parts)
        return self.call("POST", path, headers, files={"file": file},
                         data={key: json.dumps(value) for key, value in parts.items()})

    def start(self, **arguments):
        answer = self.execute(**arguments)
        assert answer.status_code == 201, answer.text
        return answer.json()["job_id"]

    def repository(self, **arguments):
        answer = self.create_repository(**arguments)
        assert answer.status_code == 201, answer.text
        return answer.json()["repository_id"]

    def state(self, job):
        answer = self.get(f"/job/{job}")
        assert answer.status_code in (200, 202), f"{answer.status_code} {answer.text}"
        return answer.json()["job_status"]

    def wait(self, job):
        """Waits until the job has ended and returns its object."""
        wait_until(f"job {job} ends", lambda: self.state(job) in ("finished", "failed"))
        return self.get(f"/job/{job}").json()

    def log(self, job, name="stdout.log"):
        """One file of the logs archive; empty if the archive does not contain it."""
        answer = self.get(f"/job/{job}/logs")
        assert answer.status_code == 200, answer.text
        files = unzip(answer.content)
        return files.get(name, b"").decode()


def unzip(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def zip_of(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


class Platform:
    def __init__(self, description):
        self.description = description
        self.namespace = description["namespace"]
        self.kubeconfig = description["kubeconfig"]
        self.kubectl_program = description["kubectl"]
        self.volume = Path(description["volume"])
        self.address = description["apiServer"]
        self.metrics_address = description["metrics"]
        self.program = description["apiServerProgram"]
        self.tutorial_image = description["tutorialImage"]
        self.kube = KubeApi(self.kubeconfig, self.namespace)

    def kubectl(self, *arguments, stdin=None, check=True):
        done = subprocess.run(
            [self.kubectl_program, "--kubeconfig", self.kubeconfig, "-n", self.namespace, *arguments],
            input=stdin, capture_output=True, text=True, timeout=180, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def helm(self, *arguments):
        done = subprocess.run([self.description["helm"], "--namespace", self.namespace, *arguments],
                              capture_output=True, text=True, timeout=300, check=False,
                              env={**os.environ, "KUBECONFIG": self.kubeconfig})
        assert done.returncode == 0, f"helm {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def apply(self, *objects):
        for item in objects:
            plural = item["kind"].lower() + "s"
            name = item["metadata"]["name"]
            path = self.kube.ours(plural, name)
            answer = self.kube.request("PATCH", path + "?fieldManager=tests&force=true", item, "application/apply-patch+yaml")
            assert answer.status_code in (200, 201), answer.text

    def job(self, job):
        return self.kube.get(self.kube.ours("jobs", job))

    def find_job(self, job):
        return self.kube.get(self.kube.ours("jobs", job), check=False)

    def patch_job(self, job, **spec):
        return self.kube.merge(self.kube.ours("jobs", job), {"spec": spec})

    def pods_of(self, job):
        return self.kube.get(self.kube.core("pods") + f"?labelSelector=vbrain.visagio.com/job={job}")["items"]

    def events_of(self, job):
        return self.kube.get(self.kube.core("events") + f"?fieldSelector=involvedObject.name={job}")["items"]

    def program_pods(self, program):
        return self.kube.get(self.kube.core("pods") + f"?labelSelector=app.kubernetes.io/component={program}")["items"]

    def ready_pods(self, program):
        return [pod for pod in self.program_pods(program) if not pod["metadata"].get("deletionTimestamp") and any(
            part["type"] == "Ready" and part["status"] == "True" for part in pod["status"].get("conditions", []))]

    def replicas(self):
        """Addresses of all api-servers, when all replicas are ready: a test that asks fewer of them could miss one
        with a stale cache."""
        wanted = self.kube.get(self.kube.deployment("vbrain-api-server"))["spec"]["replicas"]
        pods = wait_until(f"{wanted} api-servers are ready",
                          lambda: len(ready := self.ready_pods("api-server")) == wanted and ready)
        return [f"{pod['status']['podIP']}:8080" for pod in pods]

    def everywhere(self, rest, holds):
        """Whether `holds` is true for the user on every replica."""
        return all(holds(rest.at(address)) for address in self.replicas())

    def processes_of(self, program, pod=None):
        """Process ids of a program's containers on this node, found by the pods' cgroups."""
        pids = []
        for each in [pod] if pod else self.program_pods(program):
            uid = each["metadata"]["uid"]
            for entry in Path("/proc").iterdir():
                if not entry.name.isdigit():
                    continue
                try:
                    if uid in (entry / "cgroup").read_text().replace("_", "-") and \
                            (entry / "comm").read_text().strip() == program[:15]:
                        pids.append(int(entry.name))
                except OSError:  # the process has ended
                    continue
        return pids

    def kill(self, program):
        """SIGKILL, like the kernel's OOM killer."""
        pids = wait_until(f"a process of {program}", lambda: self.processes_of(program))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return pids

    def lease_holder(self):
        lease = self.kube.get(self.kube.lease("vbrain-controller"), check=False)
        return lease["spec"].get("holderIdentity", "") if lease else ""

    def tenant_folders(self):
        return self.volume / "tenants"

    def job_folder(self, job):
        found = list(self.tenant_folders().glob(f"*/*/*/jobs/{job}"))
        assert len(found) == 1, found
        return found[0]

    def job_folders(self, job):
        """All paths on the volume that still belong to the job."""
        return list(self.tenant_folders().glob(f"*/*/*/jobs/{job}")) + \
            list(self.tenant_folders().glob(f"*/*/*/repositories/*/jobs/{job}"))

    def repository_folder(self, repository):
        found = list(self.tenant_folders().glob(f"*/*/*/repositories/{repository}"))
        assert len(found) == 1, found
        return found[0]

    def release(self, repository):
        """Releases the probe's jobs of this repository that were started with `wait`."""
        (self.repository_folder(repository) / "input" / "release").touch(mode=0o666)

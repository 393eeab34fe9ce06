"""An installation of its own, whose servers are processes of the test: same cluster, same kubelet, another namespace."""

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest
from platform_client import Identity, Platform, Rest, wait_until
from programs import PROGRAMS, ROOT, Program
from tenants import ABSENT_JOB, Tenants, application

# Several test processes share the cluster: each has an installation of its own.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
NAMESPACE = f"vbrain-fault-{WORKER}"
RELEASE = "fault"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class FaultPlatform(Platform):
    def replicas(self):
        return [self.address]


class World:
    def __init__(self, installed, folder):
        self.failpoints = folder / "failpoints"
        self.failpoints.mkdir()
        self.volume = folder / "volume"
        self.volume.mkdir()
        os.chown(self.volume, 65532, 2000)
        self.volume.chmod(0o2770)
        self.installed = installed
        self._install()
        # A port of its own, since a server that comes back must come back where its clients are.
        address = f"127.0.0.1:{free_port()}"
        self.platform = FaultPlatform({**installed, "namespace": NAMESPACE, "volume": str(self.volume),
                                  "apiServer": address, "apiServerProgram": str(PROGRAMS / "bin" / "api-server")})
        common = ["--kubeconfig", installed["kubeconfig"], "--namespace", NAMESPACE, "--volume", str(self.volume),
                  "--metrics-listen", "127.0.0.1:0"]
        os.umask(0o007)
        self.controller = Program("controller", [
            *common, "--volume-claim", self.claim, "--runner-source", str(PROGRAMS / "bundle"), "--retry-backoff", "1s",
            # One name through all its lives, so that each goes on with the lease of the one before.
            "--identity", "the-controller", "--scan-interval", "1s"], folder, self.failpoints)
        self.api_server = Program("api-server", [*common, "--listen", address], folder, self.failpoints)
        self.tenants = Tenants(self.platform)
        nobody = Identity("nobody", "acme", "None", "none", "vb_none_" + "0" * 43)
        self.stranger = Rest(address, nobody)
        wait_until("the server serves", self.serves)

    def _helm(self, *arguments):
        done = subprocess.run([self.installed["helm"], "--kubeconfig", self.installed["kubeconfig"], "-n", NAMESPACE,
                               *arguments], capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 0, done.stderr

    def _install(self):
        kubectl = [self.installed["kubectl"], "--kubeconfig", self.installed["kubeconfig"]]
        subprocess.run([*kubectl, "create", "namespace", NAMESPACE], check=True, capture_output=True)
        self._helm("install", RELEASE, str(ROOT / "helm" / "vbrain"), "--set",
                   "apiServer.replicas=0,controller.replicas=0,crds.install=false,"
                   f"volume.hostPath.path={self.volume}")
        claims = json.loads(subprocess.run([*kubectl, "-n", NAMESPACE, "get", "pvc", "-o", "json"], check=True,
                                           capture_output=True, text=True).stdout)["items"]
        self.claim = claims[0]["metadata"]["name"]

    def program(self, failpoint):
        return self.controller if failpoint.startswith("controller") else self.api_server

    def arm(self, failpoint):
        (self.failpoints / failpoint).touch()

    def fired(self, failpoint):
        return not (self.failpoints / failpoint).exists()

    def disarm(self):
        for file in self.failpoints.iterdir():
            file.unlink(missing_ok=True)

    def application(self, name, command, environment=None, **spec):
        """A user of a new application, `environment` in its template."""
        variables = [{"name": key, "value": value} for key, value in (environment or {}).items()]
        self.platform.apply(application(name, self.installed["tutorialImage"], command, container={"env": variables}, **spec))
        rest = self.tenants.make(name)
        wait_until("the application is known", lambda: rest.create_repository().status_code == 201)
        return rest

    def serves(self):
        """Whether the api-server is up and has its caches filled."""
        try:
            return self.stranger.get(f"/job/{ABSENT_JOB}").status_code in (401, 404)
        except OSError:
            return False

    def stop(self):
        self.disarm()
        self.api_server.stop()
        self.controller.stop()


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    with open(os.environ["VBRAIN_E2E"], encoding="utf-8") as file:
        installed = json.load(file)
    # Below the cluster's own folder: the node mounts it, and it goes when the cluster goes.
    folder = Path(installed["state"]) / "fault" / WORKER
    folder.mkdir(parents=True)
    world = World(installed, folder)
    yield world
    world.stop()


@pytest.fixture(autouse=True)
def no_point_stays_armed(world):
    yield
    world.disarm()

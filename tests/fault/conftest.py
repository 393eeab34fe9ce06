"""An installation in its own namespace of the test cluster. Its servers are processes of the test."""

import contextlib
import itertools
import json
import os
import subprocess
import uuid
from pathlib import Path

import pytest
import yaml
from platform_client import Identity, Platform, Rest, wait_until
from ports import choose_port
from programs import PROGRAMS, ROOT, Program
from tenants import ABSENT_JOB, ABSENT_REPOSITORY, PROBE, Tenants, application

# Several test processes share the cluster, and so may several runs. Each has its own installation.
NAME = f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-{uuid.uuid4().hex[:6]}"
NAMESPACE = f"vbrain-fault-{NAME}"
RELEASE = "fault"


class FaultPlatform(Platform):
    def replicas(self):
        return [self.address]

    def jobs_on_volume(self, rest):
        """All jobs of the application that have a folder."""
        folder = f"*/{rest.identity.application_id}/*/jobs/*"
        return {path.name for path in self.tenant_folders().glob(folder)}


class World:
    def __init__(self, installed, folder):
        self.folder = folder
        self.failpoints = folder / "failpoints"
        self.failpoints.mkdir()
        self.volume = folder / "volume"
        self.volume.mkdir()
        os.chown(self.volume, 65532, 2000)
        self.volume.chmod(0o2770)
        self.installed = installed
        self._install()
        # A fixed port, because a restarted server must be reachable at the same address.
        address = f"127.0.0.1:{choose_port()}"
        self.platform = FaultPlatform({**installed, "namespace": NAMESPACE, "volume": str(self.volume),
                                  "apiServer": address, "apiServerProgram": str(PROGRAMS / "bin" / "api-server")})
        common = self.flags(self.volume, installed["kubeconfig"])
        os.umask(0o007)
        self.others = itertools.count(1)
        self.webhook_secrets = folder / "webhook-secrets"
        self.webhook_secrets.mkdir()
        # Receivers of webhooks are servers of the tests.
        webhooks = ["--webhook-allow", "http://127.0.0.1/32:*"]
        self.controller = Program("controller", [
            *common, "--volume-claim", self.claim, "--runner-source", str(PROGRAMS / "bundle"), "--retry-backoff", "1s",
            # The same identity after every restart, so that the controller continues to hold its Lease.
            "--identity", "the-controller", "--scan-interval", "1s", *webhooks,
            "--webhook-secrets", str(self.webhook_secrets)], folder, self.failpoints)
        self.api_server = Program("api-server", [*common, "--listen", address, *webhooks], folder, self.failpoints)
        self.tenants = Tenants(self.platform)
        nobody = Identity("nobody", "acme", "None", "none", "vb_none_" + "0" * 43)
        self.stranger = Rest(address, nobody)
        wait_until("the server serves", self.serves)

    @staticmethod
    def flags(volume, kubeconfig):
        return ["--kubeconfig", str(kubeconfig), "--namespace", NAMESPACE, "--volume", str(volume), "--metrics-listen", "127.0.0.1:0"]

    @contextlib.contextmanager
    def another_server(self, volume=None, kubeconfig=None, flags=()):
        """Starts another REST server, with its own volume or its own kubeconfig. Returns its address."""
        folder = self.folder / f"server-{next(self.others)}"
        folder.mkdir()
        address = f"127.0.0.1:{choose_port()}"
        server = Program("api-server", [*self.flags(volume or self.volume, kubeconfig or self.installed["kubeconfig"]),
                                        "--listen", address, *flags], folder, self.failpoints)
        try:
            wait_until("the other server serves", lambda: self.serves(self.stranger.at(address)))
            yield address
        finally:
            server.stop()

    @contextlib.contextmanager
    def another_controller(self, identity, volume=None, flags=()):
        """One more controller beside the first, a candidate for the same Lease."""
        folder = self.folder / f"controller-{next(self.others)}"
        folder.mkdir()
        controller = Program("controller", [
            *self.flags(volume or self.volume, self.installed["kubeconfig"]), "--volume-claim", self.claim, "--runner-source",
            str(PROGRAMS / "bundle"), "--retry-backoff", "1s", "--identity", identity, "--scan-interval", "1s", *flags],
            folder, self.failpoints)
        try:
            yield controller
        finally:
            controller.stop()

    def kube_address(self):
        """(host, port) of the API server."""
        config = yaml.safe_load(Path(self.installed["kubeconfig"]).read_text())
        host, _, port = config["clusters"][0]["cluster"]["server"].removeprefix("https://").rpartition(":")
        return host, int(port)

    def kubeconfig_through(self, port):
        """A kubeconfig for the API server behind a port on loopback."""
        config = yaml.safe_load(Path(self.installed["kubeconfig"]).read_text())
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{port}"
        path = self.folder / f"kubeconfig-{port}"
        path.write_text(yaml.safe_dump(config))
        return path

    def jobs_of_client(self, rest):
        """Names of the Job resources of the user's Client."""
        jobs = self.platform.kube.get(self.platform.kube.ours("jobs"))["items"]
        return [job["metadata"]["name"] for job in jobs if job["spec"]["clientId"] == rest.identity.client_id]

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

    def program(self, name):
        return {"controller": self.controller, "api-server": self.api_server}[name]

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
        return self.tenants.make(name)

    def probe_user(self, name, **spec):
        """A user of a new application that behaves as its params say."""
        self.platform.apply(application(name, self.installed["tutorialImage"], ["python3", "-c", PROBE], **spec))
        return self.tenants.make(name)

    @staticmethod
    def wait_for(rest):
        """Waits until the server at that address accepts requests of the user."""
        wait_until("the server knows the user", lambda: rest.execute(repository_id=ABSENT_REPOSITORY).status_code == 404)

    def serves(self, rest=None):
        """Whether the api-server runs and its caches are filled."""
        try:
            return (rest or self.stranger).get(f"/job/{ABSENT_JOB}").status_code in (401, 404)
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
    # In the cluster's folder: the node can mount it, and it is removed with the cluster.
    folder = Path(installed["state"]) / "fault" / NAME
    folder.mkdir(parents=True)
    world = World(installed, folder)
    yield world
    world.stop()


@pytest.fixture(autouse=True)
def no_point_stays_armed(world):
    yield
    world.disarm()

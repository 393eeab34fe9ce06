"""Our REST server, and nginx beside it with the same bytes."""

import json
import os
import re
import shutil
import subprocess
import time

import yaml
from contestants import Ours
from platform_client import Identity, Rest
from ports import choose_port
from world import wait_until

TENANT_NAMES = ("ana", "acme", "Bench", "north")
NGINX = """
daemon off; master_process on; worker_processes 2; user root; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; types {{ application/json json; application/zip zip; }}
  client_body_temp_path {folder}/temp; client_max_body_size 0;
  server {{ listen 127.0.0.1:{port}; root {folder}/files; location /put/ {{ dav_methods PUT; }} }}
  {more}
}}
"""


class RestWorld(Ours):
    """An installation with its api-server. The controller runs only inside `controller()`."""

    name = "rest"
    more_flags = ()  # of the api-server

    def launch(self):
        self.make_tenant()
        self.make_volume()
        self.serve()

    def make_tenant(self):
        """The Application, and a Client with one user."""
        program = self.world.programs / "bin" / "api-server"
        printed = subprocess.run([program, "keygen", "--username", TENANT_NAMES[0], "--role", "leader"], check=True, capture_output=True,
                                 text=True).stdout
        key = re.search(r"vb_[a-z0-9]+_[0-9A-Za-z]+", printed).group(0)
        member = yaml.safe_load(re.search(r"^ *- .*", printed, re.MULTILINE | re.DOTALL).group(0))[0]
        self.make_resources([member])
        self.identity = Identity(*TENANT_NAMES, key)

    def serve(self):
        """Starts the api-server and waits until it knows the user."""
        self.address_file = self.world.state / f"{self.namespace}.address"
        self.address_file.unlink(missing_ok=True)
        self.world.run("api-server", self.server_command())
        wait_until("the api-server listens", lambda: self.address_file.exists() and self.address_file.read_text().strip())
        self.user = Rest(self.address_file.read_text().split()[0], self.identity)
        absent = "200001010000000000"
        wait_until("it knows the user", lambda: self.user.execute(repository_id=absent).status_code == 404)

    def server_command(self):
        return [self.world.programs / "bin" / "api-server", "--kubeconfig", self.world.kubeconfig, "--namespace", self.namespace,
                "--volume", self.volume, "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--address-file",
                self.address_file, *self.more_flags]

    def metric(self, name):
        """The value of a metric without labels."""
        address = self.address_file.read_text().split()[1]
        text = subprocess.run(["curl", "-sSf", f"http://{address}/metrics"], check=True, capture_output=True, text=True).stdout
        return float(re.search(rf"^{name} (.+)$", text, re.MULTILINE).group(1))

    def restart_server(self):
        self.world.stop_program("api-server")
        self.serve()

    def with_controller(self, call):
        """Runs the controller until the call returns."""
        self.world.run("controller", [self.world.programs / "bin" / "controller", *self.flags()])
        try:
            return call()
        finally:
            self.world.stop_program("controller")

    def finished_job(self, **arguments):
        """A job that has run: kwok reports its end."""
        job = self.user.start(**arguments)
        wait_until("the job ends", lambda: self.user.state(job) == "finished", 300)
        return job

    def folder(self, kind, name):
        found = list(self.volume.glob(f"tenants/*/*/*/{kind}/{name}"))
        assert len(found) == 1, found
        return found[0]

    def put_output(self, job, size):
        """Writes an output as the runner would have, and its size into the job's record. The content does not matter here."""
        folder = self.folder("jobs", job)
        output = folder / "attempts" / "1" / "output.zip"
        write_random(output, size)
        output.chmod(0o660)
        record = json.loads((folder / "status.json").read_text())
        record["status"]["artifacts"] = {**record["status"].get("artifacts", {}), "outputBytes": size, "outputSha256": f"{size:064x}"}
        # By a rename, as the controller does: the servers look at the time of the folder, and trust it after two seconds.
        (folder / "status.new").write_text(json.dumps(record))
        (folder / "status.new").rename(folder / "status.json")
        wait_until("the server knows the output", lambda: int(self.user.call(
            "HEAD", f"/job/{job}/output").headers.get("content-length", 0)) == size)
        wait_until("its time is trusted", lambda: time.time() - folder.stat().st_mtime > 2.1)
        return output

    def header_flags(self, flag, **more):
        return [part for name, value in self.identity.headers(**more).items() for part in (flag, f"{name}: {value}")]

    def stop(self):
        # The volume is removed with the world: removing 100,000 folders may take minutes.
        self.world.stop_program("api-server")


class Nginx:
    """`more`: more of the block http of its configuration."""

    def __init__(self, world, more=""):
        self.world = world
        self.folder = world.state / "nginx"
        (self.folder / "files" / "put").mkdir(parents=True, exist_ok=True)
        port = choose_port()
        self.base = f"http://127.0.0.1:{port}"
        configuration = self.folder / "nginx.conf"
        configuration.write_text(NGINX.format(folder=self.folder, port=port, more=more))
        world.run("nginx", [shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-p", self.folder, "-c", configuration])
        wait_until("nginx answers", lambda: subprocess.run(["curl", "-s", "-o", os.devnull, self.base], check=False).returncode == 0)

    def offer(self, name, content=None, path=None):
        """A file with these bytes, or a link to a file. Returns its address."""
        target = self.folder / "files" / name
        target.unlink(missing_ok=True)
        if path is not None:
            target.symlink_to(path)
        else:
            target.write_bytes(content)
        return f"{self.base}/{name}"

    def stop(self):
        self.world.stop_program("nginx")


def write_random(path, size):
    """Content that no file system stores smaller."""
    block = os.urandom(1 << 20)
    with path.open("wb") as file:
        left = size
        while left > 0:
            file.write(block[:min(left, len(block))])
            left -= len(block)


def wrk(url, headers, connections=64, seconds=4):
    """Good answers per second, the 50th and 99th percentile of the latency in ms, and how many answers were errors or came
    too late (2 s)."""
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *headers, url], check=True, capture_output=True,
                          text=True).stdout
    scale = {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}

    def latency(percent):
        value, unit = re.search(rf"^ +{percent}% +([0-9.]+)(us|ms|s|m) *$", done, re.MULTILINE).groups()
        return float(value) * scale[unit]

    def number(pattern):
        found = re.search(pattern, done)
        return sum(map(int, found.groups())) if found else 0

    answers = number(r"(\d+) requests in")
    errors = number(r"Non-2xx or 3xx responses: (\d+)")
    late = number(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")
    per_s = float(re.search(r"Requests/sec: +([0-9.]+)", done).group(1))
    return {"per_s": per_s * (answers - errors) / max(answers, 1), "p50_ms": latency(50), "p99_ms": latency(99), "answers": answers,
            "errors": errors + late}

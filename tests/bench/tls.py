#!/usr/bin/env python3
"""What TLS costs: `GET /job/:id` of an ended job at 64 connections, with TLS and without, beside nginx with the same bytes and the same certificate,
and the memory of connections that are idle.

  tls.py --programs build/release --state FOLDER [--rounds 3] [--seconds 4] [--idle 2000]

It needs wrk, nginx, openssl, and an etcd, a kube-apiserver and kwok (cluster/build.sh), all on the loopback interface. Prints a table of medians. It
asserts that the servers speak the same protocol and cipher, and nothing else: what it says is of use on an idle machine."""

import argparse
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import time
from pathlib import Path

from measure import alternate, memory
from world import World, output_of, CLUSTER
from platform_client import wait_until
from ports import choose_port
from rest_world import Nginx, RestWorld, wrk

CONNECTIONS = 64
PATIENCE = 10  # seconds for one answer
SERVER = """server {{ listen 127.0.0.1:{port} ssl; root {folder}/nginx/files; ssl_certificate {certificate}; ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets off; }}"""


class WithoutLoad(World):
    """Without the Go program that makes load."""

    def build(self):
        self.tools = Path(output_of(CLUSTER / "build.sh", "control-plane", "kube-scheduler", "kwok"))


class Pair:
    """Two api-servers of one installation, and an nginx with two ports: one of each with TLS, one without."""

    def __init__(self, world):
        self.world, self.rest = world, RestWorld(world)
        self.certificate, self.key = world.state / "tls.crt", world.state / "tls.key"

    def start(self):
        self.make_certificate()
        self.rest.start()
        self.job = self.rest.with_controller(lambda: self.rest.finished_job(params={"a": 10, "b": 20}))
        path = f"/job/{self.job}"
        self.bytes = self.rest.user.get(path).content
        tls_port = choose_port()
        self.nginx = Nginx(self.world, SERVER.format(port=tls_port, folder=self.world.state, certificate=self.certificate, key=self.key))
        plain_file = self.nginx.offer("job.json", content=self.bytes)
        self.headers = self.rest.identity.headers()
        # name: what it is, its address
        self.servers = {"ours": ("vBrain, HTTP", self.rest.user.base + path),
                        "nginx": ("nginx, HTTP", plain_file),
                        "ours-tls": ("vBrain, TLS", f"https://{self.serve_tls()}/api/v1{path}"),
                        "nginx-tls": ("nginx, TLS", f"https://127.0.0.1:{tls_port}/job.json")}

    def make_certificate(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=bench",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.key, "-out", self.certificate], check=True, capture_output=True)

    def serve_tls(self):
        """Starts a replica with TLS. Returns its address when it knows the job."""
        file = self.world.state / "tls.address"
        command = [str(part) for part in self.rest.server_command()]
        command[command.index("--address-file") + 1] = file
        self.world.run("api-server-tls", [*command, "--tls-cert", self.certificate, "--tls-key", self.key])
        wait_until("the server with TLS listens", lambda: file.exists() and file.read_text().strip())
        address = file.read_text().split()[0]
        arguments = ["curl", "-s", "--cacert", self.certificate, *self.rest.header_flags("-H"), f"https://{address}/api/v1/job/{self.job}"]
        wait_until("it knows the job", lambda: subprocess.run(arguments, capture_output=True, check=False).stdout == self.bytes)
        return address

    def pids(self, name):
        """The processes of a server: nginx has two that work."""
        pid = self.world.pids()["nginx" if name.startswith("nginx") else "api-server-tls" if name == "ours-tls" else "api-server"]
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def resident_kib(self, name):
        return sum(memory(pid)["rss_mib"] for pid in self.pids(name)) * 1024

    def context(self):
        return ssl.create_default_context(cafile=self.certificate)

    def connect(self, name, context):
        scheme, _, rest = self.servers[name][1].partition("://")
        host, port = rest.split("/", 1)[0].split(":")
        connection = socket.create_connection((host, int(port)), timeout=PATIENCE)
        return context.wrap_socket(connection, server_hostname=host) if scheme == "https" else connection

    def ask(self, name, connection):
        """One request on a connection that stays open."""
        path = "/" + self.servers[name][1].split("/", 3)[3]
        lines = [f"GET {path} HTTP/1.1", "Host: bench", *(f"{key}: {value}" for key, value in self.headers.items())]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = b""
        while not answer.endswith(self.bytes):
            more = connection.recv(65536)
            assert more, f"{name} closed the connection after {answer[:200]!r}"
            answer += more

    def agreed(self, name):
        with self.connect(name, self.context()) as connection:
            return connection.version(), connection.cipher()[0]

    def idle(self, name, count):
        """KiB of the server for each connection that had one answer and is idle, and the seconds that this client took for all of them."""
        context = self.context()
        connections = []
        try:
            for _ in range(10):  # whatever the server makes once
                connections.append(self.connect(name, context))
                self.ask(name, connections[-1])
            before = self.resident_kib(name)
            begin = time.monotonic()
            for _ in range(count):
                connections.append(self.connect(name, context))
                self.ask(name, connections[-1])
            took = time.monotonic() - begin
            time.sleep(1)
            return (self.resident_kib(name) - before) / count, took
        finally:
            for connection in connections:
                connection.close()


def measure(pair, rounds, seconds, idle):
    agreed = {name: pair.agreed(name) for name in ("ours-tls", "nginx-tls")}
    assert len(set(agreed.values())) == 1, agreed
    print(f"{len(pair.bytes)} bytes, {' '.join(agreed['ours-tls'])}, ECDSA P-256", flush=True)
    # First, because a server that had load keeps memory that idle connections would then use.
    kept = {name: pair.idle(name, idle) for name in pair.servers}
    flags = [part for name, value in pair.headers.items() for part in ("-H", f"{name}: {value}")]
    results = alternate(pair.world, rounds, **{name: lambda url=url: wrk(url, flags, CONNECTIONS, seconds) for name, (_, url) in pair.servers.items()})
    print(f"\n| server | answers per second | p50, p99 | CPU per answer | memory of an idle connection ({idle:,}) |\n| --- | --- | --- | --- | --- |")
    for name, (title, _) in pair.servers.items():
        seen = results[name]
        assert not any(one["errors"] for one in seen), seen
        program = "nginx" if name.startswith("nginx") else "api-server-tls" if name == "ours-tls" else "api-server"
        cpu = statistics.median(one["processes"][program]["cpu_s"] / one["answers"] * 1e6 for one in seen)
        per_s, p50, p99 = (statistics.median(one[key] for one in seen) for key in ("per_s", "p50_ms", "p99_ms"))
        print(f"| {title} | {per_s:,.0f} | {p50:.2f} ms, {p99:.2f} ms | {cpu:.0f} µs | {kept[name][0]:.1f} KiB |")
    print(f"\n{idle:,} connections with one request each, one after the other: " +
          ", ".join(f"{title} {kept[name][1] / idle * 1000:.2f} ms each" for name, (title, _) in pair.servers.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--idle", type=int, default=2000, help="idle connections")
    chosen = parser.parse_args()
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
    for program in ("wrk", "nginx", "openssl"):
        if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin") is None:
            raise SystemExit(f"tls.py: {program} is not installed; remedy: scripts/install-packages.sh --bench")
    state = chosen.state.resolve()
    state.mkdir(parents=True)
    world = WithoutLoad(state, chosen.programs.resolve(), fsync=False)
    try:
        world.start()
        pair = Pair(world)
        pair.start()
        measure(pair, chosen.rounds, chosen.seconds, chosen.idle)
    finally:
        world.stop()
        shutil.rmtree(state, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

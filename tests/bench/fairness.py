#!/usr/bin/env python3
"""How much one tenant at its limit changes the answers of another: `GET /job/:id` of a tenant alone, and beside one that takes all it can get (--greed):
  archives   downloads archives of logs and uploads archives
  requests   sends GET /job/:id over 32 connections; with --flag=--max-requests-per-second=N nearly all get 429
  streams    asks for more streams of events than it may have, again and again (new jobs are no greed here: kube-apiserver and etcd, which each of
             them keeps busy, are on the same machine)
Once as fast as its client can (wrk), which takes all of a small machine, and once 2,000 times in each second (h2load,
20 connections that are opened 101 ms after each other, so that their requests do not come all at once).

Clients have machines of their own elsewhere. Here they share the processors with the server, and must not be what is measured: h2load has a real-time priority
(chrt, if this user may), and the other tenant's client goes behind all others (nice 19, also between sessions).

  fairness.py --programs build/release --state FOLDER [--greed archives] [--rounds 3] [--seconds 5] [--per-second 2000] [--flag=--max-requests-per-second=50 …]

It needs wrk, h2load, an etcd and a kube-apiserver (cluster/build.sh), all on the loopback interface, and some 100 MiB in FOLDER. Prints the 50th and 99th
percentile of each round and how many times the 99th one is that alone (median). It asserts nothing: what it says is of use on an idle machine."""

import argparse
import http.client
import multiprocessing
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
from pathlib import Path

from world import CLUSTER, World, output_of  # first: it makes tests/support known
from platform_client import Identity, Rest, wait_until, zip_of
from rest_world import RestWorld, wrk
from standalone import MIB, table_of_numbers

LOGS = 64 * MIB
INPUT = 8 * MIB
DOWNLOADS, UPLOADS = 8, 4  # at a time
STREAMS = 64               # requests for one more stream at a time; with --flag=--max-streams=64 half of them get 429
FLOOD = 32                 # connections of the greed "requests"
READ = 64 << 10            # a longer call would keep the processor, whatever its priority
CONNECTIONS = 8            # of the tenant that is measured
PACED = 20                 # connections of those requests: h2load looks every 10 ms, so each sends one at a time


class ControlPlane(World):
    """Without a node: no job runs."""

    def start(self):
        output_of(CLUSTER / "build.sh", "control-plane")
        super().start()

    def build(self):
        pass

    def start_node(self):
        pass

    def add_node(self):
        pass


class TwoTenants(RestWorld):
    """The users of two organizations. `greedy` is the one that takes what it gets."""

    def __init__(self, world, flags):
        super().__init__(world)
        self.more_flags = flags

    def make_resources(self, members):
        super().make_resources(members)
        path = f"/apis/vbrain.visagio.com/v1/namespaces/{self.namespace}/clients"
        self.world.kube.create(path, {"apiVersion": "vbrain.visagio.com/v1", "kind": "Client", "metadata": {"name": "greedy"}, "spec": {
            "organizationId": "greedy", "applicationId": "Bench", "clientId": "north", "members": members}})

    def make_tenant(self):
        super().make_tenant()
        self.greedy_identity = Identity("ana", "greedy", "Bench", "north", self.identity.key)

    def serve(self):
        super().serve()
        self.greedy = Rest(self.user.address, self.greedy_identity)
        wait_until("it knows the other one", lambda: self.greedy.execute(repository_id="200001010000000000").status_code == 404)


class Greed:
    """The load of one tenant, in a process of its own, from its making to `end`: what it sends is answered, refused or waits, as the server likes."""

    def __init__(self, make, *of_it):
        self.pipe, other_end = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("fork").Process(target=be_greedy, args=(other_end, make, *of_it))
        self.process.start()
        self.pipe.recv()

    def end(self):
        """How often it got which answer."""
        self.pipe.send("end")
        answers = self.pipe.recv()
        self.process.join()
        return answers


def be_greedy(pipe, make, *of_it):
    os.setsid()
    os.nice(19)
    # With sched_autogroup_enabled Linux shares processors between sessions first, and nice is for within one.
    autogroup = Path("/proc/self/autogroup")
    if autogroup.exists():
        autogroup.write_text("19")
    client = make(*of_it)
    pipe.send("begun")
    pipe.recv()
    pipe.send(client.end())


class Flood:
    """wrk, which takes less of a processor for each request than Python."""

    def __init__(self, rest, job, _archive):
        flags = [part for name, value in rest.greedy_identity.headers().items() for part in ("-H", f"{name}: {value}")]
        self.process = subprocess.Popen(["wrk", "-t1", f"-c{FLOOD}", "-d600", *flags, f"http://{rest.greedy.address}/api/v1/job/{job}"],
                                        stdout=subprocess.PIPE, text=True)

    def end(self):
        self.process.send_signal(signal.SIGINT)
        lines = self.process.communicate()[0].splitlines()
        return " ".join(line.strip() for line in lines if "requests in" in line or "Non-2xx" in line)


class GreedyClient:
    """Does each kind of work in so many threads, again and again."""

    def __init__(self, rest, job, archive, works):
        self.rest, self.job, self.archive = rest, job, archive
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.answers = {}
        self.threads = [threading.Thread(target=self.repeat, args=(getattr(self, work),), daemon=True)
                        for work, count in works.items() for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def repeat(self, work):
        while not self.ended.is_set():
            connection = http.client.HTTPConnection(self.rest.greedy.address, timeout=60)
            try:
                status = work(connection)
            except (OSError, http.client.HTTPException):
                status = "broken"
            finally:
                connection.close()
            with self.lock:
                key = f"{work.__name__} {status}"
                self.answers[key] = self.answers.get(key, 0) + 1

    def download(self, connection):
        connection.request("GET", f"/api/v1/job/{self.job}/logs", headers=self.rest.greedy_identity.headers())
        answer = connection.getresponse()
        while answer.read(READ) and not self.ended.is_set():
            pass
        return answer.status

    def upload(self, connection):
        body = (b"--b\r\nContent-Disposition: form-data; name=file; filename=a.zip\r\n\r\n" + self.archive + b"\r\n--b--\r\n")
        connection.request("POST", "/api/v1/repository", body=body,
                           headers=self.rest.greedy_identity.headers(**{"Content-Type": "multipart/form-data; boundary=b"}))
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def stream(self, connection):
        connection.request("GET", "/api/v1/events", headers=self.rest.greedy_identity.headers())
        connection.sock.settimeout(1)
        answer = connection.getresponse()
        while not self.ended.is_set():
            try:
                if not answer.read1(READ):
                    break
            except TimeoutError:
                break
        return answer.status

    def end(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()
        return dict(sorted(self.answers.items()))


GREEDS = {"archives": lambda *of_it: GreedyClient(*of_it, {"download": DOWNLOADS, "upload": UPLOADS}),
          "requests": Flood,
          "streams": lambda *of_it: GreedyClient(*of_it, {"stream": STREAMS})}


def write_logs(rest, job):
    """Logs of a job that has not ended, as its runner would have written them so far."""
    folder = rest.folder("jobs", job) / "attempts" / "1" / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o2770)
    block = table_of_numbers(4 * MIB)
    with (folder / "stdout.log").open("wb") as file:
        for _ in range(LOGS // len(block)):
            file.write(block)
    (folder / "stdout.log").chmod(0o660)


def paced(url, headers, log, seconds, per_s):
    """As wrk() of rest_world, for `per_s` requests in each second, while all connections are open."""
    log.unlink(missing_ok=True)
    first = subprocess.run(["chrt", "-f", "1", "true"], check=False, capture_output=True).returncode == 0
    opening = PACED * 0.101
    each = round((opening + seconds) * per_s / PACED)
    subprocess.run([*(["chrt", "-f", "1"] if first else []), "h2load", "--h1", "-t1", f"-c{PACED}", "-r1", "--rate-period=101ms", f"--rps={per_s // PACED}",
                    f"-n{each * PACED}", f"--log-file={log}", *headers, url], check=True, capture_output=True)
    rows = [line.split() for line in log.read_text().splitlines()]
    begin = min(int(row[0]) for row in rows) + opening * 1e6
    during = [row for row in rows if begin <= int(row[0]) < begin + seconds * 1e6]
    took = sorted(int(row[2]) for row in during)
    return {"per_s": len(during) / seconds, "p50_ms": took[len(took) // 2] / 1000, "p99_ms": took[len(took) * 99 // 100] / 1000,
            "errors": sum(not row[1].startswith("2") for row in during)}


def measure(rest, make_greed, rounds, seconds, per_s, log):
    job, of_greedy = rest.user.start(), rest.greedy.start()
    write_logs(rest, of_greedy)
    archive = zip_of({"data.csv": table_of_numbers(INPUT)})
    url = f"http://{rest.user.address}/api/v1/job/{job}"
    headers = rest.header_flags("-H")
    loads = {"as fast as it can": lambda: wrk(url, headers, CONNECTIONS, seconds),
             f"{per_s} a second": lambda: paced(url, headers, log, seconds, per_s)}
    results = {load: {"alone": [], "beside": []} for load in loads}
    for _ in range(rounds):
        for load, run in loads.items():
            results[load]["alone"].append(run())
            greed = Greed(make_greed, rest, of_greedy, archive)
            try:
                results[load]["beside"].append(run())
            finally:
                print(f"the other one: {greed.end()}", flush=True)
    for load, of_load in results.items():
        for name, all_of in of_load.items():
            for one in all_of:
                print(f"{load}, {name}: {one['per_s']:.0f} answers/s, p50 {one['p50_ms']:.2f} ms, p99 {one['p99_ms']:.2f} ms, {one['errors']} errors", flush=True)
        alone, beside = (statistics.median(one["p99_ms"] for one in of_load[name]) for name in ("alone", "beside"))
        print(f"{load}: p99 {alone:.2f} ms alone, {beside:.2f} ms beside: {beside / alone:.1f} times", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--greed", choices=GREEDS, default="archives")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--per-second", type=int, default=2000, help="requests in each second of the second load; a multiple of 20")
    parser.add_argument("--flag", action="append", default=[], help="of the api-server")
    chosen = parser.parse_args()
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
    for tool in ("wrk", "h2load"):
        if shutil.which(tool) is None:
            raise SystemExit(f"fairness.py: {tool} is not installed; remedy: scripts/install-packages.sh --bench")
    state = chosen.state.resolve()
    state.mkdir(parents=True)
    world = ControlPlane(state, chosen.programs.resolve(), fsync=False)
    try:
        world.start()
        rest = TwoTenants(world, chosen.flag)
        rest.start()
        measure(rest, GREEDS[chosen.greed], chosen.rounds, chosen.seconds, chosen.per_second, state / "h2load.log")
        rest.stop()
    finally:
        world.stop()
        shutil.rmtree(state, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

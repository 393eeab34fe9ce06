"""The REST server: creating jobs, reading them, files in and out."""

import contextlib
import json
import statistics
import subprocess
import time
import zipfile

from measure import alternate, memory, wait_until_quiet
from report import Row, beside
from rest_world import Nginx, RestWorld, wrk, write_random
from waiters import measure_waiters
from world import wait_until

GIB = 1 << 30
WAITERS = 10_000
PAGES = 50  # that are read


def medians(results, key):
    return {name: statistics.median(result[key] for result in seen) for name, seen in results.items()}


class RestBenchmark:
    def __init__(self, world, rounds, say, rows, figures):
        self.world, self.rounds, self.say, self.rows, self.figures = world, rounds, say, rows, figures

    def keep(self, name, results, row):
        self.figures[name] = results
        self.rows.append(row)
        self.say("  " + " | ".join(row.cells()))

    @contextlib.contextmanager
    def installation(self, *flags):
        """A new one for each part: jobs of another part would run as soon as there is a controller. `flags`: more of the api-server."""
        self.rest = RestWorld(self.world)
        self.rest.more_flags = flags
        self.rest.start()
        try:
            yield
        finally:
            self.rest.stop()

    @contextlib.contextmanager
    def beside_nginx(self):
        with self.installation():
            self.nginx = Nginx(self.world)
            try:
                yield
            finally:
                self.nginx.stop()

    def run_creates(self):
        with self.installation():
            self.creates()

    def run_reads(self, large):
        """`large`: also the repository of 100,000 jobs."""
        with self.beside_nginx():
            self.reads()
            if large:
                self.read_of_large_repository()

    def run_waits(self):
        # One tenant may have half of the waits.
        with self.installation(f"--max-waits={2 * WAITERS}", f"--max-connections={WAITERS + 100}",
                               f"--max-connections-per-tenant={WAITERS + 100}"):
            self.waits()

    def run_files(self):
        with self.beside_nginx():
            self.one = self.rest.with_controller(lambda: self.rest.finished_job(params={"a": 10, "b": 20}))
            self.outputs()
            self.upload()

    # Creating.

    def creates(self):
        repository = self.rest.user.repository(params={"a": 1})
        body = self.world.state / "execute.json"
        body.write_text(json.dumps({"params": {"a": 10, "b": 20}, "metadata": {"name": "bench"}}))
        # The same resource as the server creates.
        created = self.world.kube.get(f"{self.rest.path()}/{self.rest.user.start(params={'a': 1}, repository_id=repository)}")
        resource = {"apiVersion": created["apiVersion"], "kind": created["kind"], "spec": created["spec"],
                    "metadata": {"name": "NAME", "finalizers": created["metadata"]["finalizers"],
                                 **{key: created["metadata"][key] for key in ("labels", "annotations") if key in created["metadata"]}}}
        template = self.world.state / "bare.json"
        template.write_text(json.dumps(resource))
        url = f"{self.rest.user.base}/job/execute"

        def execute(connections, count, **headers):
            return self.world.load("post", "--url", url, "--body", body, "--count", count, "--connections", connections,
                                   *self.rest.header_flags("--header", **headers, **{"content-type": "application/json"}))

        def bare(connections, count):
            return self.world.load("objects", "--kubeconfig", self.world.kubeconfig, "--path", self.rest.path(), "--template", template,
                                   "--count", count, "--connections", connections)

        for connections, count in ((1, 100), (8, 400), (32, 800)):
            results = alternate(self.world, self.rounds, ours=lambda c=connections, n=count: execute(c, n, repository_id=repository),
                                new_repository=lambda c=connections, n=count: execute(c, n),
                                bare=lambda c=connections, n=count: bare(c, n))
            rates = medians(results, "created_per_s")
            peer = beside("POST of the same resource to kube-apiserver", f"{rates['bare']:.0f} /s")
            for name, what in (("ours", "into a repository"), ("new_repository", "without a repository")):
                self.keep(f"execute-{name}-{connections}", {"ours": results[name], "bare": results["bare"]},
                          Row(f"REST `execute` {what}, {connections} connection{'s' if connections > 1 else ''}", f"{rates[name]:.0f} /s, "
                              f"p99 {medians(results, 'create_p99_ms')[name]:.0f} ms", peer, rates[name] / rates["bare"],
                              0.8 if connections == 32 else None))

    # Reading.

    def read(self, name, what, path, goal, seconds=3):
        """GET of one path at 64 connections beside nginx with a file of the same bytes."""
        answer = self.rest.user.get(path)
        if answer.status_code != 200:
            self.keep(name, {}, Row(f"{what}, 64 connections", f"{answer.status_code} for a single request: {answer.json().get('detail', '')}",
                                    value=0, goal=goal))
            return
        address = self.nginx.offer(f"{name}.json", content=answer.content)
        headers = self.rest.header_flags("-H")
        results = alternate(self.world, self.rounds, ours=lambda: wrk(self.rest.user.base + path, headers, seconds=seconds),
                            nginx=lambda: wrk(address, [], seconds=seconds))
        rates = medians(results, "per_s")
        p99 = medians(results, "p99_ms")
        errors = sum(result["errors"] for result in results["ours"])
        figure = f"{rates['ours']:,.0f} /s, p99 {p99['ours']:.1f} ms" + (f"; {errors} errors" if errors else "")
        self.keep(name, results, Row(f"{what} ({len(answer.content):,} bytes), 64 connections", figure,
                                     beside("nginx, a file of these bytes", f"{rates['nginx']:,.0f} /s, p99 {p99['nginx']:.1f} ms"),
                                     0 if errors else rates["ours"] / rates["nginx"], goal))

    def short_form(self, job, jobs):
        """The answer without the repository's jobs."""
        path = f"/job/{job}?jobs=false"
        answer = self.rest.user.get(path)
        if answer.status_code != 200 or "jobs" in answer.json():
            self.rows.append(Row(f"p99 of `GET /job/:id?jobs=false`, repository of {jobs:,} jobs", "there is no such form",
                                 value=float("inf"), goal=5, at_most=True, unit=" ms"))
            return
        result = wrk(self.rest.user.base + path, self.rest.header_flags("-H"), seconds=3)
        self.keep(f"short-{jobs}", [result], Row(f"p99 of `GET /job/:id?jobs=false`, repository of {jobs:,} jobs, 64 connections",
                                                 f"{result['per_s']:,.0f} /s", value=result["p99_ms"], goal=5, at_most=True, unit=" ms"))

    def reads(self):
        self.one = self.rest.with_controller(lambda: self.rest.finished_job(params={"a": 10, "b": 20}))
        wait_until_quiet(self.world.pids())
        self.read("job-1", "`GET /job/:id`, repository of 1 job", f"/job/{self.one}", 1.0)
        self.read("result", "`GET /job/:id/result`", f"/job/{self.one}/result", None)
        job = self.fill_repository(1000)
        self.read("job-1000", "`GET /job/:id`, repository of 1,000 jobs", f"/job/{job}", 1.0)
        self.short_form(job, 1000)

    def waits(self):
        rest, job = self.rest, self.rest.user.start(params={"a": 10, "b": 20})

        def run_job():
            self.world.run("controller", [self.world.programs / "bin" / "controller", *rest.flags()])
            wait_until("the job begins", lambda: rest.user.state(job) != "queued", 60)

        try:
            seen = measure_waiters(self.world.pids()["api-server"], rest.user.base, f"/job/{job}?jobs=false&wait=60", rest.identity.headers(), WAITERS,
                                   lambda: wait_until("all wait", lambda: rest.metric("vbrain_api_waits") == WAITERS, 30), run_job)
        finally:
            if "controller" in self.world.running:
                self.world.stop_program("controller")
        assert set(seen["statuses"]) <= {"200", "202"}, seen
        self.keep("waits", [seen], Row(f"{WAITERS:,} requests that wait for a job: growth of the api-server's memory",
                                       f"{seen['rss_mib']:.0f} MiB, {seen['more_threads']} more threads; all answered {seen['answered_s']:.2f} s after the change",
                                       value=seen["growth_mib"], goal=200, at_most=True, unit=" MiB"))

    def read_of_large_repository(self):
        job = self.fill_repository(100_000)
        self.read("job-100000", "`GET /job/:id`, repository of 100,000 jobs", f"/job/{job}", 0.8)
        self.short_form(job, 100_000)
        self.read_pages(self.rest.user.get(f"/job/{job}?jobs=false").json()["repository_id"], 100_000)

    def read_pages(self, repository, jobs):
        """Pages of the list of the repository's jobs, one after the other, as a client reads them."""
        times, query = [], "?view=full&page_size=100"
        for _ in range(PAGES):
            begin = time.monotonic()
            answer = self.rest.user.get(f"/job{query}", repository_id=repository)
            times.append((time.monotonic() - begin) * 1000)
            assert answer.status_code == 200 and answer.json(), answer.text[:200]
            query = answer.links["next"]["url"]
        middle, worst = statistics.median(times), max(times)
        self.keep(f"pages-{jobs}", times, Row(f"A page of 100 jobs of {jobs:,}, with the objects, by one client", f"slowest of {PAGES}: {worst:.1f} ms",
                                              value=middle, goal=10, at_most=True, unit=" ms"))

    def fill_repository(self, jobs):
        """A repository with one job that ran, and copies of its folder under other names, as jobs that have expired leave them."""
        repository = self.rest.user.repository(params={"a": 1})
        job = self.rest.with_controller(lambda: self.rest.finished_job(params={"a": 10, "b": 20}, repository_id=repository))
        folder = self.rest.folder("jobs", job)
        model = self.world.state / "model.json"
        model.write_text(json.dumps({"ids": [job], "folders": [job], "files": {
            f"../repositories/{repository}/jobs/{job}": "",
            **{f"{job}/{name}": (folder / name).read_text() for name in ("job.json", "status.json")}}}))
        self.world.load("known", "--model", model, "--folder", folder.parent, "--count", jobs - 1)
        self.rest.restart_server()
        wait_until_quiet(self.world.pids())
        return job

    # Files.

    def outputs(self):
        headers = self.rest.header_flags("--header")
        for name, what, size, connections, count in (("output-1gib", "1 GiB", GIB, 1, 1),
                                                     ("output-16mib", "16 MiB, 64 at a time", 16 << 20, 64, 192)):
            path = self.rest.put_output(self.one, size)
            address = self.nginx.offer(f"{name}.zip", path=path)
            url = f"{self.rest.user.base}/job/{self.one}/output"
            flags = ["--count", count, "--connections", connections]
            results = alternate(self.world, self.rounds, ours=lambda u=url, f=flags: self.world.load("get", "--url", u, *headers, *f),
                                nginx=lambda a=address, f=flags: self.world.load("get", "--url", a, *f))
            rates = medians(results, "mb_per_s")
            self.keep(name, results, Row(f"`GET /job/:id/output` of {what}", f"{rates['ours']:,.0f} MB/s",
                                         beside("nginx, sendfile", f"{rates['nginx']:,.0f} MB/s"), rates["ours"] / rates["nginx"], 0.9))
        path = self.rest.put_output(self.one, 4096)
        address = self.nginx.offer("output-4kib.zip", path=path)
        results = alternate(self.world, self.rounds, ours=lambda: wrk(f"{self.rest.user.base}/job/{self.one}/output", self.rest.header_flags("-H")),
                            nginx=lambda: wrk(address, []))
        rates = medians(results, "per_s")
        self.keep("output-4kib", results, Row("`GET /job/:id/output` of 4 KiB, 64 connections", f"{rates['ours']:,.0f} /s",
                                              beside("nginx, sendfile", f"{rates['nginx']:,.0f} /s"), rates["ours"] / rates["nginx"], 0.9))

    def upload(self):
        content = self.world.state / "content"
        archive = self.world.state / "upload.zip"
        write_random(content, GIB // 8)
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
            for number in range(8):
                file.write(content, f"part-{number}.bin")
        content.unlink()
        size = archive.stat().st_size
        pid = self.world.pids()["api-server"]
        growth = []

        def send(*command):
            done = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{time_total}", *map(str, command)], check=True,
                                  capture_output=True, text=True).stdout.split()
            assert done[0] in ("201", "204"), done
            return {"mb_per_s": size / 1e6 / float(done[1])}

        def ours():
            with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
                file.write("5")  # the highest memory so far is counted anew (proc(5))
            before = memory(pid)["rss_mib"]
            result = send("-F", f"file=@{archive}", *self.rest.header_flags("-H"), f"{self.rest.user.base}/repository")
            growth.append(memory(pid)["peak_mib"] - before)
            return {**result, "rss_growth_mib": growth[-1]}

        ours()  # the pools and buffers of the first upload
        growth.clear()
        results = alternate(self.world, self.rounds, ours=ours, nginx=lambda: send("-T", archive, f"{self.nginx.base}/put/upload.zip"))
        rates = medians(results, "mb_per_s")
        self.keep("upload", results, Row("Multipart upload of a ZIP of 1 GiB (stored entries)", f"{rates['ours']:,.0f} MB/s",
                                         beside("nginx, WebDAV PUT (no fsync)", f"{rates['nginx']:,.0f} MB/s"),
                                         rates["ours"] / rates["nginx"], 0.6))
        self.rows.append(Row("The same, growth of the api-server's memory", f"{statistics.median(growth):.1f} MiB",
                             value=statistics.median(growth), goal=16, at_most=True, unit=" MiB"))
        archive.unlink()

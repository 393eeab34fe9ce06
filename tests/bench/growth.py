"""What grows with the number of known Jobs: memory, the start, the flow of jobs, the list of jobs."""

import copy
import json
import re
import statistics
import subprocess
import time
import traceback
import uuid

from contestants import APPLICATION, CLIENT, JOB
from measure import memory, wait_until_quiet
from report import Row, beside, row_left_out, row_of_failure
from rest import PAGES, RestBenchmark
from rest_world import Nginx, RestWorld
from trend import describe
from watch import WatchBenchmark
from world import wait_until

LIVE_SHARE = 10  # one of so many is live, with a pod
WATCH_EVENTS = 10_000
LIST_PAGE = 20_000

GOALS = {10_000: 60, 100_000: 250}  # MiB of growth, by number of Jobs
# What is said of all sizes: title, unit, figure.
SERIES = (("Jobs per second, 100 jobs", "/s", lambda one: one["jobs_per_s"]),
          ("Memory of the controller", "MiB", lambda one: one["memory_mib"]["controller"]),
          ("Memory of the api-server", "MiB", lambda one: one["memory_mib"]["api-server"]),
          ("`GET /job` of their repository", "ms", lambda one: one["list_ms"]),
          ("Start of the controller → pod of a new Job", "ms", lambda one: one["start_ms"]))


def staying():
    """An Application whose pods kwok does not end, its Client and a Job."""
    application = copy.deepcopy(APPLICATION)
    application["metadata"]["name"] = "stays"
    application["spec"]["applicationId"] = "Stays"
    application["spec"]["template"]["metadata"] = {"labels": {"stays": "yes"}}
    client = copy.deepcopy(CLIENT)
    client["metadata"]["name"] = "stays"
    client["spec"]["applicationId"] = "Stays"
    job = copy.deepcopy(JOB)
    job["spec"]["applicationId"] = "Stays"
    return application, client, job


class GrowthBenchmark:
    """`end`: the time (monotonic) at which the part must have ended. Sizes that would take longer are left out."""

    def __init__(self, world, rounds, end, say, rows, figures):
        self.world, self.rounds, self.end, self.say, self.rows, self.figures = world, rounds, end, say, rows, figures

    def run(self, sizes):
        rest = self.rest = RestWorld(self.world)
        rest.start()
        try:
            application, client, job = staying()
            base = f"/apis/vbrain.visagio.com/v1/namespaces/{rest.namespace}"
            self.world.kube.create(f"{base}/applications", application)
            self.world.kube.create(f"{base}/clients", client)
            self.known = self.live = 0
            self.start_controller()
            self.make_models(job)
            wait_until_quiet(self.world.pids())
            empty = self.figures["empty"] = self.memories()
            failed_at = self.measure_all(sizes)
            measured = [size for size in sizes if size in self.figures]
            if measured:
                self.add_rows(measured, empty)
                self.read_with_known()
            if failed_at is not None:
                raise AssertionError(f"it stopped at {failed_at:,} known Jobs")
        finally:
            if "controller" in self.world.running:
                self.world.stop_program("controller")
            rest.stop()

    def measure_all(self, sizes):
        """Returns the size that could not be measured, or None."""
        # What one Job more takes, in seconds; a guess before the first size. A size takes 30 s more, and 40 s are for the reads.
        per_job, before = 0.005, 0
        for place, size in enumerate(sizes):
            begin = time.monotonic()
            if begin + 70 + (size - before) * per_job > self.end:
                left_out = ", ".join(f"{one:,}" for one in sizes[place:])
                self.rows.append(row_left_out(f"Memory, start, list, jobs/s with {left_out} known Jobs",
                                              f"`scripts/bench.sh --parts growth --minutes 0 --growth {','.join(map(str, sizes))}`"))
                return None
            try:
                self.figures[size] = self.measure(size)
            except Exception as error:  # the figures of the smaller sizes are kept
                traceback.print_exc()
                self.rows.append(row_of_failure(f"Memory, start, list, jobs/s with {size:,} known Jobs", error))
                return size
            self.figures[size]["seconds"] = round(time.monotonic() - begin)
            self.say(f"  {size:,} Jobs: {json.dumps(self.figures[size])}")
            if self.watched_at(sizes) == size:
                self.drain_watch(min(size, WATCH_EVENTS))
            per_job, before = max(time.monotonic() - begin - 30, 5) / (size - before), size
        return None

    @staticmethod
    def watched_at(sizes):
        return next((size for size in sizes if size >= WATCH_EVENTS), sizes[-1])

    def drain_watch(self, events):
        rows, self.figures["watch"] = WatchBenchmark(self.world, self.rest.namespace, self.rest.path(), events).run(self.rounds)
        self.rows += rows
        for row in rows:
            self.say("  " + " | ".join(row.cells()))

    def read_with_known(self):
        """`GET /job/:id` of a repository with one job, while many Jobs are known."""
        reader = RestBenchmark(self.world, self.rounds, self.say, self.rows, self.figures)
        reader.rest, reader.nginx = self.rest, Nginx(self.world)
        try:
            reader.read("read-with-known", f"`GET /job/:id`, repository of 1 job, {self.known + self.live:,} Jobs known", f"/job/{self.single}", 1.0)
            reader.short_form(self.one_of_many, self.known)
            if self.known >= 100 * PAGES:
                reader.read_pages(self.repository, self.known)
        finally:
            reader.nginx.stop()

    def start_controller(self):
        self.world.run("controller", [self.world.programs / "bin" / "controller", *self.rest.flags()])

    def memories(self):
        pids = self.world.pids()
        return {name: memory(pids[name])["rss_mib"] for name in ("controller", "api-server")}

    def make_models(self, staying_job):
        """A Job that has ended, and one that is live with a pod, to be copied."""
        self.single = self.rest.finished_job(params={"a": 10, "b": 20})
        self.repository = self.rest.user.repository(params={"a": 1})
        ended = self.one_of_many = self.rest.finished_job(params={"a": 10, "b": 20}, repository_id=self.repository)
        live = str(uuid.uuid4())
        staying_job["metadata"]["name"] = live
        self.world.kube.create(self.rest.path(), staying_job)
        pod_path = f"/api/v1/namespaces/{self.rest.namespace}/pods/{live}-1"
        wait_until("the live job has a pod on a node", lambda: (self.world.kube.get(pod_path, check=False) or {}).get(
            "spec", {}).get("nodeName"))
        wait_until_quiet(self.world.pids())
        pod = self.world.kube.get(pod_path)
        keys = {name: f"/registry/vbrain.visagio.com/jobs/{self.rest.namespace}/{name}" for name in (ended, live)}
        self.ended_model = self.model_of(ended, [keys[ended]], [], {f"../repositories/{self.repository}/jobs/{ended}": ""})
        self.live_model = self.model_of(live, [keys[live], f"/registry/pods/{self.rest.namespace}/{live}-1"], [pod["metadata"]["uid"]], {})

    def model_of(self, name, keys, more_ids, more_files):
        """The file for `load known`, and the folder of its tenant's jobs."""
        made = self.world.kube.get(f"{self.rest.path()}/{name}")
        folder = self.rest.folder("jobs", name)
        found = [folder, *sorted(folder.rglob("*"))]
        model = self.world.state / f"{name}.json"
        model.write_text(json.dumps({
            "keys": keys, "ids": [name, made["metadata"]["uid"], *more_ids],
            "folders": [str(path.relative_to(folder.parent)) for path in found if path.is_dir()],
            "files": {**{str(path.relative_to(folder.parent)): path.read_text() for path in found if path.is_file()}, **more_files}}))
        return model, folder.parent

    def copy(self, model, count):
        file, folder = model
        self.world.load("known", "--etcd", self.world.etcd_address(), "--model", file, "--folder", folder, "--count", count)

    def measure(self, size):
        self.world.stop_program("controller")
        begin = time.monotonic()
        live = size // LIVE_SHARE
        self.copy(self.ended_model, size - live - self.known)
        self.copy(self.live_model, live - self.live)
        self.known, self.live = size - live, live
        # etcd takes the copies faster than the API server, which answers 504 until its caches have them.
        for path in (self.rest.path(), f"/api/v1/namespaces/{self.rest.namespace}/pods"):
            version = self.world.kube.get(f"{path}?limit=1")["metadata"]["resourceVersion"]
            fresh = f"{path}?limit=1&resourceVersionMatch=NotOlderThan&resourceVersion={version}"
            wait_until("the API server has the copies", lambda url=fresh: self.world.kube.request("GET", url).status_code == 200, 300)
        figures = {"copy_s": round(time.monotonic() - begin)}
        self.start_controller()
        wait_until_quiet(self.world.pids(), 10 + size / 1000)
        figures["memory_mib"] = self.memories()
        jobs = self.rest.run(100, 16)
        figures["jobs_per_s"] = round(jobs["done_per_s"], 1)
        figures["list_ms"] = self.list_time()
        # Three LISTs of 100,000 Jobs would take a minute.
        figures["start_ms"], figures["curl_list_ms"] = self.start_time(3 if size <= 10_000 else 1)
        wait_until_quiet(self.world.pids(), 10 + size / 1000)
        figures["memory_after_start_mib"] = self.memories()
        figures["informers_mib"] = self.informers()
        return figures

    def list_time(self):
        """`GET /job` of the repository with all ended jobs, the better of two, in ms."""
        times = []
        for _ in range(2):
            begin = time.monotonic()
            assert self.rest.user.get("/job", repository_id=self.repository).status_code == 200
            times.append((time.monotonic() - begin) * 1000)
        return round(min(times), 1)

    def start_time(self, lists):
        """From the start of the controller to the pod of a Job that waited for it, and a LIST of all Jobs by curl; in ms."""
        self.world.stop_program("controller")
        name = self.rest.user.start(params={"a": 10, "b": 20})
        path = f"/api/v1/namespaces/{self.rest.namespace}/pods/{name}-1"
        begin = time.monotonic()
        self.start_controller()
        while self.world.kube.get(path, check=False) is None:
            assert time.monotonic() < begin + 300, "no pod within 300 s"
            time.sleep(0.01)
        start = (time.monotonic() - begin) * 1000
        return round(start), round(statistics.median(self.curl_list_time() for _ in range(lists)))

    def curl_list_time(self):
        """A LIST of all Jobs by curl, in ms; in pages, because the API server ends an answer after 60 s."""
        page = self.world.state / "page.json"
        took, token = 0, ""
        while True:
            begin = time.monotonic()
            subprocess.run(["curl", "-sSf", "-o", page, *self.world.curl_identity(),
                            f"{self.world.kube.server}{self.rest.path()}?limit={LIST_PAGE}&continue={token}"], check=True)
            took += (time.monotonic() - begin) * 1000
            # The metadata of a list are before or after its items.
            text = page.read_bytes()
            found = re.search(rb'"continue": *"([^"]+)"', text[:1000] + text[-1000:])
            if not found:
                return took
            token = found.group(1).decode()

    def informers(self):
        """Memory of client-go's caches of the same Jobs and pods, 5 s after they are filled."""
        ready = self.world.state / "informers-ready"
        ready.unlink(missing_ok=True)
        process = self.world.run("informers", [self.world.load_program, "informers", "--kubeconfig", self.world.kubeconfig, "--namespace",
                                               self.rest.namespace, "--ready-file", ready])
        try:
            wait_until("the informers are filled", ready.exists, 300)
            time.sleep(5)
            return memory(process.pid)["rss_mib"]
        finally:
            self.world.stop_program("informers")

    def add_rows(self, sizes, empty):
        for size in sizes:
            if size in GOALS or size == sizes[-1]:
                self.add_memory_rows(size, empty)
        size = next((one for one in sizes if one >= 10_000), sizes[-1])
        figures = self.figures[size]
        listed = figures["curl_list_ms"]
        self.rows.append(Row(f"Start of the controller with {size:,} known Jobs → pod of a new one", f"{figures['start_ms']} ms",
                             beside("curl, LIST of the Jobs", f"{listed} ms"), (figures["start_ms"] - 100) / listed, 1.5, at_most=True,
                             unit="× + 100 ms"))
        for what, unit, key in SERIES:
            points = [(one, key(self.figures[one])) for one in sizes]
            self.rows.append(Row(f"{what}, with {', '.join(f'{one:,}' for one in sizes)} known Jobs",
                                 ", ".join(f"{value:,.1f}" if value < 100 else f"{value:,.0f}" for _, value in points) + f" {unit}",
                                 note=describe(points, unit)))

    def add_memory_rows(self, size, empty):
        figures = self.figures[size]
        for name in ("controller", "api-server"):
            used, peer = figures["memory_mib"][name], figures["informers_mib"]
            what = f"RSS of {name} at {size:,} Jobs, {100 // LIVE_SHARE} % live with pods"
            self.rows.append(Row(what, f"{used:.1f} MiB", beside("client-go informers of the same objects", f"{peer:.1f} MiB"), used / peer,
                                 0.2, at_most=True))
            self.rows.append(Row(f"Growth of {name} to {size:,} Jobs", f"from {empty[name]:.1f} to {used:.1f} MiB",
                                 value=used - empty[name], goal=GOALS.get(size), at_most=True, unit=" MiB"))

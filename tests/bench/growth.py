"""What grows with the number of known Jobs: memory, the start, the flow of jobs, the list of jobs."""

import copy
import json
import subprocess
import time

from contestants import APPLICATION, CLIENT, JOB
from measure import memory, wait_until_quiet
from report import Row, beside
from rest_world import RestWorld
from world import wait_until

LIVE_SHARE = 10  # one of so many is live, with a pod


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
    def __init__(self, world, say, rows, figures):
        self.world, self.say, self.rows, self.figures = world, say, rows, figures

    def run(self, sizes):
        rest = self.rest = RestWorld(self.world)
        rest.start()
        try:
            application, client, job = staying()
            base = f"/apis/vbrain.visagio.com/v1/namespaces/{rest.namespace}"
            self.world.kube.create(f"{base}/applications", application)
            self.world.kube.create(f"{base}/clients", client)
            self.live_template = self.world.state / "live.json"
            self.live_template.write_text(json.dumps(job))
            self.known = self.live = 0
            self.start_controller()
            self.model = self.make_model()
            wait_until_quiet(self.world.pids())
            empty = self.memories()
            for size in sizes:
                self.figures[size] = self.measure(size)
                self.say(f"  {size:,} Jobs: {json.dumps(self.figures[size])}")
            self.add_rows(sizes[-1], empty, self.figures[sizes[-1]])
            self.figures["empty"] = empty
        finally:
            if "controller" in self.world.running:
                self.world.stop_program("controller")
            rest.stop()

    def start_controller(self):
        self.world.run("controller", [self.world.programs / "bin" / "controller", *self.rest.flags()])

    def memories(self):
        pids = self.world.pids()
        return {name: memory(pids[name])["rss_mib"] for name in ("controller", "api-server")}

    def make_model(self):
        """A Job that ran, as texts with NAME and UID."""
        self.repository = self.rest.user.repository(params={"a": 1})
        name = self.rest.finished_job(params={"a": 10, "b": 20}, repository_id=self.repository)
        wait_until_quiet(self.world.pids())
        made = self.world.kube.get(f"{self.rest.path()}/{name}")
        folder = self.rest.folder("jobs", name)

        def general(text):
            return text.replace(name, "NAME").replace(made["metadata"]["uid"], "UID")

        kept = {key: made["metadata"][key] for key in ("name", "finalizers", "labels", "annotations") if key in made["metadata"]}
        model = self.world.state / "model.json"
        model.write_text(json.dumps({
            "resource": general(json.dumps({**{key: made[key] for key in ("apiVersion", "kind", "spec")}, "metadata": kept})),
            "status": general(json.dumps({"status": made["status"]})),
            "files": {**{file.name: general(file.read_text()) for file in folder.iterdir() if file.is_file()},
                      f"../../repositories/{self.repository}/jobs/NAME": ""}}))
        self.folder = folder.parent
        return model

    def measure(self, size):
        self.world.stop_program("controller")
        ended = size - size // LIVE_SHARE - self.known
        self.world.load("known", "--kubeconfig", self.world.kubeconfig, "--path", self.rest.path(), "--model", self.model, "--folder",
                        self.folder, "--count", ended)
        self.known += ended
        self.start_controller()
        pods = f"/api/v1/namespaces/{self.rest.namespace}/pods?limit=1"
        live = size // LIVE_SHARE - self.live
        wanted = self.count_of(pods) + live
        self.world.load("objects", "--kubeconfig", self.world.kubeconfig, "--path", self.rest.path(), "--template", self.live_template,
                        "--count", live)
        self.live += live
        wait_until("all live jobs have pods", lambda: self.count_of(pods) >= wanted, 300)
        wait_until_quiet(self.world.pids())
        figures = {"memory_mib": self.memories()}
        jobs = self.rest.run(100, 16)
        figures["jobs_per_s"] = round(jobs["done_per_s"], 1)
        figures["list_ms"] = self.list_time()
        figures["start_ms"], figures["curl_list_ms"] = self.start_time()
        wait_until_quiet(self.world.pids())
        figures["memory_after_start_mib"] = self.memories()
        figures["informers_mib"] = self.informers()
        return figures

    def count_of(self, path):
        found = self.world.kube.get(path)
        return len(found["items"]) + (found["metadata"].get("remainingItemCount") or 0)

    def list_time(self):
        """`GET /job` of the repository with all ended jobs, the better of two, in ms."""
        times = []
        for _ in range(2):
            begin = time.monotonic()
            assert self.rest.user.get("/job", repository_id=self.repository).status_code == 200
            times.append((time.monotonic() - begin) * 1000)
        return round(min(times), 1)

    def start_time(self):
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
        pki = self.world.state / "pki"
        times = []
        for _ in range(3):
            begin = time.monotonic()
            subprocess.run(["curl", "-sSf", "-o", "/dev/null", "--noproxy", "*", "--cacert", pki / "ca.crt", "--cert", pki / "admin.crt",
                            "--key", pki / "admin.key", f"{self.world.kube.server}{self.rest.path()}"], check=True)
            times.append((time.monotonic() - begin) * 1000)
        return round(start), round(sorted(times)[1])

    def informers(self):
        """Memory of client-go's caches of the same Jobs and pods, 5 s after they are filled."""
        ready = self.world.state / "informers-ready"
        ready.unlink(missing_ok=True)
        process = self.world.run("informers", [self.world.load_program, "informers", "--kubeconfig", self.world.kubeconfig, "--namespace",
                                               self.rest.namespace, "--ready-file", ready])
        try:
            wait_until("the informers are filled", ready.exists, 120)
            time.sleep(5)
            return memory(process.pid)["rss_mib"]
        finally:
            self.world.stop_program("informers")

    def add_rows(self, size, empty, figures):
        for name in ("controller", "api-server"):
            used, peer = figures["memory_mib"][name], figures["informers_mib"]
            what = f"RSS of {name} at {size:,} Jobs, {100 // LIVE_SHARE} % live with pods"
            self.rows.append(Row(what, f"{used:.1f} MiB", beside("client-go informers of the same objects", f"{peer:.1f} MiB"), used / peer,
                                 0.2, at_most=True))
            self.rows.append(Row(f"Growth of {name} to {size:,} Jobs", f"from {empty[name]:.1f} to {used:.1f} MiB",
                                 value=used - empty[name], goal=60, at_most=True, unit=" MiB"))
        listed = figures["curl_list_ms"]
        self.rows.append(Row(f"Start of the controller with {size:,} known Jobs → pod of a new one", f"{figures['start_ms']} ms",
                             beside("curl, LIST of the Jobs", f"{listed} ms"), (figures["start_ms"] - 100) / listed, 1.5, at_most=True,
                             unit="× + 100 ms"))
        sizes = [key for key in self.figures if isinstance(key, int)]
        for key, what in (("jobs_per_s", "jobs/s, 100 jobs"), ("list_ms", "`GET /job` of their repository, ms"),
                          ("start_ms", "start of the controller, ms")):
            self.rows.append(Row(f"{what}, with {', '.join(f'{one:,}' for one in sizes)} known Jobs",
                                 ", ".join(str(self.figures[one][key]) for one in sizes)))

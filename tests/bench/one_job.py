"""Measures one job at a time on the installed platform: the median of 20 runs. Run by `make bench`.

All measurements are from outside: pods and Jobs through watches of the API server, requests through its
audit log, memory through /proc, sizes through the image archives.
"""

import json
import os
import ssl
import statistics
import sys
import tarfile
import tempfile
import threading
import time
import urllib.request
from base64 import b64decode
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from measure import cpu_seconds  # noqa: E402
from report import Row, as_json, markdown, row_of_failure  # noqa: E402
from tenants import Tenants, application  # noqa: E402
from platform_client import Platform, wait_until  # noqa: E402

RUNS = 20
IDLE_SECONDS = 10
PROGRAMS = ("api-server", "controller")
KUBELET = "On a real kubelet"
OUT = Path(__file__).resolve().parents[2] / ".local" / "bench" / "kubelet.json"  # for document.py
CONTROLLER = "system:serviceaccount:vbrain:vbrain-controller"
WRITES = {"create", "update", "patch", "delete"}


class Watch(threading.Thread):
    """Records when the first event of each name that `wanted` accepts arrived."""

    def __init__(self, platform, path, wanted):
        super().__init__(daemon=True)
        config = json.loads(platform.kubectl("config", "view", "--raw", "-o", "json"))
        user = config["users"][0]["user"]
        cluster = config["clusters"][0]["cluster"]
        self.context = ssl.create_default_context(cadata=self.text(cluster, "certificate-authority"))
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as pem:
            pem.write(self.text(user, "client-certificate") + self.text(user, "client-key"))
            pem.flush()
            self.context.load_cert_chain(pem.name)
        self.url = f"{cluster['server']}{path}?watch=true"
        self.wanted = wanted
        self.seen = {}
        self.ready = threading.Event()
        self.start()
        self.ready.wait()

    @staticmethod
    def text(section, key):
        if f"{key}-data" in section:
            return b64decode(section[f"{key}-data"]).decode()
        return Path(section[key]).read_text()

    def run(self):
        with urllib.request.urlopen(self.url, context=self.context) as stream:
            self.ready.set()
            for line in stream:
                now = time.monotonic()
                event = json.loads(line)
                name = self.wanted(event)
                if name:
                    self.seen.setdefault(name, now)


def resident_kib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def writes_by_the_controller(audit):
    """Writing requests in the audit log, by kind, without those for the Lease."""
    found = {}
    for line in audit.read_text().splitlines():
        entry = json.loads(line)
        target = entry.get("objectRef", {})
        if entry.get("stage") != "ResponseComplete" or entry["user"]["username"] != CONTROLLER:
            continue
        if entry["verb"] in WRITES and target.get("resource") != "leases":
            name = f"{entry['verb']} {target.get('resource')}" + (f"/{target['subresource']}" if "subresource" in target else "")
            found[name] = found.get(name, 0) + 1
    return found


def image_bytes(path):
    """Uncompressed bytes of an image's layers."""
    with tarfile.open(path) as archive:
        index = json.load(archive.extractfile("index.json"))
        digest = index["manifests"][0]["digest"].split(":")[1]
        manifest = json.load(archive.extractfile(f"blobs/sha256/{digest}"))
        total = 0
        for layer in manifest["layers"]:
            with tarfile.open(fileobj=archive.extractfile(f"blobs/sha256/{layer['digest'].split(':')[1]}")) as tar:
                total += sum(member.size for member in tar)
        return total


def row_of_times(what, values, goal=None, unit="ms"):
    values = sorted(values)
    figure = (f"median {statistics.median(values):.1f} {unit}, min {values[0]:.1f}, p90 {values[int(len(values) * 0.9)]:.1f}, "
              f"max {values[-1]:.1f}")
    return Row(f"{KUBELET}: {what}, {len(values)} runs", figure, value=None if goal is None else statistics.median(values), goal=goal,
               at_most=True, unit=f" {unit}")


def memory_rows(platform, when):
    return [Row(f"{KUBELET}: RSS of {program}, {when}", f"{resident_kib(pid) / 1024:.1f} MiB")
            for program in PROGRAMS for pid in platform.processes_of(program)]


def idle_rows(platform):
    pids = {program: platform.processes_of(program) for program in PROGRAMS}
    before = {program: sum(map(cpu_seconds, found)) for program, found in pids.items()}
    time.sleep(IDLE_SECONDS)
    for program, found in pids.items():
        share = (sum(map(cpu_seconds, found)) - before[program]) / IDLE_SECONDS * 100
        yield Row(f"{KUBELET}: CPU of {program} when idle, over {IDLE_SECONDS} s", f"{share:.1f} % of a core", value=share, goal=1,
                  at_most=True, unit=" %")


def measure():
    description = json.loads(Path(os.environ["VBRAIN_E2E"]).read_text())
    platform = Platform(description)
    state = Path(description["state"])
    rows = memory_rows(platform, "idle")

    platform.apply(application("Bench", platform.tutorial_image, ["python3", "-c", "pass"]))
    rest = Tenants(platform).make("Bench")
    label = "vbrain.visagio.com/job"
    pods = Watch(platform, f"/api/v1/namespaces/{platform.namespace}/pods",
                 lambda event: event["object"]["metadata"].get("labels", {}).get(label))
    rest.wait(rest.start(params={}))  # warm-up: page faults, connections
    audit = next(state.glob("**/audit.log"), None)
    before = writes_by_the_controller(audit) if audit else {}

    accepted, to_pod, to_end = [], [], []
    for _ in range(RUNS):
        begin = time.monotonic()
        job = rest.start(params={})
        accepted.append((time.monotonic() - begin) * 1000)
        while rest.state(job) not in ("finished", "failed"):
            time.sleep(0.01)
        to_end.append((time.monotonic() - begin) * 1000)
        to_pod.append((wait_until("the pod was seen", lambda: pods.seen.get(job)) - begin) * 1000)

    rows += [row_of_times("REST `execute` → 201", accepted), row_of_times("REST `execute` → pod created", to_pod, 15),
             row_of_times("REST `execute` → finished", to_end)]
    if audit:
        after = writes_by_the_controller(audit)
        for name in sorted(after):
            rows.append(Row(f"{KUBELET}: {name} of the controller per job", f"{(after[name] - before.get(name, 0)) / RUNS:.2f}"))
    rows += memory_rows(platform, f"after {RUNS + 1} jobs")
    rows += idle_rows(platform)
    for image in (*PROGRAMS, "tutorial"):
        size = image_bytes(Path(description["images"]) / f"{image}.tar") / 1e6
        goal = 40 if image in PROGRAMS else None
        rows.append(Row(f"{KUBELET}: image {image}, uncompressed", f"{size:.1f} MB", value=goal and size, goal=goal, at_most=True, unit=" MB"))
    return rows, {"accepted_ms": accepted, "to_pod_ms": to_pod, "to_end_ms": to_end}


def main():
    OUT.parent.mkdir(parents=True, exist_ok=True)
    try:
        rows, figures = measure()
    except Exception as error:
        OUT.write_text(json.dumps({"table": as_json([row_of_failure(KUBELET, error)]), "figures": {}}))
        raise
    OUT.write_text(json.dumps({"table": as_json(rows), "figures": {"kubelet": figures}}, indent=1) + "\n")
    print(markdown(rows))


if __name__ == "__main__":
    main()

"""The benchmark of vBrain beside what a user would take instead. `scripts/bench.sh` runs it; --help shows the options."""

import argparse
import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import audit  # noqa: E402
import document  # noqa: E402
import report  # noqa: E402
from contestants import all_contestants  # noqa: E402
from growth import GrowthBenchmark  # noqa: E402
from jobs import one_round, run_rounds  # noqa: E402
from rest import RestBenchmark  # noqa: E402
from standalone import ProgramBenchmark  # noqa: E402
from world import ROOT, World  # noqa: E402

ISOLATED = "VBRAIN_BENCH_ISOLATED"
BEGIN = time.monotonic()
# Above 0.5 other programs disturb the figures.
LOAD_BEFORE = round(os.getloadavg()[0], 2)
# In this order. Growth comes last, because it leaves out what there is no time for.
PARTS = ["jobs", "default", "creates", "reads", "files", "programs", "requests", "growth"]
LIMIT = 900  # seconds; a part that takes longer has failed
SHORTEST = 20  # seconds; no part is begun with less time


def say(text):
    print(text, flush=True)


def isolate():
    """Runs this program again in namespaces of its own (root): no address of the machine is used, and whatever it starts
    ends with it, also after SIGKILL. Without root it uses free ports of 127.0.0.1."""
    if os.geteuid() != 0 or ISOLATED in os.environ:
        return
    os.execvpe("unshare", ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--", "sh", "-c",
                           'ip link set lo up && exec "$@"', "sh", sys.executable, *sys.argv], {**os.environ, ISOLATED: "1"})


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="200 jobs, one round, only ours and batch-small")
    parser.add_argument("--parts", help=f"parts, separated by commas: {', '.join(PARTS)}; default: all, with --quick jobs,requests")
    parser.add_argument("--contestants", default="ours,batch-small,batch-ours,pods-ours",
                        help="names, separated by commas: ours, batch-small, batch-ours, batch-default, pods-small, pods-ours")
    parser.add_argument("--jobs", type=int, default=1000, help="jobs per round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; the medians are reported")
    parser.add_argument("--connections", type=int, default=32, help="connections that create jobs")
    parser.add_argument("--no-large", dest="large", action="store_false", help="without the repository of 100,000 jobs")
    parser.add_argument("--growth", default="1000,3000,10000,30000,100000", help="numbers of known Jobs, ascending")
    parser.add_argument("--minutes", type=float, default=22.5, help="parts for which there is no time are left out; 0: no limit")
    parser.add_argument("--runner-mib", type=int, default=1024, help="size of the files of the part programs, a multiple of 4")
    parser.add_argument("--programs", type=Path, default=ROOT / "build" / "release", help="folder with our bin/ and bundle/")
    parser.add_argument("--no-fsync", action="store_true", help="etcd does not sync its data: faster, unlike production")
    parser.add_argument("--state", type=Path, help="folder for data and logs; without it, a new one in .local/bench")
    parser.add_argument("--keep", action="store_true", help="do not remove that folder")
    parser.add_argument("--json", type=Path, default=ROOT / ".local" / "bench" / "last.json", help="file for all figures")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.jobs, chosen.rounds, chosen.contestants, chosen.runner_mib = 200, 1, "ours,batch-small", 64
    chosen.parts = (chosen.parts or ("jobs,requests" if chosen.quick else ",".join(PARTS))).split(",")
    chosen.contestants = chosen.contestants.split(",")
    return chosen


def first_line(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().split("\n")[0]


def machine(world):
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.processor())
    return {"cpus": os.cpu_count(), "cpu": model, "kernel": platform.release(), "fsync": world.fsync,
            "file_system": first_line(["stat", "-f", "-c", "%T", world.state]),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1), "load_before": LOAD_BEFORE}


def versions(world):
    pinned = dict(line.split("#")[0].strip().split("=") for line in (ROOT / "cluster" / "versions.env").read_text().splitlines()
                  if "=" in line and not line.startswith("#"))
    return {"vbrain": first_line([world.programs / "bin" / "controller", "--version"]),
            "commit": first_line(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"]),
            **{name: pinned[f"{name.upper()}_VERSION"] for name in ("kubernetes", "etcd", "kwok")}}


@contextlib.contextmanager
def limited(seconds):
    def late(*_):
        raise TimeoutError(f"not done within {seconds} s")
    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


class Benchmark:
    """Each part measures, keeps its figures in `figures` and its rows in `rows`."""

    def __init__(self, world, chosen):
        self.world, self.chosen = world, chosen
        self.contestants = {contestant.name: contestant for contestant in all_contestants(world)}
        self.end = BEGIN + (chosen.minutes * 60 or float("inf"))
        self.titles = {name: contestant.title for name, contestant in self.contestants.items()}
        self.seconds, self.rows, self.figures = {}, [], {"creates": {}, "reads": {}, "files": {}, "growth": {}, "programs": {}}

    def jobs(self):
        wanted = [self.contestants[name] for name in self.chosen.contestants]
        results = run_rounds(self.world, wanted, self.chosen.jobs, self.chosen.connections, self.chosen.rounds, say)
        self.figures["jobs"] = results
        if "ours" in results:
            self.rows += report.rows_of_jobs(results, self.titles)

    def default(self):
        ours, default = (one_round(self.world, self.contestants[name], 300, self.chosen.connections) for name in ("ours", "batch-default"))
        self.figures["default"] = {"ours": ours, "batch-default": default}
        self.rows.append(report.row_of_default(ours, default, self.titles["batch-default"]))

    def rest(self, part):
        return RestBenchmark(self.world, self.chosen.rounds, say, self.rows, self.figures[part])

    def creates(self):
        self.rest("creates").run_creates()

    def reads(self):
        self.rest("reads").run_reads(self.chosen.large)
        self.rest("reads").run_waits()

    def files(self):
        self.rest("files").run_files()

    def growth(self):
        sizes = [int(size) for size in self.chosen.growth.split(",")]
        GrowthBenchmark(self.world, self.chosen.rounds, self.end, say, self.rows, self.figures["growth"]).run(sizes)

    def programs(self):
        ProgramBenchmark(self.world, self.chosen.rounds, self.chosen.runner_mib, say, self.rows, self.figures["programs"]).run()

    def requests(self):
        """The API server is started again with its log of requests, and then without it."""
        names = [name for name in ("ours", "batch-small") if name in self.chosen.contestants]
        try:
            self.world.restart_api_server("--audit")
            counted = {name: audit.measure(self.world, self.contestants[name], 20) for name in names}
        finally:
            self.world.restart_api_server()
        self.figures["requests"] = counted
        if "ours" in counted:
            self.rows += report.rows_of_requests(counted, self.titles)

    def run(self):
        """Runs the parts. One that fails has a row that says so, and does not end the others. Returns whether none failed."""
        good = True
        for part in PARTS:
            if part not in self.chosen.parts:
                continue
            begin = time.monotonic()
            if begin > self.end - SHORTEST:
                self.rows.append(report.row_left_out(f"The part {part}", f"`scripts/bench.sh --parts {part}`"))
                continue
            try:
                with limited(LIMIT):
                    getattr(self, part)()
            except Exception as error:  # whatever it was, the figures of the other parts are kept
                traceback.print_exc()
                good = False
                self.rows.append(report.row_of_failure(f"The part {part}", error))
                self.recover()
            self.seconds[part] = round(time.monotonic() - begin)
            say(f"{part}: {self.seconds[part]} s")
            self.write()
        return good

    def recover(self):
        try:
            self.world.recover()
        except Exception:  # then the next parts fail, too, and say so
            traceback.print_exc()

    def write(self):
        """After each part, so that a run that is interrupted leaves its figures."""
        self.chosen.json.parent.mkdir(parents=True, exist_ok=True)
        self.chosen.json.write_text(json.dumps(self.result(), indent=1, default=str) + "\n")

    def result(self):
        return {"machine": machine(self.world), "versions": versions(self.world), "options": {
                    name: getattr(self.chosen, name) for name in ("parts", "contestants", "jobs", "rounds", "connections", "growth", "runner_mib", "minutes")},
                "seconds": self.seconds,
                "date": time.strftime("%Y-%m-%d"), "titles": self.titles, "table": report.as_json(self.rows), "figures": self.figures}


def main():
    chosen = options()
    isolate()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    state = (chosen.state or ROOT / ".local" / "bench" / time.strftime("%Y%m%d-%H%M%S")).resolve()
    state.mkdir(parents=True, exist_ok=True)
    world = World(state, chosen.programs.resolve(), fsync=not chosen.no_fsync)
    good = False
    try:
        world.start()
        benchmark = Benchmark(world, chosen)
        good = benchmark.run()
        benchmark.write()
        say("\n" + document.heading(benchmark.result()))
        say(report.markdown(benchmark.rows))
        say(f"The figures: {chosen.json}")
    finally:
        world.stop()
        if good and not chosen.keep:
            subprocess.run(["rm", "-rf", state], check=False)  # in half the time of shutil.rmtree
        else:
            say(f"logs: {state}")
    return 0 if good else 1


sys.exit(main())

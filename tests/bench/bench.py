"""The benchmark of vBrain beside what a user would take instead. `scripts/bench.sh` runs it; --help shows the options."""

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from contestants import all_contestants  # noqa: E402
from jobs import run_rounds  # noqa: E402
from world import ROOT, World  # noqa: E402

ISOLATED = "VBRAIN_BENCH_ISOLATED"


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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contestants", default="ours,batch-small,batch-ours,pods-ours",
                        help="names, separated by commas: ours, batch-small, batch-ours, batch-default, pods-small, pods-ours")
    parser.add_argument("--jobs", type=int, default=1000, help="jobs per round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; the medians are reported")
    parser.add_argument("--connections", type=int, default=32, help="connections that create jobs")
    parser.add_argument("--programs", type=Path, default=ROOT / "build" / "release", help="folder with our bin/ and bundle/")
    parser.add_argument("--no-fsync", action="store_true", help="etcd does not sync its data: faster, unlike production")
    parser.add_argument("--state", type=Path, help="folder for data and logs; default: a new one in .local/bench")
    parser.add_argument("--keep", action="store_true", help="do not remove that folder")
    parser.add_argument("--json", type=Path, help="file for all figures")
    return parser.parse_args()


def machine(world):
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.processor())
    disk = subprocess.run(["stat", "-f", "-c", "%T", world.state], capture_output=True, text=True, check=False).stdout.strip()
    return {"cpus": os.cpu_count(), "cpu": model, "kernel": platform.release(), "file_system": disk,
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)}


def main():
    chosen = options()
    isolate()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    state = (chosen.state or ROOT / ".local" / "bench" / time.strftime("%Y%m%d-%H%M%S")).resolve()
    state.mkdir(parents=True, exist_ok=True)
    world = World(state, chosen.programs.resolve(), fsync=not chosen.no_fsync)
    finished = False
    try:
        world.start()
        contestants = {contestant.name: contestant for contestant in all_contestants(world)}
        wanted = [contestants[name] for name in chosen.contestants.split(",")]
        results = run_rounds(world, wanted, chosen.jobs, chosen.connections, chosen.rounds, say)
        if chosen.json:
            chosen.json.write_text(json.dumps({"machine": machine(world), "jobs": results}, indent=1) + "\n")
        finished = True
    finally:
        world.stop()
        if finished and not chosen.keep:
            shutil.rmtree(state, ignore_errors=True)
        elif not finished:
            say(f"logs: {state}")


main()

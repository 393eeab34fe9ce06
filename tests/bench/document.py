"""Writes figures into docs/benchmarks.md, with plots: document.py [FILE.json...] (default: the last run). Several files: runs of
different parts on the same machine and commit."""

import json
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import plots  # noqa: E402
from report import Row, markdown  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
FOLDER = ROOT / "docs" / "benchmarks"
BEGIN, END = "<!-- figures: begin (tests/bench/document.py) -->", "<!-- figures: end -->"


def rows_of(result):
    kept = Row.__dataclass_fields__
    return [Row(**{key: value for key, value in row.items() if key in kept}) for row in result["table"]]


def plots_of(result):
    """(file name, title, SVG) for what was measured."""
    jobs, growth = result["figures"].get("jobs"), result["figures"].get("growth") or {}
    found = []
    if jobs:
        def values(key):
            return [(result["titles"][name], statistics.median(map(key, rounds)))
                    for name, rounds in jobs.items()]
        count = next(iter(jobs.values()))[0]["objects"]
        found.append(("jobs", "Jobs per second", plots.bars(f"{count:,} jobs, all ended: jobs per second (more is better)",
                                                            values(lambda one: one["done_per_s"]), "/s")))
        found.append(("cpu", "CPU time", plots.bars("CPU seconds of all programs per 1,000 jobs (less is better)", values(
            lambda one: sum(used["cpu_s"] for used in one["processes"].values()) * 1000 / one["objects"]), "s")))
    sizes = sorted(int(size) for size in growth if size != "empty")
    if len(sizes) > 1:
        def series(key):
            return [(size, key(growth[str(size)])) for size in sizes]
        found.append(("memory", "Memory", plots.lines("Resident memory", "MiB", {
            "controller": series(lambda one: one["memory_mib"]["controller"]),
            "api-server": series(lambda one: one["memory_mib"]["api-server"]),
            "client-go informers": series(lambda one: one["informers_mib"])})))
        found.append(("start", "Start", plots.lines("Start of the controller to the pod of a new Job", "ms", {
            "controller": series(lambda one: one["start_ms"]), "curl, LIST of the Jobs": series(lambda one: one["curl_list_ms"])})))
        found.append(("flow", "Flow", plots.lines("100 jobs beside known ones", "jobs/s", {"vBrain": series(lambda one: one["jobs_per_s"])})))
    return found


def block(result):
    machine, versions = result["machine"], result["versions"]
    lines = [BEGIN, f"Measured on {result['date']} at commit {versions['commit']}: {machine['cpus']} CPUs ({machine['cpu']}), "
             f"{machine['memory_gib']} GiB, Linux {machine['kernel']}, file system {machine['file_system']}, etcd "
             f"{'with' if machine['fsync'] else 'without'} fsync. Kubernetes {versions['kubernetes']}, etcd {versions['etcd']}, kwok "
             f"{versions['kwok']}."]
    if machine["load_before"] > 0.5:
        lines.append(f"The machine was not idle before the run (load {machine['load_before']}): compare the ratios, not the figures.")
    lines += ["", markdown(rows_of(result))]
    for name, title, _ in plots_of(result):
        lines.append(f"![{title}](benchmarks/{name}.svg)")
    lines += ["", "All figures: [figures.json](benchmarks/figures.json).", END]
    return "\n".join(lines)


def main():
    sources = [Path(name) for name in sys.argv[1:]] or [ROOT / ".local" / "bench" / "last.json"]
    result, *others = [json.loads(source.read_text()) for source in sources]
    result.pop("command", None)
    for other in others:
        result["table"] += other["table"]
        result["figures"].update({part: figures for part, figures in other["figures"].items() if figures})
        result["machine"]["load_before"] = max(result["machine"]["load_before"], other["machine"]["load_before"])
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, _, svg in plots_of(result):
        (FOLDER / f"{name}.svg").write_text(svg)
    (FOLDER / "figures.json").write_text(json.dumps(result, indent=1) + "\n")
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(before + block(result) + rest.partition(END)[2])


main()

#!/usr/bin/python3
"""Writes figures into docs/benchmarks.md, with plots, and into docs/scaling.md: document.py [FILE.json...]
Default: the last run, and what that run measured on a real kubelet. Several files: runs of different parts on the same machine
and commit."""

import json
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import plots  # noqa: E402
from report import Row, markdown  # noqa: E402
from trend import describe  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
FOLDER = DOCS / "benchmarks"
LAST = ROOT / ".local" / "bench" / "last.json"
KUBELET = ROOT / ".local" / "bench" / "kubelet.json"


def rows_of(result):
    kept = Row.__dataclass_fields__
    return [Row(**{key: value for key, value in row.items() if key in kept}) for row in result["table"]]


def sizes_of(growth):
    return sorted(int(size) for size in growth if size.isdigit())


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
            lambda one: sum(used["cpu_s"] for name, used in one["processes"].items() if name != "load") * 1000 / one["objects"]), "s")))
    sizes = sizes_of(growth)
    if len(sizes) > 1:
        def series(key):
            return [(size, key(growth[str(size)])) for size in sizes]
        found.append(("memory", "Memory", plots.lines("Resident memory", "MiB", {
            "controller": series(lambda one: one["memory_mib"]["controller"]),
            "api-server": series(lambda one: one["memory_mib"]["api-server"]),
            "client-go informers": series(lambda one: one["informers_mib"])})))
        found.append(("memory-ours", "Memory of vBrain alone", plots.lines("Resident memory, without the peer", "MiB", {
            "controller": series(lambda one: one["memory_mib"]["controller"]),
            "api-server": series(lambda one: one["memory_mib"]["api-server"])})))
        found.append(("list", "List", plots.lines("GET /job of the repository with the jobs that have ended", "ms", {
            "api-server": series(lambda one: one["list_ms"])})))
        found.append(("start", "Start", plots.lines("Start of the controller to the pod of a new Job", "ms", {
            "controller": series(lambda one: one["start_ms"]), "curl, LIST of the Jobs": series(lambda one: one["curl_list_ms"])})))
        found.append(("flow", "Flow", plots.lines("100 jobs beside known ones", "jobs/s", {"vBrain": series(lambda one: one["jobs_per_s"])})))
    return found


def heading(result):
    machine, versions = result["machine"], result["versions"]
    text = (f"Measured on {result['date']} at commit {versions['commit']}: {machine['cpus']} CPUs ({machine['cpu']}), "
            f"{machine['memory_gib']} GiB, Linux {machine['kernel']}, file system {machine['file_system']}, etcd "
            f"{'with' if machine['fsync'] else 'without'} fsync. Kubernetes {versions['kubernetes']}, etcd {versions['etcd']}, kwok "
            f"{versions['kwok']}.")
    if machine["load_before"] > 0.5:
        text += f"\nThe machine was not idle before the run (load {machine['load_before']}): compare the ratios, not the figures."
    return text


def block_of_figures(result):
    lines = [heading(result), "", markdown(rows_of(result))]
    for name, title, _ in plots_of(result):
        lines.append(f"![{title}](benchmarks/{name}.svg)")
    return "\n".join([*lines, "", "All figures: [figures.json](benchmarks/figures.json)."])


def block_of_cost(result):
    """CPU time of each program for one job of ours; None if that was not measured."""
    rounds = (result["figures"].get("jobs") or {}).get("ours")
    if not rounds:
        return None
    lines = [heading(result), "", "| program | CPU time for one job |", "|---|---|"]
    for name in sorted(rounds[0]["processes"], key=lambda one: -rounds[0]["processes"][one]["cpu_s"]):
        used = statistics.median(one["processes"][name]["cpu_s"] * 1000 / one["objects"] for one in rounds)
        lines.append(f"| {NAMES.get(name, name)} | {used:.1f} ms |")
    return "\n".join(lines)


NAMES = {"kwok": "kwok (in the place of the kubelet)", "load": "the client that creates the jobs"}
COLUMNS = (("RSS of the controller", "MiB", lambda one: one["memory_mib"]["controller"]),
           ("RSS of an api-server", "MiB", lambda one: one["memory_mib"]["api-server"]),
           ("RSS of client-go informers", "MiB", lambda one: one["informers_mib"]),
           ("start of the controller → pod of a new Job", "ms", lambda one: one["start_ms"]),
           ("LIST of the Jobs by curl", "ms", lambda one: one["curl_list_ms"]),
           ("`GET /job` of 90 % of them", "ms", lambda one: one["list_ms"]),
           ("100 more jobs", "jobs/s", lambda one: one["jobs_per_s"]))


def block_of_growth(result):
    """A table by number of known Jobs, with how each figure grows; None if that was not measured."""
    growth = result["figures"].get("growth") or {}
    sizes = sizes_of(growth)
    if not sizes:
        return None
    lines = [heading(result), "", "| known Jobs | " + " | ".join(f"{size:,}" for size in sizes) + " | how it grows |",
             "|---" * (len(sizes) + 2) + "|"]
    for title, unit, key in COLUMNS:
        points = [(size, key(growth[str(size)])) for size in sizes]
        cells = [f"{value:,.1f}" if value < 100 else f"{value:,.0f}" for _, value in points]
        lines.append(f"| {title}, {unit} | " + " | ".join(cells) + f" | {describe(points, unit)} |")
    return "\n".join(lines)


def filled(page, name, text):
    """The page with `text` between the two marks of a block. The page must have them."""
    begin, end = f"<!-- {name}: begin (tests/bench/document.py) -->", f"<!-- {name}: end -->"
    before, found, rest = page.partition(begin)
    _, also_found, after = rest.partition(end)
    if not found or not also_found:
        raise ValueError(f"the page has no block {name}")
    return f"{before}{begin}\n{text}\n{end}{after}"


def last_run():
    """The files of the last run. What was measured on a kubelet before it began is of another run."""
    return [LAST, *([KUBELET] if KUBELET.exists() and KUBELET.stat().st_mtime > LAST.stat().st_mtime else [])]


def merged(results):
    result, *others = results
    for other in others:
        result["table"] += other["table"]
        result["figures"].update({part: figures for part, figures in other["figures"].items() if figures})
        result["machine"]["load_before"] = max(result["machine"]["load_before"], other.get("machine", {}).get("load_before", 0))
    return result


def main():
    result = merged([json.loads(source.read_text()) for source in [Path(name) for name in sys.argv[1:]] or last_run()])
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, _, svg in plots_of(result):
        (FOLDER / f"{name}.svg").write_text(svg)
    (FOLDER / "figures.json").write_text(json.dumps(result, indent=1) + "\n")
    for file, blocks in (("benchmarks.md", {"figures": block_of_figures}), ("scaling.md", {"cost": block_of_cost, "growth": block_of_growth})):
        page = (DOCS / file).read_text()
        for name, block in blocks.items():
            text = block(result)
            if text is not None:  # the page keeps the figures of an earlier run, with their date
                page = filled(page, name, text)
        (DOCS / file).write_text(page)


if __name__ == "__main__":
    main()

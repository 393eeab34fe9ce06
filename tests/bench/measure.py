"""CPU time and memory of processes, from /proc."""

import os
import resource
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """User and system time of a process, its threads and its children so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (int(fields[11]) + int(fields[12])) / TICKS + sum(cpu_seconds(child) for child in children)


def cpu_of_ended_children():
    """User and system time of the programs that this one started and that have ended: the load."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def memory(pid):
    """Resident memory in MiB: now, and its highest value so far."""
    values = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {"rss_mib": int(values["VmRSS"].split()[0]) / 1024, "peak_mib": int(values["VmHWM"].split()[0]) / 1024}


def cpu_of(pids):
    return {name: cpu_seconds(pid) for name, pid in pids.items()}


# The others use some time even without jobs.
BUSY_WITH_JOBS = ("kube-apiserver", "controller", "kube-controller-manager", "api-server")


def wait_until_quiet(pids, limit=10.0):
    """Waits until the servers and the controller use less than a tenth of a core: work after the last end counts too."""
    pids = {name: pid for name, pid in pids.items() if name in BUSY_WITH_JOBS}
    end = time.monotonic() + limit
    before = sum(cpu_of(pids).values())
    while time.monotonic() < end:
        time.sleep(0.5)
        now = sum(cpu_of(pids).values())
        if now - before < 0.05:
            return
        before = now


class Span:
    """What the processes used between its making and `end`."""

    def __init__(self, pids):
        self.pids = pids
        self.before = cpu_of(pids)
        self.ended_before = cpu_of_ended_children()

    def end(self):
        return {**{name: {"cpu_s": round(cpu_seconds(pid) - self.before[name], 2), **memory(pid)} for name, pid in self.pids.items()},
                "load": {"cpu_s": round(cpu_of_ended_children() - self.ended_before, 2)}}


def alternate(world, rounds, **calls):
    """Calls each in turn, `rounds` times. Returns the results by name, each with what all programs used meanwhile."""
    results = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            span = Span(world.pids())
            result = call()
            results[name].append({**result, "processes": span.end()})
    return results

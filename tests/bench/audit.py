"""Requests to the API server per job, from its audit log. The log costs time, so nothing else is measured with it."""

import json
from collections import Counter

from contestants import Contestant
from measure import wait_until_quiet

READS = {"get", "list"}
WRITES = {"create", "update", "patch", "delete", "deletecollection"}


def entries_of(text, agent):
    """(verb, resource) of each request that a program sent, without those for its Lease and without watches."""
    for line in text.splitlines():
        entry = json.loads(line)
        target = entry.get("objectRef", {})
        if entry["stage"] != "ResponseComplete" or not entry.get("userAgent", "").startswith(agent):
            continue
        if target.get("resource") == "leases" or entry["verb"] not in READS | WRITES:
            continue
        name = target.get("resource", entry["requestURI"])
        yield entry["verb"], name + (f"/{target['subresource']}" if "subresource" in target else "")


def count(text, agent, jobs):
    """Requests per job: `writes` without events, `events`, `reads`, and `kinds` with each."""
    groups, kinds = Counter(), Counter()
    for verb, resource in entries_of(text, agent):
        groups["reads" if verb in READS else "events" if resource == "events" else "writes"] += 1
        kinds[f"{verb} {resource}"] += 1
    return {**{group: groups[group] / jobs for group in ("writes", "events", "reads")},
            "kinds": {kind: number / jobs for kind, number in sorted(kinds.items())}}


def measure(world, contestant: Contestant, jobs):
    """One job at a time, so that each ends within a second. The API server must write audit.log."""
    log = world.state / "audit.log"
    contestant.start()
    try:
        contestant.run(5, 1, "--closed")
        wait_until_quiet(world.pids())
        begin = log.stat().st_size
        result = contestant.run(jobs, 1, "--closed")
        wait_until_quiet(world.pids())
        with log.open() as file:
            file.seek(begin)
            counted = count(file.read(), contestant.agent, jobs)
    finally:
        contestant.stop()
    return {**counted, "latency_p50_ms": result["latency_p50_ms"], "latency_p99_ms": result["latency_p99_ms"]}

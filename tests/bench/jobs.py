"""The flow of jobs: created as resources, until all have ended."""

import statistics

from measure import Span, wait_until_quiet

WARM_UP = 20


def one_round(world, contestant, jobs, connections):
    """Starts a contestant, warms it up, measures it, ends it."""
    contestant.start()
    try:
        contestant.run(WARM_UP, 4)
        pids = world.pids()
        wait_until_quiet(pids)
        span = Span(pids)
        result = contestant.run(jobs, connections)
        wait_until_quiet(pids)
        result["processes"] = span.end()
        if hasattr(contestant, "model_pod"):
            contestant.model_pod()
        return result
    finally:
        contestant.stop()


def describe(contestant, result):
    per_thousand = 1000 / result["objects"]
    cpu = ", ".join(f"{name} {used['cpu_s'] * per_thousand:.1f}" for name, used in sorted(result["processes"].items()))
    return (f"{contestant.name:14} {result['done_per_s']:7.1f} jobs/s, created {result['created_per_s']:.0f}/s, latency p50 "
            f"{result['latency_p50_ms'] / 1000:.1f} s p99 {result['latency_p99_ms'] / 1000:.1f} s; CPU-s per 1,000: {cpu}")


def run_rounds(world, contestants, jobs, connections, rounds, say):
    """Rounds of all contestants, alternating. Returns the results by name."""
    results = {contestant.name: [] for contestant in contestants}
    for number in range(rounds):
        for contestant in contestants:
            result = one_round(world, contestant, jobs, connections)
            results[contestant.name].append(result)
            say(f"round {number + 1}: {describe(contestant, result)}")
    return results


def median(rounds, key):
    return statistics.median(key(result) for result in rounds)


def jobs_per_second(rounds):
    return median(rounds, lambda result: result["done_per_s"])


def cpu_per_thousand(rounds, program):
    return median(rounds, lambda result: result["processes"][program]["cpu_s"] * 1000 / result["objects"])

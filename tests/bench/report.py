"""The table: what was measured, beside what, and whether it meets its goal."""

from dataclasses import dataclass, field

from jobs import cpu_per_thousand, jobs_per_second


@dataclass
class Row:
    """`value` is what `goal` is about, mostly a ratio. `at_most`: the goal is an upper limit. A row without goal informs. `note`
    stands in the place of the verdict."""

    what: str
    figure: str
    beside: str = "–"
    value: float | None = None
    goal: float | None = None
    at_most: bool = False
    unit: str = "×"
    note: str = ""
    more: dict = field(default_factory=dict)

    @property
    def verdict(self):
        if self.note:
            return self.note
        if self.goal is None or self.value is None:
            return "–"
        good = self.value <= self.goal if self.at_most else self.value >= self.goal
        return "meets" if good else "falls short"

    def cells(self):
        def number(value):
            return f"{value:.2f}" if value < 10 else f"{value:,.0f}"
        goal = "–" if self.goal is None else f"{'≤' if self.at_most else '≥'} {self.goal:g}{self.unit}"
        value = "–" if self.value in (None, float("inf")) else f"{number(self.value)}{self.unit}"
        return [self.what, self.figure, self.beside, value, goal, self.verdict]


HEAD = ["what", "vBrain", "beside", "value", "goal", ""]


def markdown(rows):
    lines = [HEAD, ["---"] * len(HEAD), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def as_json(rows):
    return [{**row.__dict__, "verdict": row.verdict} for row in rows]


def row_of_failure(what, error):
    """What could not be measured, and why, in one line."""
    text = " ".join(f"{type(error).__name__}: {error}".split()).replace("|", "/")
    return Row(what, text if len(text) <= 200 else text[:200] + "…", note="failed")


def row_left_out(what, how):
    """What was not measured for lack of time, and `how` to measure it."""
    return Row(what, f"not measured, to end in time: {how}", note="left out")


def beside(title, figure):
    return f"{title}: {figure}"


def rows_of_jobs(results, titles):
    """Rows of the rounds of jobs.run_rounds. Peers that did not run have no row."""
    ours = results["ours"]
    rate = jobs_per_second(ours)
    jobs = ours[0]["objects"]
    rows = []
    for peer, goal in (("batch-small", 1.5), ("batch-ours", 2.0), ("pods-ours", 0.8), ("pods-small", None)):
        if peer in results:
            other = jobs_per_second(results[peer])
            rows.append(Row(f"{jobs:,} jobs created as resources, all ended", f"{rate:.1f} jobs/s",
                            beside(titles[peer], f"{other:.1f} /s"), rate / other, goal))
    for peer, program, other_program, goal in (("batch-small", "controller", "kube-controller-manager", 0.3),
                                               ("batch-ours", "kube-apiserver", "kube-apiserver", 0.6),
                                               ("batch-small", "kube-apiserver", "kube-apiserver", None)):
        if peer in results:
            cpu, other = cpu_per_thousand(ours, program), cpu_per_thousand(results[peer], other_program)
            rows.append(Row(f"CPU seconds of {program} per 1,000 jobs", f"{cpu:.1f} s",
                            beside(f"{other_program}, {titles[peer]}", f"{other:.1f} s"), cpu / other, goal, at_most=True))
    return rows


def row_of_default(ours, default, title):
    rate, other = ours["done_per_s"], default["done_per_s"]
    return Row(f"{ours['objects']:,} jobs, all ended", f"{rate:.1f} jobs/s", beside(title, f"{other:.1f} /s"), rate / other, 10)


def rows_of_requests(requests, titles):
    ours = requests["ours"]
    other_name, other = next(((name, counted) for name, counted in requests.items() if name != "ours"), (None, None))
    rows = []
    for key, goal in (("writes", 2.0), ("events", 1.0), ("reads", 0.0)):
        text = "–" if other is None else beside(titles[other_name], f"{other[key]:.2f}")
        rows.append(Row(f"API {key} of the controller per job that succeeds within a second", f"{ours[key]:.2f}", text, ours[key], goal,
                        at_most=True, unit="", more=ours["kinds"]))
    text = "–" if other is None else beside(titles[other_name], f"{other['latency_p50_ms']:.0f} ms, p99 {other['latency_p99_ms']:.0f}")
    ratio = None if other is None else ours["latency_p50_ms"] / other["latency_p50_ms"]
    rows.append(Row("One job at a time, created → ended (median)", f"{ours['latency_p50_ms']:.0f} ms, p99 {ours['latency_p99_ms']:.0f}",
                    text, ratio, None))
    return rows

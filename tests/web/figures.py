"""Measures the figures of docs/web.md: bytes and requests of the first view, the time to it, the memory that 100,000 jobs take and the time
to draw them, and what Lighthouse says. Prints them, and with --write puts them into the page.

    python3 tests/web/figures.py [--times 9] [--jobs 100000] [--lighthouse FOLDER] [--write]

The first view is that of the installed platform that $VBRAIN_E2E describes, with 30 jobs of the tutorial; run it then in the network of
the cluster (tests/README.md, "Running one test repeatedly"). Without that variable it is that of web/mock. The many jobs are always
invented by web/mock, which needs Node: as many real ones would take hours. FOLDER is where `npm install lighthouse@12.8.2` was run; without it
Lighthouse is left out. It ends after fifteen minutes at most.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import browser  # noqa: E402
from browse.lonely import Lonely  # noqa: E402
from page import Page  # noqa: E402
from platform_client import Platform, wait_until  # noqa: E402
from tenants import Tenants  # noqa: E402

INVENTED = SimpleNamespace(organization_id="acme", application_id="Tutorial", client_id="north", username="ana", key="vb_mock")
BEGIN, END = "<!-- written by tests/web/figures.py -->", "<!-- end -->"
ROWS = 25  # that fill the window
REAL_JOBS = 30
# Runs before the page: who is signed in, as after "Stay signed in until this tab is closed", and when the first row is in the document.
PREPARE = """
if (location.protocol.startsWith('http')) sessionStorage.setItem('vbrain.identity', %s);
new MutationObserver((_, watch) => {
  if (!document.querySelector('.rows a')) return;
  watch.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.drawn = performance.now(); }));
}).observe(document, {subtree: true, childList: true});
"""
COUNTED = """(() => {
  const loads = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].filter(({name}) => !name.includes('/api/v1/'));
  return {requests: loads.length, bytes: loads.reduce((sum, {encodedBodySize: size}) => sum + size, 0), paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0};
})()"""


@contextlib.contextmanager
def mock(jobs, **more):
    """(address, identity) of web/mock with so many invented jobs; more: other variables of its environment."""
    server = subprocess.Popen(["node", ROOT / "web" / "mock" / "server.mjs", "0"], stdout=subprocess.PIPE, text=True, env={**os.environ, "JOBS": str(jobs), **more})
    try:
        yield server.stdout.readline().split("/  key")[0], INVENTED
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def first_site():
    """(address, identity, runs a function in the network of the address) for the first view."""
    if "VBRAIN_E2E" not in os.environ:
        with mock(240) as (site, identity):
            yield site, identity, lambda function, *arguments: function(*arguments)
        return
    platform = Platform(json.loads(Path(os.environ["VBRAIN_E2E"]).read_text(encoding="utf-8")))
    rest = Tenants(platform).make("Tutorial")
    for job in [rest.start(params={"a": number, "b": 1}, metadata={"name": f"Job {number}"}) for number in range(REAL_JOBS)]:
        rest.wait(job)
    network = Lonely(platform.address)
    try:
        yield network.site, rest.identity, network.run
    finally:
        network.close()


def identity_of(user):
    """As the page keeps it."""
    return {"organization_id": user.organization_id, "application_id": user.application_id, "client_id": user.client_id,
            "username": user.username, "x-api-key": user.key}


def first_view(chromium, site, identity):
    """What it took a new profile, without anything in its cache, from the navigation to the first rows of the table."""
    tab = chromium.tab()
    try:
        tab.call("Emulation.setDeviceMetricsOverride", width=1280, height=900, deviceScaleFactor=1, mobile=False)
        tab.call("Page.addScriptToEvaluateOnNewDocument", source=PREPARE % json.dumps(json.dumps(identity_of(identity))))
        tab.open(f"{site}/#/jobs")
        drawn = wait_until("the first rows", lambda: tab.evaluate("window.drawn"))
        assert tab.evaluate("document.querySelectorAll('.rows .table-row').length") >= ROWS - 6
        return {"drawn": drawn, **tab.evaluate(COUNTED)}
    finally:
        tab.close()


def heap(page):
    """Bytes of JavaScript objects after a collection of garbage."""
    for _ in range(3):
        page.tab.call("HeapProfiler.collectGarbage")
    return page.tab.call("Runtime.getHeapUsage")["usedSize"]


# Milliseconds from a jump in the list to the frame that shows the rows there, and until their jobs are in them.
JUMP = """(async (part) => {
  const begin = performance.now();
  scrollTo(0, part * document.documentElement.scrollHeight);
  const row = Math.ceil(Math.max(0, -document.querySelector('.rows').getBoundingClientRect().top) / 48) + 2;
  const until = async (what) => {
    while (!document.querySelector(`[aria-rowindex="${row}"] ${what}`)) await new Promise(requestAnimationFrame);
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - begin;
  };
  return [await until('[role=cell]'), await until('a')];
})(%s)"""
PLACES = [number * 37 % 101 / 101 for number in range(1, 51)]  # parts of the list, far from each other


def memory(chromium, jobs, most=420):
    """(Bytes of objects with so many jobs in the list, seconds to load them by scrolling to its end, [what JUMP gives], bytes after the jumps)."""
    with mock(jobs) as (site, identity):
        page = Page(chromium.tab(), site)
        page.sign_in(identity)
        begin = time.monotonic()
        wait_until(f"{jobs} jobs are loaded", lambda: page.tab.evaluate(
            f"scrollTo(0, 1e9), document.querySelector('.table-foot')?.innerText === '{jobs:,} jobs'"), deadline=most)
        seconds = time.monotonic() - begin
        used = heap(page)
        jumps = [page.tab.evaluate(JUMP % place) for place in PLACES] if jobs > 100 else []
        after = heap(page)
        page.tab.close()
        return used, seconds, jumps, after


def ask_lighthouse(folder, program, site, identity, inside):
    """What Lighthouse says of three views: {view: {category: score of 0 to 1}, "missed": [audit]}."""
    who = json.dumps(identity_of(identity))
    done = inside(lambda: subprocess.run(["node", Path(__file__).with_name("lighthouse.mjs"), Path(folder).resolve(), program, site, who],
                                         stdout=subprocess.PIPE, text=True, timeout=400, check=True))
    return json.loads(done.stdout)


def log(chromium):
    """Seconds until the end of a log of 100 MB is shown."""
    with mock(5, LOG_MB="100") as (site, identity):
        page = Page(chromium.tab(), site)
        page.sign_in(identity, "#/jobs?status=started")
        wait_until("a job that runs", lambda: page.tab.evaluate("document.querySelector('.rows a')?.click() ?? !!document.querySelector('.rows a')"))
        begin = time.monotonic()
        wait_until("the end of the log", lambda: page.tab.evaluate("[...document.querySelectorAll('.log-line')].some((line) => line.innerText.includes('the end'))"), deadline=120)
        seconds = time.monotonic() - begin
        page.tab.close()
        return seconds


def spread(values, unit, digits=0):
    """The median, and from where to where the values lie."""
    values = sorted(values)
    first, last = (f"{value:.{digits}f}" for value in (values[0], values[-1]))
    return f"{statistics.median(values):.{digits}f} {unit}, median of {len(values)} ({first} to {last} {unit})"


class Table:
    """The rows of the table of docs/web.md: what, the figure, and when it was measured."""

    def __init__(self, measured):
        self.measured, self.rows = measured, {}

    def add(self, what, figure):
        self.rows[what] = f"| {what} | {figure} | {self.measured} |"
        print(self.rows[what], flush=True)

    def write(self, page):
        """Puts the rows in place of those of the same name, or behind them."""
        before, rest = page.read_text(encoding="utf-8").split(BEGIN)
        old, after = rest.split(END)
        head, line, *others = old.strip().splitlines()
        others = {row.split(" | ")[0].lstrip("| "): row for row in others}
        page.write_text("\n".join([before + BEGIN, "", head, line, *{**others, **self.rows}.values(), "", END + after]), encoding="utf-8")


def first_views(table, chromium, site, identity, times):
    first_view(chromium, site, identity)  # what the system reads from the disk is read
    samples = [first_view(chromium, site, identity) for _ in range(times)]
    place = "the local platform" if "VBRAIN_E2E" in os.environ else "`web/mock`"
    if "VBRAIN_E2E" in os.environ:  # the other one packs nothing
        table.add("bytes of the first view, all modules and styles, packed by gzip", f"{samples[0]['bytes'] / 1000:.0f} kB (limit 250 kB, held by a test)")
    table.add("requests of the first view", f"{samples[0]['requests']}, each answered by 304 when the page is loaded again")
    table.add(f"first paint on {place}, with an empty cache", spread([one["paint"] / 1000 for one in samples], "s", 2))
    table.add(f"first rows of the table on {place}, from the navigation, with an empty cache", spread([one["drawn"] / 1000 for one in samples], "s", 2))


def many_jobs(table, chromium, jobs):
    few, *_ = memory(chromium, 100)
    most, seconds, jumps, after = memory(chromium, jobs)
    table.add("objects of the page (JavaScript heap) with 100 jobs in its list", f"{few / 1e6:.1f} MB")
    table.add(f"the same with {jobs:,} jobs, loaded by scrolling to the end", f"{most / 1e6:.1f} MB, in {seconds:.0f} s")
    table.add(f"the same after {len(PLACES)} jumps in that list", f"{after / 1e6:.1f} MB")
    table.add("from a jump in that list until its rows are drawn", spread([drawn for drawn, _ in jumps], "ms"))
    table.add("from a jump until the jobs are in the rows, loaded again", spread([there for _, there in jumps], "ms"))
    seconds = log(chromium)
    table.add("a log of 100 MB with a line of 8 MB and a flood of colours, until its end is shown", f"{seconds:.0f} s")


def lighthouse(table, said):
    for view, scores in said.items():
        if view != "missed":
            table.add(f"Lighthouse, {view}", ", ".join(f"{name} {round(100 * score)}" for name, score in scores.items()))
    for audit in said.get("missed", []):
        print(f"Lighthouse would mend {audit}", file=sys.stderr)


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--times", type=int, default=9, help="samples of the first view, 5 to 30")
    parse.add_argument("--jobs", type=int, default=100_000, help="invented jobs, 2,000 to 100,000; 0 for none")
    parse.add_argument("--lighthouse", metavar="FOLDER", help="where npm has installed lighthouse")
    parse.add_argument("--write", action="store_true", help="write the figures into docs/web.md")
    options = parse.parse_args()
    program = browser.find()
    if program is None:
        sys.exit("Chromium is not installed (Debian: chromium)")
    table = Table(f"{time.strftime('%Y-%m-%d')}, load {os.getloadavg()[0]:.1f}")
    with first_site() as (site, identity, inside):
        chromium = inside(browser.Chromium, program)
        try:
            first_views(table, chromium, site, identity, min(30, max(5, options.times)))
        finally:
            chromium.close()
        if options.lighthouse:
            lighthouse(table, ask_lighthouse(options.lighthouse, program, site, identity, inside))
    if options.jobs:
        chromium = browser.Chromium(program)
        try:
            many_jobs(table, chromium, min(100_000, max(2000, options.jobs)))
        finally:
            chromium.close()
    if options.write:
        table.write(ROOT / "docs" / "web.md")


if __name__ == "__main__":
    main()

"""Prints the figures of docs/web.md: bytes and requests of the first view, the time to it, the memory that 100,000 jobs take and the time to
draw them, and what Lighthouse says.

    python3 tests/web/figures.py [--times 9] [--jobs 100000] [--lighthouse FOLDER]

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
def mock(jobs):
    """(address, identity) of web/mock with so many invented jobs."""
    server = subprocess.Popen(["node", ROOT / "web" / "mock" / "server.mjs", "0"], stdout=subprocess.PIPE, text=True, env={**os.environ, "JOBS": str(jobs)})
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
        jumps = [page.tab.evaluate(JUMP % place) for place in PLACES] if jobs > 1000 else []
        after = heap(page)
        page.tab.close()
        return used, seconds, jumps, after


def ask_lighthouse(folder, program, site, identity, inside):
    """What Lighthouse says of three views: {view: {category: score of 0 to 1}, "missed": [audit]}."""
    who = json.dumps(identity_of(identity))
    done = inside(lambda: subprocess.run(["node", Path(__file__).with_name("lighthouse.mjs"), Path(folder).resolve(), program, site, who],
                                         stdout=subprocess.PIPE, text=True, timeout=400, check=True))
    return json.loads(done.stdout)


def spread(samples, name, scale=1):
    values = sorted(sample[name] / scale for sample in samples)
    return f"{statistics.median(values):.0f} ({values[0]:.0f} to {values[-1]:.0f})"


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--times", type=int, default=9, help="samples of the first view, 5 to 30")
    parse.add_argument("--jobs", type=int, default=100_000, help="invented jobs, 1,000 to 100,000; 0 for none")
    parse.add_argument("--lighthouse", metavar="FOLDER", help="where npm has installed lighthouse")
    options = parse.parse_args()
    times, jobs = min(30, max(5, options.times)), min(100_000, options.jobs)
    program = browser.find()
    if program is None:
        sys.exit("Chromium is not installed (Debian: chromium)")
    load = os.getloadavg()[0]
    with first_site() as (site, identity, inside):
        chromium = inside(browser.Chromium, program)
        try:
            first_view(chromium, site, identity)  # what the system reads from the disk is read
            samples = [first_view(chromium, site, identity) for _ in range(times)]
        finally:
            chromium.close()
        scores = ask_lighthouse(options.lighthouse, program, site, identity, inside) if options.lighthouse else {}
    print(f"load of the machine before: {load:.1f}, on {os.cpu_count()} processors")
    print(f"first view of {'the installed platform' if 'VBRAIN_E2E' in os.environ else 'web/mock'}, an empty cache, {times} times: median (from to)")
    print(f"  requests {spread(samples, 'requests')}, kB {spread(samples, 'bytes', 1000)}")
    print(f"  first paint, ms {spread(samples, 'paint')}")
    print(f"  first rows of the table, ms {spread(samples, 'drawn')}", flush=True)
    for view, categories in scores.items():
        print(f"Lighthouse, {view}: " + (", ".join(f"{name} {round(100 * score)}" for name, score in categories.items()) if view != "missed" else "; ".join(categories) or "nothing"))
    if jobs:
        chromium = browser.Chromium(program)
        try:
            few, *_ = memory(chromium, 100)
            many, seconds, jumps, after = memory(chromium, max(1001, jobs))
        finally:
            chromium.close()
        print(f"objects of the page with 100 jobs {few / 1e6:.1f} MB, with {jobs:,} jobs {many / 1e6:.1f} MB; loaded in {seconds:.0f} s by scrolling to the end")
        for place, what in ((0, "the rows are drawn"), (1, "their jobs are in them")):
            values = sorted(jump[place] for jump in jumps)
            print(f"  ms from a jump in the list until {what}: median {statistics.median(values):.0f}, longest of {len(values)} {values[-1]:.0f}")
        print(f"  objects after the jumps {after / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

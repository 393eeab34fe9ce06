"""Prints the figures of docs/web.md: bytes and requests of the first view, the time to it, and the memory that 100,000 jobs take.

    python3 tests/web/figures.py [--times 9] [--jobs 100000]

The first view is that of the installed platform that $VBRAIN_E2E describes, with 30 jobs of the tutorial; run it then in the network of
the cluster (tests/README.md, "Running one test repeatedly"). Without that variable it is that of web/mock. The many jobs are always
invented by web/mock, which needs Node: as many real ones would take hours. It ends after ten minutes at most.
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


def first_view(chromium, site, identity):
    """What it took a new profile, without anything in its cache, from the navigation to the first rows of the table."""
    tab = chromium.tab()
    try:
        tab.call("Emulation.setDeviceMetricsOverride", width=1280, height=900, deviceScaleFactor=1, mobile=False)
        kept = json.dumps({"organization_id": identity.organization_id, "application_id": identity.application_id, "client_id": identity.client_id,
                           "username": identity.username, "x-api-key": identity.key})
        tab.call("Page.addScriptToEvaluateOnNewDocument", source=PREPARE % json.dumps(kept))
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


def memory(chromium, jobs, most=420):
    """(Bytes of objects with so many jobs in the list, seconds to load them by scrolling to its end)."""
    with mock(jobs) as (site, identity):
        page = Page(chromium.tab(), site)
        page.sign_in(identity)
        begin = time.monotonic()
        wait_until(f"{jobs} jobs are loaded", lambda: page.tab.evaluate(
            f"scrollTo(0, 1e9), document.querySelector('.table-foot')?.innerText === '{jobs:,} jobs'"), deadline=most)
        seconds = time.monotonic() - begin
        used = heap(page)
        page.tab.close()
        return used, seconds


def spread(samples, name, scale=1):
    values = sorted(sample[name] / scale for sample in samples)
    return f"{statistics.median(values):.0f} ({values[0]:.0f} to {values[-1]:.0f})"


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--times", type=int, default=9, help="samples of the first view, 5 to 30")
    parse.add_argument("--jobs", type=int, default=100_000, help="invented jobs, 1,000 to 100,000; 0 for none")
    options = parse.parse_args()
    times, jobs = min(30, max(5, options.times)), min(100_000, options.jobs)
    program = browser.find()
    if program is None:
        sys.exit("Chromium is not installed (Debian: chromium)")
    with first_site() as (site, identity, inside):
        chromium = inside(browser.Chromium, program)
        try:
            first_view(chromium, site, identity)  # what the system reads from the disk is read
            samples = [first_view(chromium, site, identity) for _ in range(times)]
        finally:
            chromium.close()
    print(f"first view of {'the installed platform' if 'VBRAIN_E2E' in os.environ else 'web/mock'}, an empty cache, {times} times: median (from to)")
    print(f"  requests {spread(samples, 'requests')}, kB {spread(samples, 'bytes', 1000)}")
    print(f"  first paint, ms {spread(samples, 'paint')}")
    print(f"  first rows of the table, ms {spread(samples, 'drawn')}", flush=True)
    if jobs:
        chromium = browser.Chromium(program)
        try:
            few, _ = memory(chromium, 100)
            many, seconds = memory(chromium, max(1000, jobs))
        finally:
            chromium.close()
        print(f"objects of the page with 100 jobs {few / 1e6:.1f} MB, with {jobs:,} jobs {many / 1e6:.1f} MB; loaded in {seconds:.0f} s by scrolling to the end")


if __name__ == "__main__":
    main()

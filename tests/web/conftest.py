"""A browser, the page, and an installation with something to see."""

import re
from pathlib import Path

import browser
import pytest
from axe import source
from browse.lonely import Lonely
from page import Page
from world import World

ROOT = Path(__file__).resolve().parents[2]
FAILURES = ROOT / "build" / "web-failures"


@pytest.fixture(scope="session")
def chromium(platform):
    program = browser.find()
    if program is None:
        pytest.skip("Chromium is not installed (Debian: chromium)")
    network = Lonely(platform.address)
    made = network.run(browser.Chromium, program)
    made.site, made.network = network.site, network
    yield made
    made.close()
    network.close()


@pytest.fixture(scope="session")
def world(chromium, platform, tenants, make_application):
    """`chromium` comes first: without it no job is made."""
    return World(platform, tenants, make_application)


@pytest.fixture(scope="session")
def axe():
    """The script of axe-core."""
    try:
        return source()
    except RuntimeError as problem:
        pytest.skip(str(problem))


class Pages:
    """Opens tabs, and looks after the test at what happened in them."""

    def __init__(self, chromium):
        self.chromium, self.pages = chromium, []

    def __call__(self):
        self.pages.append(Page(self.chromium.tab(), self.chromium.site))
        return self.pages[-1]

    def keep(self, name):
        """A picture of each tab and its console, for the reader of a failure."""
        for number, page in enumerate(self.pages):
            place = FAILURES / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)}-{number}"
            page.picture(place.with_suffix(".png"))
            place.with_suffix(".txt").write_text("\n".join([page.tab.evaluate("location.href"), *page.refused(), *page.tab.complaints(), "", page.text()]))


@pytest.fixture
def pages(chromium):
    made = Pages(chromium)
    yield made
    try:
        # Whatever a test does: nothing foreign runs in the page, and it asks no other server.
        assert [refused for page in made.pages for refused in page.refused()] == []
    finally:
        for page in made.pages:
            page.tab.close()


@pytest.fixture
def page(pages):
    return pages()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    if report.when == "call" and report.failed and "pages" in item.funcargs:
        try:
            item.funcargs["pages"].keep(item.name)
        except AssertionError as problem:  # the browser has ended
            report.sections.append(("browser", str(problem)))

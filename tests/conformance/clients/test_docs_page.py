"""The page /docs: what a browser is allowed to do, and that it shows the document and sends requests. Without Chromium the last
test is skipped."""

import contextlib
import re

import browser
import pytest
import requests
from browse.lonely import Lonely
from platform_client import wait_until

pytestmark = pytest.mark.xdist_group("contract")


@pytest.fixture(scope="module")
def site(platform):
    session = requests.Session()
    session.trust_env = False
    base = f"http://{platform.address}"
    return base, lambda path, **headers: session.get(base + path, headers=headers, timeout=60, allow_redirects=False)


def test_all_that_the_page_loads_is_there(site):
    _, get = site
    page = get("/docs")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "<script>" not in page.text and "style=" not in page.text  # the policy would refuse them
    loaded = re.findall(r'(?:src|href)="((?:docs|api)/[^"]+)"', page.text)
    assert len(loaded) == 6
    for path in loaded:
        answer = get(f"/{path}")
        assert answer.status_code == 200 and answer.content, path
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert get(f"/{path}", **{"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_the_policy_lets_nobody_else_in(site):
    policy = site[1]("/docs").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "script-src 'self';" in policy and "connect-src 'self';" in policy
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy


def test_the_page_has_one_address(site):
    answer = site[1]("/docs/")
    assert (answer.status_code, answer.headers["Location"]) == (308, "../docs")
    assert site[1]("/docs/none.js").status_code == 404


FIND = """[...document.querySelectorAll('.opblock')].find(block => block.querySelector('.opblock-summary-path')?.dataset.path === '/usage')"""


def test_a_browser_shows_the_document_and_sends_a_request(site, platform, world):
    program = browser.find()
    if program is None:
        pytest.skip("Chromium is not installed (Debian: chromium)")
    described = site[1]("/api/v1/openapi.json").json()["paths"]
    with contextlib.closing(Lonely(platform.address)) as network, network.run(browser.Browser, program) as tab:
        base = network.site
        tab.open(f"{base}/docs")
        count = sum(len(item) for item in described.values())
        wait_until("every operation is shown", lambda: tab.evaluate("document.querySelectorAll('.opblock').length") == count)
        for name, value in world.lead.identity.headers().items():
            assert tab.evaluate(f"ui.preauthorizeApiKey({name!r}, {value!r}) !== null")
        tab.evaluate(f"{FIND}.querySelector('.opblock-summary-control').click()")
        # The page shows the button before it has resolved the references of the operation, and then heeds no click.
        wait_until("it can be sent", lambda: tab.evaluate(
            f"!!{FIND}.querySelector('.execute') && {FIND}.innerText.includes('X-Request-Id')"))
        tab.evaluate(f"{FIND}.querySelector('.execute').click()")
        status = wait_until("it is answered", lambda: tab.evaluate(
            f"{FIND}.querySelector('.live-responses-table tbody .response-col_status')?.innerText"))
        assert status.split()[0] == "200"
        assert tab.complaints() == []
        assert all(url.startswith((base, "data:", "blob:", "about:")) for url in tab.requested()), tab.requested()
        assert any(url.startswith(f"{base}/api/v1/usage") for url in tab.requested())

"""Texts and files that want to run in the page. The fixture `pages` asserts after each test that nothing was refused, asked for or run;
the first test asserts that this would be seen."""

import io
import re
from urllib.parse import quote

import pytest
from openpyxl import Workbook
from page import Page
from platform_client import wait_until
from world import packed

MARKUP = '<img src="/canary-img" onerror="window.canary=1"><script>window.canary=1;fetch("/canary-script")</script><svg onload="window.canary=1">'
TRICKS = ["javascript:window.canary=1", '"><iframe src="/canary-frame"></iframe>', "{{window.canary=1}}", "${window.canary=1}", "\u202egnp.exe", "a\u0001b",
          "=HYPERLINK(\"/canary-link\")", "../../../canary-path", "&lt;b&gt;", "'; DROP TABLE jobs; --"]
SVG = ('<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="100" height="100" onload="window.canary=1">'
       '<script>window.canary=1;fetch("/canary-svg")</script><script xlink:href="/canary-svg-script"/><image href="/canary-svg-image" width="10" height="10"/>'
       '<foreignObject width="100" height="100"><body xmlns="http://www.w3.org/1999/xhtml"><img src="/canary-svg-img" onerror="window.canary=1"/></body></foreignObject>'
       '<use href="/canary-svg-use#a"/><style>@import "/canary-svg-style";rect{fill:url(/canary-svg-fill)}</style><rect width="50" height="50"/><a href="javascript:window.canary=1"><text y="20">x</text></a></svg>')


def hostile_workbook():
    book = Workbook()
    book.active.title = "<b>'sheet'"
    for row in ([MARKUP, "number"], ["=HYPERLINK(\"/canary-xlsx\", \"x\")", 1], ["javascript:window.canary=1", "=WEBSERVICE(\"/canary-service\")"]):
        book.active.append(row)
    book.active["A3"].hyperlink = "javascript:window.canary=1"
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


FILES = {
    "page.html": MARKUP, "drawing.svg": SVG, "formulas.csv": "a,b\n=cmd|' /C calc'!A0,@SUM(1+1)\n\"=HYPERLINK(\"\"/canary-csv\"\")\",1\n" + MARKUP.replace(",", ";") + ",2\n",
    "data.json": '{"__proto__": {"canary": 1}, "constructor": {"prototype": {"canary": 1}}, "' + "k" * 300 + '": "' + MARKUP.replace('"', "'") + '"}',
    "<img src=x onerror=window.canary=1>.txt": MARKUP, "code.js": "window.canary = 1", "no picture.png": MARKUP, "deep.json": "[" * 2000 + "]" * 2000,
    "book.xlsx": hostile_workbook(), "no book.xlsx": MARKUP, "page.pdf": "%PDF-1.4 " + MARKUP, "no.pdf": MARKUP,
    "wide.csv": ",".join(f"c{number}" for number in range(5000)) + "\n" + ",".join("1" * 5000), "long line.txt": "x" * 300_000,
}


@pytest.fixture(scope="module")
def job(world):
    made = world.start(MARKUP, say=[MARKUP, *TRICKS, "\x1b]8;;javascript:window.canary=1\x1b\\click\x1b]8;;\x1b\\", "\x1b[31mred\x1b[0m"], complain=[MARKUP], flood=True,
                       result={"markup": MARKUP, "tricks": TRICKS, "__proto__": {"canary": 1}, MARKUP: 1, "number": 1e308}, files=packed(FILES), text=MARKUP, more=TRICKS)
    return world.has_ended(made)


def test_the_canary_sings(chromium):
    tab = chromium.tab()
    try:
        page = Page(tab, chromium.site)
        page.open()
        page.heading("Sign in")
        assert page.refused() == []
        tab.evaluate("try { document.body.innerHTML = '<img src=/canary>'; } catch {}")  # against trusted types
        wait_until("the policy tells", lambda: any("trusted-types" in one for one in page.refused()))
        tab.evaluate("(() => { const made = document.createElement('link'); made.rel = 'stylesheet'; made.href = 'http://vbrain.invalid/x'; document.head.append(made); })()")
        wait_until("and of other servers", lambda: any("vbrain.invalid" in one for one in page.refused()))
        tab.evaluate("setTimeout(() => { window.canary = 1; fetch('/canary-here'); })")
        wait_until("and of the canary", lambda: sum("the canary" in one for one in page.refused()) == 2)
    finally:
        tab.close()


def test_in_the_lists(page, world, job):
    repository = world.lead.get(f"/job/{job}").json()["repository_id"]
    page.sign_in(world.lead.identity)
    page.see(MARKUP)
    page.open("#/repositories")
    page.see(repository)
    page.open(f"#/repositories/{repository}")
    for tab in ("Metadata", "Parameters", "Jobs"):
        page.click("tab", tab)
        page.see(MARKUP[:20])
    page.open(f"#/repositories/{repository}/compare")
    page.see("1 job")
    page.open(f"#/submit?repository={repository}")
    page.see(MARKUP[:20])


def test_in_result_and_params(page, world, job):
    page.sign_in(world.lead.identity, f"#/jobs/{job}/result")
    page.heading(re.compile("canary-img"))
    for tab in ("Result", "Parameters"):
        page.click("tab", tab)
        page.see("canary-frame", "DROP TABLE")
        page.click("button", "Text")
        page.see("canary-script")


def test_in_logs(page, world, job):
    page.sign_in(world.lead.identity, f"#/jobs/{job}/logs")
    page.choose("File", "stdout.log")
    page.see(re.compile(r"20,0\d\d lines"))
    page.fill("Search", "flood 19999", role="searchbox")
    page.see("1 match")
    page.click("button", "Next match")
    page.see("flood 19999")
    page.click("checkbox", "Wrap lines")
    page.see("lines")


def test_in_files(page, world, job):
    page.sign_in(world.lead.identity, f"#/jobs/{job}/outputs")
    page.find("button", "Download all as ZIP")
    count = page.tab.evaluate("document.querySelectorAll('.files-list li').length")
    assert count == len(FILES)
    for number in range(count):
        page.tab.evaluate(f"document.querySelectorAll('.files-list li button')[{number}].click()")
        wait_until("the preview is there", lambda: page.tab.evaluate("!document.querySelector('.preview .waiting')"))
    assert page.tab.evaluate("({}).canary") is None


def test_a_question_about_it(page, world, job):
    page.sign_in(world.lead.identity, f"#/jobs/{job}")
    page.click("button", "Delete")
    page.see(f"{MARKUP} · {job}")
    page.click("button", "Keep it")


@pytest.mark.parametrize("fragment", ["#/jobs/" + MARKUP, "#/jobs?name=" + MARKUP, "#/repositories/%3Cimg%20src=x%20onerror=window.canary=1%3E", "#/jobs/..%2F..%2Fcanary", "#javascript:window.canary=1",
                                      "#/jobs?status=__proto__", "#/submit?repository=" + MARKUP, "#/%E0%A4%A"])
def test_in_the_address(fragment, page, world):
    page.sign_in(world.lead.identity)
    page.open(quote(fragment, safe="#/?=%&"))
    page.find("navigation", "Main")
    wait_until("it has settled", lambda: page.tab.evaluate("!document.querySelector('.waiting')"))

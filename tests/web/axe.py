"""axe-core, which looks for what keeps people with disabilities out. It comes from PyPI (tests/support/axe.txt), for the tests only."""

import json
from pathlib import Path

import python_tools

PICTURES = Path(__file__).resolve().parents[2] / "build" / "web-pictures"
TAGS = {"en": "en-GB,en", "pt": "pt-BR,pt"}


def source():
    """The script. Raises RuntimeError if it cannot be had."""
    return next(Path(python_tools.folder("axe")).rglob("axe.min.js")).read_text(encoding="utf-8")


def violations(page, script):
    """What is wrong in the page as it is now: [rule: elements]."""
    if not page.tab.evaluate("typeof axe === 'object'"):
        page.tab.evaluate(script + ";0")
    found = page.tab.evaluate("""axe.run(document, {resultTypes: ['violations'], reporter: 'v2'}).then(({violations, incomplete}) =>
      JSON.stringify(violations.map(({id, nodes}) => ({id, nodes: nodes.slice(0, 3).map(({html, failureSummary}) => `${html.slice(0, 200)} ${failureSummary}`)}))))""")
    return [f"{one['id']}: {' | '.join(one['nodes'])}" for one in json.loads(found)]


def look(page, script, name):
    """Keeps a picture of the page for people to look at, and returns what is wrong in it: what axe-core finds, or that it is wider
    than the window."""
    page.picture(PICTURES / f"{name}.png")
    found = [f"{name}: {one}" for one in violations(page, script)]
    # Not innerWidth: on a phone the window becomes as wide as what is in it.
    wide = page.tab.evaluate("document.documentElement.scrollWidth") - page.width
    return found + ([f"{name} is {wide} pixels wider than the window"] if wide > 0 else [])

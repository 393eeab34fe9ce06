"""axe-core, which looks for what keeps people with disabilities out. It comes from PyPI (tests/support/axe.txt), for the tests only."""

import json
from pathlib import Path

import python_tools


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

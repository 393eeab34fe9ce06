"""Every view in both languages and themes: axe-core finds nothing, nothing is wider than the window, and a picture is kept in
build/web-pictures for people to look at."""

import pytest
from axe import TAGS, look
from platform_client import wait_until

WORK = {  # name: params
    "Stock levels, week 48": {"horizon": 4}, "Demand forecast, southern stores": {"column": "south", "horizon": 6}, "Previsão de demanda – São Paulo": {"column": "north"},
    "Without a season": {"method": "trend"}, "Prices, a column that is not there": {"column": "price"}, "Demand forecast, northern stores": {"column": "north", "confidence": 0.95},
    "Five years ahead": {"horizon": 60}, "Demand forecast 2027": {"column": "north"},
}


@pytest.fixture(scope="module")
def showcase(world):
    """A client whose jobs have the names of real work: (leader, {name: job}, repository of the sweep)."""
    lead = world.analysts["ana"]
    repository, sweep = world.sweep
    world.has_ended(*sweep, rest=lead)
    named = {}
    for number, (name, params) in enumerate(WORK.items()):
        user = world.analysts[("ana", "bruno", "carla")[number % 3]]
        named[name] = user.start(params=params, file=("sales.xlsx", world.sample_book), metadata={"name": name, "season": "winter"})
    for job in named.values():
        lead.wait(job)
    return lead, named, repository


def views(named, repository):
    """(name, fragment, what is there when it is drawn, clicks) of each view, without words of a language."""
    good, bad = named["Demand forecast 2027"], named["Prices, a column that is not there"]
    return [
        ("jobs", "#/jobs", ".table-row a", []),
        ("overview", "#/overview", ".page h2, .page canvas, .page svg", []),
        ("jobs-none-match", "#/jobs?name=nothing+has+this+name", ".notice", []),
        ("job-result", f"#/jobs/{good}/result", ".json-tree", []),
        ("job-files", f"#/jobs/{good}/outputs", ".picture img", []),
        ("job-workbook", f"#/jobs/{good}/outputs", ".preview .sheet", [".files-list li:nth-child(2) button"]),
        ("job-plot", f"#/jobs/{good}/outputs", ".drawing canvas", [".files-list li:nth-child(2) button", ".preview button[aria-pressed]"]),
        ("job-params", f"#/jobs/{good}/params", ".json-tree", []),
        ("job-logs", f"#/jobs/{good}/logs", ".log-line", []),
        ("job-failed", f"#/jobs/{bad}", ".why-failed", []),
        ("job-delete", f"#/jobs/{bad}/logs", "dialog[open]", [".danger-quiet"]),
        ("job-missing", "#/jobs/00000000-0000-7000-8000-000000000000", ".notice", []),
        ("submit", "#/submit", "form #name", []),
        ("submit-params", "#/submit", ".params-form", []),
        ("submit-sweep", "#/submit", ".sweep", [".choice:nth-of-type(2) button:last-child"]),
        ("submit-more", "#/submit", ".more-settings[open]", [".more-settings summary"]),
        ("submit-repository", f"#/submit?repository={repository}", "#repository option:nth-child(2)", []),
        ("repositories", "#/repositories", ".card-link", []),
        ("repository-input", f"#/repositories/{repository}", ".files-list li", []),
        ("repository-params", f"#/repositories/{repository}", ".json-tree", ["#tab-params"]),
        ("repository-metadata", f"#/repositories/{repository}", ".json-tree", ["#tab-metadata"]),
        ("repository-delete", f"#/repositories/{repository}", "dialog[open]", [".danger-quiet"]),
        ("repository-jobs", f"#/repositories/{repository}", ".card-link.row", ["#tab-jobs"]),
        ("compare", f"#/repositories/{repository}/compare", ".drawing canvas", []),
        ("keys", "#/keys", ".key-card", []),
        ("account", "#/jobs", "#account", [".account-button"]),
    ]


SCROLLED = {"submit-params", "submit-sweep", "submit-more"}  # views of which a lower part is looked at: it comes to the top of the window


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "pt"])
def test_every_view(language, theme, page, showcase, axe):
    lead, named, repository = showcase
    page.language(TAGS[language])
    page.theme(theme)
    wrong = []

    def see(name):
        wrong.extend(look(page, axe, f"{name}-{language}-{theme}"))

    page.open()
    page.settled(".sign-in form")
    see("sign-in")
    assert page.tab.evaluate("document.documentElement.lang") == language
    page.sign_in_anyhow(lead.identity)
    for view in views(named, repository):
        visit(page, *view)
        see(view[0])
        page.press("Escape")  # what a click has opened is closed
    page.size(360, 740)
    for view in views(named, repository):
        visit(page, *view)
        see(f"{view[0]}-phone")
        page.press("Escape")
    assert wrong == []


def visit(page, name, fragment, ready, clicks):
    page.open("#/nowhere")  # the same address twice would be no new view
    page.open(fragment)
    for click in clicks:
        page.settled(click)
        page.tab.evaluate(f"document.querySelector({click!r}).click()")
    page.settled(ready)
    if name in SCROLLED:
        page.tab.evaluate(f"scrollTo(0, document.querySelector({ready!r}).getBoundingClientRect().top + scrollY - 80)")

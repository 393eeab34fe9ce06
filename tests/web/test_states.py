"""The states of the page that are not content: nothing there yet, slow, no answer, the key refused, a role without it, deleted meanwhile. In
both languages and themes; axe-core finds nothing in them either."""

import pytest
from axe import TAGS, look


@pytest.fixture(scope="module")
def nobody(world):
    """A client that has done nothing yet."""
    return world.tenants.team("Web", ana="leader", carla="stakeholder")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "pt"])
def test_every_state(language, theme, pages, world, nobody, axe):
    wrong = []

    def tab():
        page = pages()
        page.language(TAGS[language])
        page.theme(theme)
        return page

    def see(page, name):
        wrong.extend(look(page, axe, f"{name}-{language}-{theme}"))
        page.size(360, 740)
        wrong.extend(look(page, axe, f"{name}-phone-{language}-{theme}"))
        page.size(1280, 900)

    page = tab()
    page.open()
    page.settled(".sign-in form")
    page.sign_in_anyhow(nobody["ana"].identity, ".field-error", key="vb_not_it")
    see(page, "sign-in-refused")
    page.sign_in_anyhow(nobody["ana"].identity, ".notice")
    for name in ("jobs", "overview", "repositories"):
        page.open(f"#/{name}")
        page.settled(f"nav [aria-current][href='#/{name}']")
        page.settled(".notice")
        see(page, f"{name}-empty")

    page = tab()
    page.open()
    page.settled(".sign-in form")
    page.sign_in_anyhow(nobody["carla"].identity, ".notice")
    see(page, "jobs-stakeholder")

    job, _ = world.waiting("Deleted meanwhile")
    page = tab()
    page.open(f"#/jobs/{job}/logs")
    page.settled(".sign-in form")
    page.sign_in_anyhow(world.lead.identity, ".timeline-started")
    see(page, "job-running")
    assert world.lead.delete(f"/job/{job}").status_code == 200
    page.settled(".notice a.primary")
    see(page, "job-deleted")
    assert wrong == []


def test_a_slow_server(page, world):
    page.sign_in(world.lead.identity)
    page.network(delay=4000)
    page.open("#/repositories")
    page.see("This takes longer than usual. It goes on.")
    page.network()
    page.open("#/jobs")
    page.find("table", "Jobs")


def test_a_server_that_does_not_answer(page, world, axe):
    job = world.has_ended(world.with_files)
    page.sign_in(world.lead.identity)
    page.network(offline=True)
    page.open(f"#/jobs/{job}/params")
    page.see("The server does not answer. The page goes on by itself when it is back.")
    wrong = look(page, axe, "away-en-light")
    page.network()
    page.heading("Weekly report")
    page.see("complain")
    page.see_no_more("The server does not answer.")
    assert wrong == []


def test_nothing_there_yet(page, nobody):
    page.sign_in(nobody["ana"].identity)
    page.see("No job yet", "Start the first one with a file, with parameters, or with both.")
    page.open("#/repositories")
    page.see("No repository yet")
    page.open("#/overview")
    page.see("No job in the last 7 days")
    page.tab.evaluate("document.querySelector('.notice a').click()")
    page.heading("New job")

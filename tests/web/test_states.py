"""The states of the page that are not content: nothing there yet, slow, no answer, the key refused, a role without it, deleted meanwhile. In
both languages and themes; axe-core finds nothing in them either."""

import pytest
from axe import TAGS, look


@pytest.fixture(scope="module")
def nobody(world):
    """A client that has done nothing yet."""
    return world.tenants.team("Web", ana="leader", carla="stakeholder")


@pytest.fixture
def analyst(world):
    """A leader of the Forecast, whose key the test may end."""
    return world.tenants.make("Forecast")


@pytest.fixture(scope="module")
def sweep(world):
    """(Repository, jobs) of a small sweep that has ended; one of its jobs has failed."""
    repository = world.lead.repository(metadata={"name": "For a small sweep"})
    made = world.lead.call("POST", "/job/batch", {"repository_id": repository}, json={"params": [{"result": {"x": 1}}, {"result": {"x": 4}}, {"result": {"x": 9}}, {"exit": 1}]})
    jobs = made.json()["job_ids"]
    for job in jobs:
        world.lead.wait(job)
    return repository, jobs


def remove_keys(rest):
    """Those that leaders have made: a user has at most two."""
    for key in rest.get("/keys").json()["keys"]:
        if key["source"] == "Key":
            assert rest.delete(f"/keys/{key['key_id']}").status_code == 200


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "pt"])
def test_every_state(language, theme, pages, world, nobody, sweep, axe):
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

    remove_keys(nobody["ana"])
    page = tab()
    page.open("#/keys")
    page.settled(".sign-in form")
    page.sign_in_anyhow(nobody["ana"].identity, ".key-card")
    page.tab.evaluate("(document.getElementById('key-user').focus(), document.getElementById('key-user').select())")
    page.type("ana")
    page.press("Enter")
    page.settled(".made-key")
    see(page, "key-made")
    remove_keys(nobody["ana"])

    page = tab()
    page.open(f"#/repositories/{sweep[0]}/compare?first={sweep[1][0]}&last={sweep[1][-1]}")
    page.settled(".sign-in form")
    page.sign_in_anyhow(world.lead.identity, ".standing")
    page.settled(".drawing canvas")
    see(page, "sweep-results")

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


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "pt"])
def test_what_has_to_be_mended(language, theme, page, world, axe, analyst):
    page.language(TAGS[language])
    page.theme(theme)
    page.open("#/submit")
    page.settled(".sign-in form")
    page.sign_in_anyhow(analyst.identity, ".params-form")
    page.tab.evaluate("""(() => { const field = document.getElementById('params');
      field.value = '{"horizon": 0, "colour": "red"}';
      field.dispatchEvent(new Event('input', {bubbles: true})); })()""")
    page.tab.evaluate("document.querySelector('.form-actions .primary').click()")
    page.settled(".error-summary")
    wrong = look(page, axe, f"submit-faults-{language}-{theme}")
    page.size(360, 740)
    wrong += look(page, axe, f"submit-faults-phone-{language}-{theme}")
    page.size(1280, 900)
    key, entry = world.tenants.keygen("ana", "leader")
    old = analyst.identity
    world.tenants.client(old.organization_id, old.application_id, old.client_id, [entry])
    world.tenants.wait_for(analyst, known=False)
    page.open("#/overview")
    page.settled(".sign-in form")
    wrong += look(page, axe, f"key-expired-{language}-{theme}")
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

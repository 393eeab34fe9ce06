"""Signing in: each role, wrong keys, keys that are revoked meanwhile, language and theme."""

import pytest
from platform_client import wait_until

STORED = "JSON.stringify([location.href, {...sessionStorage}, {...localStorage}])"


def test_a_wrong_key_is_refused_in_words(page, world):
    page.open()
    page.heading("Sign in")
    identity = world.lead.identity
    page.fill_identity(identity, key=identity.key[:-4] + "0000")
    page.click("button", "Sign in")
    page.see("Key, user, organization, application and client do not belong together.")
    page.fill("Key", identity.key)
    page.click("button", "Sign in")
    page.heading("Jobs")
    assert identity.key not in page.tab.evaluate(STORED)


def test_a_field_that_is_missing_gets_the_focus(page):
    page.open()
    page.fill("Organization", "acme")
    page.click("button", "Sign in")
    page.see("Fill in this field")
    assert page.property(page.find("textbox", "Application"), "focused")
    assert page.property(page.find("textbox", "Application"), "invalid") == "true"


def test_with_the_keyboard_alone(page, world):
    page.open()
    identity = world.lead.identity
    wait_until("the first field has the focus", lambda: page.property(page.find("textbox", "Organization"), "focused"))
    for value in (identity.organization_id, identity.application_id, identity.client_id, identity.username, identity.key):
        page.type(value)
        page.press("Tab")
    page.press("Enter")  # on "Show": the key becomes readable
    assert page.on(page.find("textbox", "Key"), "function () { return this.type; }") == "text"
    page.press("Tab", shift=True)
    page.press("Enter")
    page.find("navigation", "Main")
    page.press("Tab")
    page.press("Enter")  # the link that skips the navigation
    wait_until("the content has the focus", lambda: page.tab.evaluate("document.activeElement.id") == "content")


def test_the_key_is_kept_only_if_that_was_asked_for(page, world):
    page.sign_in(world.lead.identity)
    page.reload()
    page.heading("Sign in")
    page.sign_in(world.lead.identity, keep=True)
    page.reload()
    page.heading("Jobs")
    assert world.lead.identity.key in page.tab.evaluate(STORED)
    page.click("button", "ana " + menu_of(world.lead.identity))
    page.click("button", "Sign out")
    page.heading("Sign in")
    assert world.lead.identity.key not in page.tab.evaluate(STORED)


def menu_of(identity):
    return f"{identity.client_id} · {identity.application_id}"


@pytest.mark.parametrize(("user", "role", "offered"), [("ana", "leader", {"Run again", "Delete"}), ("bruno", "developer", set())])
def test_a_role_is_offered_what_it_may(user, role, offered, page, world):
    job = world.has_ended(world.with_files)
    page.sign_in(world.team[user].identity, f"#/jobs/{job}")
    page.heading("Weekly report")
    page.click("button", f"{user} {menu_of(world.team[user].identity)}")
    page.see(role)

    def seen():
        return {name for name in ("Run again", "Delete", "Cancel job") if page.has("button", name)}

    wait_until("what the role may is offered", lambda: seen() == offered)
    assert seen() == offered


def test_a_stakeholder_starts_jobs_and_reads_none(page, world):
    repository = world.lead.repository(params={"result": 1}, metadata={"name": "For everybody"})
    page.sign_in(world.team["carla"].identity)
    page.see("Your role starts jobs and does not read them")
    page.open("#/submit")
    page.heading("New job")
    page.choose("Repository", repository)
    page.click("button", "Start job")
    wait_until("the job is there", lambda: world.lead.get("/job", repository_id=repository).json())


def test_a_key_that_is_revoked_meanwhile(page, world):
    team = world.tenants.team("Web", ana="leader")
    rest = team["ana"]
    job = rest.start(params={"result": 1}, metadata={"name": "It stays open"})
    page.sign_in(rest.identity, f"#/jobs/{job}/params")
    page.heading("It stays open")
    key, entry = world.tenants.keygen("ana", "leader")
    identity = rest.identity
    world.tenants.client(identity.organization_id, identity.application_id, identity.client_id, [entry])
    world.tenants.wait_for(rest, known=False)
    page.tab.evaluate("document.getElementById('tab-result').click()")  # the question for a key may be before it already
    page.heading("The key is not accepted any more")
    page.fill("Key", key)
    page.click("button", "Sign in")
    page.heading("It stays open")
    assert page.fragment() == f"#/jobs/{job}/result"


def test_language_and_theme_by_the_menu(page, world):
    page.sign_in(world.lead.identity, keep=True)
    account = "ana " + menu_of(world.lead.identity)
    page.click("button", account)
    page.click("button", "Português")
    page.see("Repositórios")
    wait_until("the tab has it too", lambda: page.tab.evaluate("document.title") == "Jobs · vBrain")
    assert page.tab.evaluate("document.getElementById('account').contains(document.activeElement)")  # the focus stays in the menu
    page.click("button", "Escuro")
    wait_until("the page has both", lambda: page.tab.evaluate("[document.documentElement.lang, document.documentElement.dataset.theme].join()") == "pt,dark")
    page.press("Escape")
    assert page.property(page.find("button", account), "focused")
    page.reload()
    page.find("link", "Repositórios")


def test_the_language_of_the_browser(page):
    page.language("pt-BR,pt;q=0.9,en;q=0.5")
    page.open()
    page.heading("Entrar")

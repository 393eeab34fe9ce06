"""Keys that leaders make: shown once, used, deleted."""

import dataclasses
import re

import pytest
from platform_client import Rest, wait_until


@pytest.fixture(scope="module")
def team(world):
    return world.tenants.team("Web", ana="leader", bruno="developer")


def open_menu(page, identity):
    page.click("button", f"{identity.username} {identity.client_id} · {identity.application_id}")
    page.find("button", "Sign out")


def test_a_key_is_made_used_and_deleted(pages, page, platform, team):
    identity = team["ana"].identity
    page.sign_in(identity)
    open_menu(page, identity)
    page.click("link", "Keys")
    page.heading("Keys")
    page.fill("User", "nobody", role="combobox")
    page.click("button", "Make a key")
    page.see("Invalid username", "no member of the client has this name")
    page.fill("User", "bruno", role="combobox")
    page.fill("Purpose", "for the test")
    page.click("button", "Make a key")
    page.heading("The key of bruno")
    key = re.search(r"vb_[a-z0-9]+_[0-9A-Za-z]{20,}", page.text())[0]
    assert key not in page.tab.evaluate("location.href + JSON.stringify({...sessionStorage}) + JSON.stringify({...localStorage})")
    page.click("button", "I have copied it")
    page.see("for the test", "not used yet")
    assert key not in page.text()
    made = Rest(platform, dataclasses.replace(team["bruno"].identity, key=key))
    wait_until("every server takes the key", lambda: platform.everywhere(made, lambda user: user.get("/usage").status_code == 200))
    pages().sign_in(made.identity)
    page.click("button", f"Delete the key {key.split('_')[1]} of bruno")
    page.see("Delete this key?")
    page.click("button", "Delete")
    page.see_no_more("for the test")
    wait_until("every server refuses the key", lambda: platform.everywhere(made, lambda user: user.get("/usage").status_code == 401))


def test_only_leaders_are_offered_it(page, team):
    identity = team["bruno"].identity
    page.sign_in(identity)
    open_menu(page, identity)
    page.see("developer")
    assert not page.has("link", "Keys")
    page.open("#/keys")
    page.see("Your role does not allow this.")

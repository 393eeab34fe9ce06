"""What a person is in the middle of when a job ends, or a key."""

from platform_client import wait_until


def test_a_question_that_is_open_when_the_key_ends(page, world):
    rest = world.tenants.team("Web", ana="leader")["ana"]
    job = rest.start(params={"result": 1}, metadata={"name": "Asked about"})
    rest.wait(job)
    page.sign_in(rest.identity, f"#/jobs/{job}")
    page.heading("Asked about")
    page.click("button", "Delete")
    page.see("Delete this job?")
    key, entry = world.tenants.keygen("ana", "leader")
    identity = rest.identity
    world.tenants.client(identity.organization_id, identity.application_id, identity.client_id, [entry])
    world.tenants.wait_for(rest, known=False)
    # A dialog that stays open would keep everybody from the question for a key, seen or not.
    page.heading("The key is not accepted any more")
    wait_until("its field has the focus", lambda: page.property(page.find("textbox", "Key"), "focused"))
    page.type(key)
    page.click("button", "Sign in")
    page.heading("Asked about")
    assert not page.has("dialog")
    page.click("button", "Delete")
    page.see("Delete this job?")
    page.click("button", "Keep it")


def test_logs_stay_as_they_are_read_when_the_job_ends(page, world):
    job, repository = world.waiting("Read to its end")
    page.sign_in(world.lead.identity, f"#/jobs/{job}")
    page.see("Running")
    world.tell(repository, "\n".join(f"line {number} of many" for number in range(300)))
    page.see("line 299 of many")
    page.click("checkbox", "Wrap lines")
    page.fill("Search", "line 12 ", role="searchbox")
    page.see("1 match")
    world.release(repository)
    page.see("Finished")
    wait_until("nothing is followed any more", lambda: not page.has("checkbox", "Follow"))
    search = page.find("searchbox", "Search")
    assert page.property(search, "focused")
    assert page.on(search, "function () { return this.value; }") == "line 12 "
    assert page.on(page.find("checkbox", "Wrap lines"), "function () { return this.checked; }")
    page.see("line 299 of many", "1 match")
    page.press("Enter")
    wait_until("the line is marked", lambda: "line 12 of many" in (page.tab.evaluate("document.querySelector('.log-line.at')?.innerText") or ""))
    page.click("button", "All files of the logs")
    page.choose("File", "stdout.log")
    page.see("300 lines")


def test_a_button_that_goes_with_the_state_leaves_the_focus_on_the_page(page, world):
    job, repository = world.waiting("Ends meanwhile")
    page.sign_in(world.lead.identity, f"#/jobs/{job}")
    page.see("Running")
    page.on(page.find("button", "Cancel job"), "function () { this.focus(); }")
    world.release(repository)
    page.see("Finished")
    wait_until("the button is another one", lambda: not page.has("button", "Cancel job"))
    wait_until("the heading has the focus", lambda: page.tab.evaluate("document.activeElement.tagName") == "H1")

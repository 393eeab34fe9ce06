"""Watching: from queued to finished without a look at the clock, logs that follow, and what a person does to a job."""

import requests
from platform_client import wait_until
from world import COMMAND

MARK = "window.notLoadedAgain = true"


def stays(page):
    return page.tab.evaluate("window.notLoadedAgain === true")


def test_from_queued_to_finished(page, world, make_application):
    make_application("Web-Turn", command=COMMAND, maxConcurrentJobs=1)
    lead = world.tenants.make("Web-Turn")
    inputs = [lead.repository(params={"wait": True}) for _ in range(2)]
    lead.start(repository_id=inputs[0])
    job = lead.start(repository_id=inputs[1], metadata={"name": "The second one"})
    page.sign_in(lead.identity, f"#/jobs/{job}")
    page.heading("The second one")
    wait_until("the tab is called like it", lambda: page.tab.evaluate("document.title") == "The second one · vBrain")
    page.tab.evaluate(MARK)
    page.see("Queued", "Why it waits", "ConcurrencyLimit", "has as many jobs under way as it may have")
    world.release(inputs[0])
    page.see("What happens now", "Running")
    for number in range(3):
        world.tell(inputs[1], f"line {number} of the application")
        page.see(f"line {number} of the application")
    world.tell(inputs[1], "\n".join(f"many {number}" for number in range(2000)))
    page.see("many 1999")  # it follows: the last line is in sight
    page.click("checkbox", "Follow")
    page.tab.evaluate("document.querySelector('.log').scrollTop = 0")
    page.see("line 0 of the application")
    world.tell(inputs[1], "not in sight")
    page.see("2,004 lines")
    assert "not in sight" not in page.text()
    world.release(inputs[1])
    page.see("Finished")
    wait_until("a screen reader tells it", lambda: "The second one: Finished" in page.tab.evaluate(
        "[...document.querySelectorAll('[aria-live]')].map((one) => one.textContent).join()"))
    assert stays(page)


def test_the_list_is_live(page, world):
    page.sign_in(world.lead.identity)
    page.see("Live")
    page.tab.evaluate(MARK)
    job, repository = world.waiting("Seen in the list")
    row = f'[href="#/jobs/{job}"]'
    state = f"document.querySelector('{row}')?.closest('[role=row]').innerText"
    wait_until("a row of it that runs", lambda: "Running" in (page.tab.evaluate(state) or ""))
    world.release(repository)
    wait_until("it is finished in the row", lambda: "Finished" in page.tab.evaluate(state))
    world.lead.delete(f"/job/{job}")
    wait_until("the row goes", lambda: page.tab.evaluate(state) is None)
    assert stays(page)


def test_a_filter_asks_for_nothing_that_it_hides(pages, page, world):
    def asked():
        return sum("/api/v1/job?" in url for url in page.tab.requested())

    page.sign_in(world.lead.identity, "#/jobs?status=failed")
    page.see("Live")
    other = pages()
    other.sign_in(world.lead.identity)
    other.see("Live")

    def one_more():
        job = world.start("Hidden by a filter", result=1)
        state = f"""document.querySelector('[href="#/jobs/{job}"]')?.closest('[role=row]').innerText"""
        wait_until("another tab shows that it is finished", lambda: "Finished" in (other.tab.evaluate(state) or ""))

    one_more()  # what the page asks for at its beginning is asked for
    before = asked()
    one_more()
    assert asked() == before


def test_filters_are_in_the_address(page, world):
    world.lead.wait(world.failed)
    row = f"""!!document.querySelector('[href="#/jobs/{world.failed}"]')"""
    page.sign_in(world.lead.identity)
    page.click("button", "Failed")
    wait_until("it is there", lambda: page.tab.evaluate(row))
    page.fill("Search by name", "prices", role="searchbox")
    wait_until("the address has both", lambda: page.fragment() == "#/jobs?status=failed&name=prices")
    page.fill("Search by name", "", role="searchbox")
    page.click("button", "All")  # at once: what is typed is used a moment later
    wait_until("the address has none", lambda: page.fragment() == "#/jobs")
    page.fill("Search by name", "prices", role="searchbox")
    page.click("button", "Failed")
    wait_until("the address has both again", lambda: page.fragment() == "#/jobs?status=failed&name=prices")
    page.fill("Search by name", "no such name", role="searchbox")
    page.see("No job matches")
    page.click("button", "Remove the filters")
    # Not all rows are drawn: other tests may have made many jobs since.
    wait_until("others are back", lambda: page.fragment() == "#/jobs" and page.tab.evaluate(
        """document.querySelector('[role=row] [href^="#/jobs/"]') !== null"""))


def test_cancel_run_again_delete(page, world):
    job, repository = world.waiting("To be stopped")
    page.sign_in(world.lead.identity, f"#/jobs/{job}")
    page.see("Running")
    page.click("button", "Cancel job")
    page.see("Cancel this job?", f"To be stopped · {job}")
    page.click("button", "Keep it")
    assert page.property(page.find("button", "Cancel job"), "focused")
    page.click("button", "Cancel job")
    page.see("Cancel this job?")
    page.click("button", "Cancel job")  # that of the dialog; the page behind it is inert
    page.see("Failed", "Why it failed", "Cancelled")
    page.click("button", "Run again")
    page.see("Run this job again?")
    page.click("button", "Run again")
    wait_until("the page of the new job", lambda: page.fragment().startswith("#/jobs/") and job not in page.fragment())
    again = page.fragment().split("/")[2]
    page.see("Running")
    world.release(repository)
    page.see("Finished")
    page.click("button", "Delete")
    page.see("Delete this job?", f"To be stopped · {again}", "go for good")
    page.press("Escape")
    page.see_no_more("Delete this job?")
    assert world.lead.get(f"/job/{again}").status_code == 200
    page.click("button", "Delete")
    page.see("Delete this job?")
    page.click("button", "Delete")
    page.heading("Jobs")
    assert world.lead.get(f"/job/{again}").status_code == 404


def test_a_job_that_somebody_else_deletes(page, world):
    job, _ = world.waiting("Deleted meanwhile")
    page.sign_in(world.lead.identity, f"#/jobs/{job}")
    page.see("Running")
    assert world.lead.delete(f"/job/{job}").status_code == 200
    page.see("This job was deleted", "Somebody deleted it while it was open here")
    page.find("link", "New job with it")
    page.open("#/jobs/00000000-0000-7000-8000-000000000000")
    page.see("There is no job with this id", "Compare the id with the one that you were given")
    assert "This job was deleted" not in page.text()


def test_why_it_failed(page, world):
    world.lead.wait(world.failed)
    page.sign_in(world.lead.identity, f"#/jobs/{world.failed}")
    page.see("Why it failed", "NonZeroExit", "the application ended with another exit code than 0", "exit code 1", "ValueError: row 12 has no price")
    page.click("tab", "Result")
    page.see("A failed job has none. The logs say more.")


def test_each_attempt_is_told(page, world, make_application):
    make_application("Web-Twice", command=COMMAND, backoffLimit=1)
    lead = world.tenants.make("Web-Twice")
    job = lead.start(params={"exit": 3}, metadata={"name": "Twice in vain"})
    page.sign_in(lead.identity, f"#/jobs/{job}")
    page.heading("Twice in vain")
    page.heading("Attempts")
    page.see("Attempt 1", "Attempt 2")
    page.see("Failed", "Why it failed")
    assert page.tab.evaluate("[...document.querySelectorAll('.attempts li .tag')].map((one) => one.innerText).join()") == "NonZeroExit,NonZeroExit"


def test_the_servers_are_killed_meanwhile(page, world):
    page.sign_in(world.lead.identity)
    page.see("Live")
    page.tab.evaluate(MARK)
    world.platform.kill("api-server")
    world.platform.replicas()
    job = wait_until("a server takes a job", lambda: start_if_it_answers(world))
    wait_until("it is in the list", lambda: page.tab.evaluate(f"""!!document.querySelector('[href="#/jobs/{job}"]')"""))
    page.see("Live")
    page.see_no_more("The server does not answer.")
    assert stays(page)


def start_if_it_answers(world):
    try:
        answer = world.lead.execute(params={"result": 1}, metadata={"name": "After the kill"})
    except requests.RequestException:
        return None
    return answer.json()["job_id"] if answer.status_code == 201 else None

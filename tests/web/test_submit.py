"""New jobs: by the form, by a dragged folder, over a repository that is there."""

import hashlib
import re

import pytest
from platform_client import wait_until


def job_of(page):
    """The id of the job that the page shows."""
    wait_until("the page of the new job", lambda: page.fragment().startswith("#/jobs/"))
    return page.fragment().split("/")[2]


def test_by_the_form(page, world, tmp_path):
    (tmp_path / "say-1").write_text("out of the file\n")
    page.sign_in(world.lead.identity, "#/submit")
    page.heading("New job")
    page.fill("Name", "By the form")
    page.fill("Parameters", '{"result": {"answer": 42}, "say": ["hello"]')
    page.see("Not valid JSON: line 1")
    assert page.property(page.find("button", "Start job"), "disabled")
    page.fill("Parameters", '{"result": {"answer": 42}, "say": ["hello"]}')
    page.choose_files("Choose files", tmp_path / "say-1")
    page.see("say-1", "1 file")
    page.click("button", "Start job")
    page.heading("By the form")
    job = job_of(page)
    page.see("Finished")
    page.click("tab", "Result")  # what is shown stays when the job ends
    page.see("answer", "42")
    assert world.lead.get(f"/job/{job}").json()["input"] == ["say-1"]


@pytest.mark.parametrize("how", ["dragged", "chosen"])
def test_a_folder(how, page, world, tmp_path):
    folder = tmp_path / "stores"
    (folder / "north" / "deep").mkdir(parents=True)
    (folder / "prices.csv").write_text("a,b\n1,2\n")
    (folder / "north" / "deep" / "größe.txt").write_text("x" * 100_000)
    page.sign_in(world.lead.identity, "#/submit")
    page.heading("New job")
    page.fill("Name", f"A folder, {how}")
    if how == "dragged":
        page.drop(".drop", folder)
    else:
        page.choose_files("Choose a folder", folder)
    page.see("2 files", "north/deep/größe.txt", "prices.csv")
    page.click("button", "Start job")
    page.heading(f"A folder, {how}")
    info = world.lead.get(f"/job/{job_of(page)}").json()
    assert sorted(info["input"]) == ["north/deep/größe.txt", "prices.csv"]
    # What was sent is there with the same previews.
    page.open(f"#/repositories/{info['repository_id']}")
    page.click("treeitem", re.compile("^prices.csv "))
    page.find("columnheader", "a")


def test_over_a_repository_that_is_there(page, world):
    repository = world.lead.repository(params={"result": "old", "exit": 0}, metadata={"name": "With params"})
    page.sign_in(world.lead.identity, f"#/repositories/{repository}")
    page.heading("With params")
    page.click("link", "New job with it")
    page.heading("New job")
    page.fill("Name", "Laid over")
    page.fill("Parameters", '{"result": "new"}')
    page.click("button", "Start job")
    page.heading("Laid over")
    job = job_of(page)
    page.see("Finished")
    page.click("tab", "Result")
    page.see('"new"')
    assert world.lead.get(f"/job/{job}/params").json() == {"result": "new", "exit": 0}
    page.open(f"#/repositories/{repository}")
    page.click("tab", "Jobs")
    page.see("Laid over")


def test_an_upload_goes_on_after_a_lost_connection(pages, page, world, tmp_path):
    table = tmp_path / "large.csv"
    table.write_bytes(b"".join(b"%07d,%07d\n" % (number, number * 7 % 1_000_003) for number in range(1_250_000)))  # 20 MB
    network = pages.chromium.network
    page.sign_in(world.lead.identity, "#/submit")
    page.heading("New job")
    page.fill("Name", "Over a bad line")
    page.choose_files("Choose files", table)
    before = network.sent
    network.cut_after(14_000_000)
    try:
        page.click("button", "Start job")
        page.see("The connection is lost. It goes on by itself")
    finally:
        network.mend()
    page.heading("Over a bad line")
    repository = world.lead.get(f"/job/{job_of(page)}").json()["repository_id"]
    [file] = world.lead.get(f"/repository/{repository}/input/files").json()
    assert (file["name"], file["bytes"], file["sha256"]) == ("large.csv", 20_000_000, hashlib.sha256(table.read_bytes()).hexdigest())
    assert network.sent - before < 30_000_000  # it did not begin anew


def test_what_is_filled_in_and_sent_stays_while_a_person_looks_around(pages, page, world, tmp_path):
    table = tmp_path / "large.csv"
    table.write_bytes(b"1,2,3\n" * 2_000_000)  # 12 MB
    page.sign_in(world.lead.identity, "#/submit")
    page.heading("New job")
    page.fill("Name", "Sent in passing")
    page.click("link", "Jobs")
    page.heading("Jobs")
    page.open("#/submit")
    assert page.on(page.find("textbox", "Name"), "function () { return this.value; }") == "Sent in passing"
    page.choose_files("Choose files", table)
    network = pages.chromium.network
    network.cut_after(3_000_000)
    try:
        page.click("button", "Start job")
        page.see("The connection is lost. It goes on by itself")
        page.click("link", "Repositories")
        page.see("A new job is being sent. It goes on while you look at other things.")
    finally:
        network.mend()
    page.see("The job was made")
    page.click("link", "Look at it")
    page.heading("Sent in passing")
    page.open("#/submit")
    page.heading("New job")
    assert page.on(page.find("textbox", "Name"), "function () { return this.value; }") == ""
    page.fill("Name", "Not sent")
    page.click("button", "Clear the form")
    wait_until("it is empty", lambda: page.on(page.find("textbox", "Name"), "function () { return this.value; }") == "")


def test_an_address_that_is_notified(page, world):
    page.sign_in(world.lead.identity, "#/submit")
    page.heading("New job")
    page.fill("Name", "Told to nobody")
    page.click("DisclosureTriangle", "More settings")
    page.fill("Notify this address (webhook)", "https://127.0.0.1/jobs")
    page.see("callback_url=https://127.0.0.1/jobs")  # the same call has it
    page.click("button", "Start job")
    page.see("The server does not take this address:", "webhooks.allow")
    address = page.find("textbox", "Notify this address (webhook)")
    assert page.property(address, "invalid") == "true" and page.property(address, "focused")
    assert page.fragment() == "#/submit"
    page.fill("Notify this address (webhook)", "")
    page.see_no_more("The server does not take this address:")
    page.click("button", "Start job")
    page.heading("Told to nobody")


def test_a_sweep_of_twenty(page, world):
    repository = world.lead.repository(params={"say": ["one of twenty"]}, metadata={"name": "For a sweep"})
    page.sign_in(world.lead.identity, f"#/submit?repository={repository}")
    page.heading("New job")
    page.fill("Name", "One of twenty")
    page.click("button", "A sweep of many")
    page.fill("Parameter", "result")
    page.click("button", "Range")
    for name, value in (("From", "5"), ("To", "100"), ("Step", "5")):
        page.fill(name, value)
    page.see("20 jobs. The first of them:")
    page.click("button", "Start 20 jobs")
    page.heading("Results of the sweep")
    page.see("20 of 20 have ended")
    # In each row its param and its result, which are the same.
    wait_until("all results are there", lambda: sorted(
        int(found[1]) for row in page.tab.evaluate(ROWS) if (found := re.search(r"\t(\d+)\t\1\t", row))) == list(range(5, 101, 5)))
    assert len(world.lead.get("/job", repository_id=repository).json()) == 20


ROWS = "[...document.querySelectorAll('.sheet tbody tr')].map((row) => row.innerText)"


def test_the_same_call_for_a_terminal(page, world):
    page.sign_in(world.lead.identity, "#/submit")
    page.heading("New job")
    page.fill("Parameters", '{"a": "it\'s"}')
    page.see("curl", "$VBRAIN_API_KEY", "it'\\''s")
    page.click("button", "Python")
    page.see("import")
    assert world.lead.identity.key not in page.text()

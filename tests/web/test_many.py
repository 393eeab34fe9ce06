"""10,000 jobs in the list. They are copies of the folder of one that has ended, as the servers find them when the resources of jobs have
expired; to run as many would take an hour."""

import os
import re
import shutil
import time
import uuid

import pytest
from platform_client import wait_until

MANY = 10_000
DATE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"


def id_at(milliseconds):
    """A UUID of version 7."""
    return str(uuid.UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | uuid.uuid4().int & (1 << 62) - 1))


@pytest.fixture(scope="module")
def crowd(world):
    """The leader of a client with 10,000 jobs; every tenth has failed."""
    rest = world.tenants.make("Web")
    job = world.has_ended(rest.start(params={"result": 1}, metadata={"name": "The first"}), rest=rest)
    folder = world.platform.job_folder(job)
    wait_until("its record is on the volume", (folder / "status.json").exists)
    record, made = ((folder / name).read_text() for name in ("status.json", "job.json"))
    owner = folder.stat()
    now = int(time.time() * 1000)
    for number in range(MANY):
        moment = now - (number + 1) * 60_000
        made_id = id_at(moment)
        copy = folder.with_name(made_id)
        copy.mkdir()
        os.chown(copy, owner.st_uid, owner.st_gid)
        copy.chmod(owner.st_mode & 0o7777)
        failed = number % 10 == 9
        for name, text in (("job.json", made.replace("The first", f"Number {number:05}")),
                           ("status.json", record.replace("Finished", "Failed").replace("Completed", "NonZeroExit") if failed else record)):
            (copy / name).write_text(re.sub(DATE, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment / 1000)), text.replace(job, made_id)))
            os.chown(copy / name, owner.st_uid, owner.st_gid)
            (copy / name).chmod(0o660)
    yield rest
    shutil.rmtree(folder.parent.parent, ignore_errors=True)  # the other suites' scans of the volume need not read them


def test_ten_thousand_jobs(page, crowd):
    page.sign_in(crowd.identity)
    page.see("The first", "Number 00000")
    page.tab.evaluate("scrollTo(0, 1e9)")
    shown = "document.querySelector('.table-foot').innerText"

    def to_the_end():
        page.tab.evaluate("scrollTo(0, 1e9)")
        return re.search(r"^10,001 jobs", page.tab.evaluate(shown))

    # A server looks at the jobs of a page for 8 ms only: a busy machine needs many pages.
    wait_until("all are loaded", to_the_end, deadline=600)
    # Rows that were loaded last may have moved the end of the page.
    wait_until("the last job is shown", lambda: page.tab.evaluate("scrollTo(0, 1e9)") or "Number 09999" in page.text())
    assert page.tab.evaluate("document.querySelectorAll('.table-row').length") < 100
    # What is far from the end was let go; it is loaded again.
    page.tab.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
    wait_until("the middle is shown", lambda: re.search(r"Number 0(49|50)\d\d", page.text()))
    page.tab.evaluate("scrollTo(0, 0)")
    page.see("The first", "Number 00000")
    page.see("10,001 jobs")
    page.fill("Search by name", "Number 0777", role="searchbox")
    page.see("10 jobs", "Number 07770", "Number 07779")
    page.fill("Search by name", "", role="searchbox")
    page.click("button", "Failed")
    page.see("Number 00009")
    page.see_no_more("Number 00008")

"""What came out of a job: result, files with a preview of each kind, a plot in two clicks, downloads, logs."""

import json
import re
import zipfile

import pytest
from platform_client import wait_until


@pytest.fixture
def files(page, world):
    """The page at the files of the job that has one of each kind."""
    job = world.has_ended(world.with_files)
    page.sign_in(world.lead.identity, f"#/jobs/{job}/outputs")
    page.heading("Weekly report")
    page.find("button", "Download all as ZIP")
    return page


def choose(page, name):
    page.click("treeitem", re.compile("^" + re.escape(name.split("/")[-1]) + " "))
    page.heading(name)


def test_folders_by_keyboard(files):
    tree = "[...document.querySelectorAll('[role=treeitem]')].map((one) => one.querySelector('.file-name').innerText)"
    assert files.tab.evaluate(tree)[:3] == ["deep", "folder", "inside.csv"]
    assert files.tab.evaluate("document.querySelectorAll('[role=treeitem][tabindex=\"0\"]').length") == 1
    files.tab.evaluate("document.querySelector('[role=treeitem][tabindex=\"0\"]').focus()")
    files.press("Home")
    focused = "document.activeElement.querySelector('.file-name').innerText"
    wait_until("the first folder has the focus", lambda: files.tab.evaluate(focused) == "deep")
    files.press("ArrowLeft")
    wait_until("it is closed", lambda: "folder" not in files.tab.evaluate(tree))
    files.press("ArrowRight")
    wait_until("it is open", lambda: "folder" in files.tab.evaluate(tree))
    for _ in range(2):
        files.press("ArrowDown")
    wait_until("the file has the focus", lambda: files.tab.evaluate(focused) == "inside.csv")
    files.press("Enter")
    files.heading("deep/folder/inside.csv")
    assert files.tab.evaluate(focused) == "inside.csv"
    files.press("ArrowLeft")
    wait_until("its folder has the focus", lambda: files.tab.evaluate(focused) == "folder")


def test_a_table_of_which_a_part_is_in_the_document(files):
    choose(files, "table.csv")
    files.see("The first 1,000 rows, 3 columns")
    files.find("columnheader", "price")
    count = "document.querySelectorAll('.sheet tbody tr').length"
    assert files.tab.evaluate(count) < 100
    files.tab.evaluate("document.querySelector('.sheet').scrollTop = 1e6")
    files.find("cell", "-2000")  # of the last row
    assert files.tab.evaluate(count) < 100
    choose(files, "semicolons.csv")
    files.find("cell", "1,5")


def test_a_plot_in_two_clicks(files):
    choose(files, "table.csv")
    files.click("button", "Plot")
    files.find("image", re.compile("^week against Row number, 1,000 values"))
    files.choose("Y axis", "price")
    files.choose("X axis", "week")
    files.find("image", re.compile("^price against week, 1,000 values From 90 to 102"))
    files.click("button", "Points")
    wait_until("it is drawn", lambda: files.tab.evaluate(DRAWN))


# Whether the canvas has a point that is not empty.
DRAWN = """(() => { const canvas = document.querySelector('.drawing canvas');
  return !!canvas?.width && canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((one) => one); })()"""


def test_a_tree(files):
    choose(files, "data.json")
    files.see("total", "list", "2 items")
    files.click("button", "Text")
    files.see('"total": 3')


@pytest.mark.parametrize("name", ["picture.png", "drawing.svg"])
def test_a_picture(name, files):
    choose(files, name)
    files.find("image", name)
    wait_until("it is drawn", lambda: files.tab.evaluate("document.querySelector('.picture img').naturalWidth") > 0)


@pytest.mark.parametrize(("name", "shows"), [
    ("notes.txt", "plain text"), ("page.html", "<h1>not a heading</h1>"), ("unknown.bin", "No preview for this kind of file"), ("empty.txt", "The file is empty."),
    ("deep/folder/inside.csv", "1 row, 2 columns"), ("report.pdf", "A PDF document")])
def test_other_files(name, shows, files):
    choose(files, name)
    files.see(shows)


def test_downloads(files, tmp_path):
    files.tab.allow_downloads(tmp_path)
    choose(files, "notes.txt")
    files.click("button", "Download")
    wait_until("the file is there", lambda: (tmp_path / "notes.txt").exists())
    assert (tmp_path / "notes.txt").read_text() == "plain text\n"
    files.click("button", "Download all as ZIP")
    archive = wait_until("the archive is there", lambda: next(tmp_path.glob("*-output.zip"), None))
    assert "deep/folder/inside.csv" in zipfile.ZipFile(archive).namelist()


def test_result_and_params(page, world):
    job = world.has_ended(world.with_files)
    page.sign_in(world.lead.identity, f"#/jobs/{job}")
    page.see("mean", "812.5", "9007199254740993")  # as it was written, not as a double has it
    page.click("button", "Text")
    page.see('"stores"')
    page.click("tab", "Parameters")
    page.see("complain", "a warning")


def test_logs_that_have_ended(page, world):
    job = world.has_ended(world.with_files)
    page.sign_in(world.lead.identity, f"#/jobs/{job}/logs")
    page.see("300 lines")  # stdout comes first
    page.fill("Search", "line 29", role="searchbox")
    page.see("11 matches")
    page.click("button", "Next match")
    page.see("line 29")
    page.choose("File", "stderr.log")
    page.see("a warning")


def test_the_first_error_of_a_log(page, world):
    world.lead.wait(world.failed)
    page.sign_in(world.lead.identity, f"#/jobs/{world.failed}/logs")
    page.see("ValueError: row 12 has no price")  # of a failed job stderr is shown first
    page.click("button", "First error")
    wait_until("the line is marked", lambda: page.tab.evaluate("!!document.querySelector('.log-line.at')"))


def test_twenty_results_side_by_side(page, world, tmp_path):
    repository, jobs = world.sweep
    world.has_ended(*jobs, rest=world.analysts["ana"])
    page.tab.allow_downloads(tmp_path)
    page.sign_in(world.analysts["ana"].identity, f"#/repositories/{repository}")
    page.heading("Sales, five years")
    page.click("tab", "Jobs")
    page.click("link", "Compare results")
    page.heading("Compare results")
    page.see("20 jobs")
    page.find("image", re.compile("against params.smoothing, 20 values"))
    wait_until("it is drawn", lambda: page.tab.evaluate(DRAWN))
    page.click("button", re.compile("^error_percent"))
    errors = [float(cell) for cell in page.tab.evaluate(CELLS)]
    results = [world.analysts["ana"].get(f"/job/{job}/result").json()["output"]["error_percent"] for job in jobs]
    assert len(errors) == 20 and errors == sorted(results)
    page.click("button", re.compile("^error_percent"))
    assert [float(cell) for cell in page.tab.evaluate(CELLS)] == sorted(results, reverse=True)
    page.click("button", "Save as CSV")
    saved = wait_until("the file is there", lambda: next(tmp_path.glob("*.csv"), None))
    wait_until("it is whole", lambda: len(saved.read_text().splitlines()) == 21)
    assert "params.smoothing" in saved.read_text() and "result.error_percent" in saved.read_text()


# The cells of the column by which the table is sorted.
CELLS = """(() => { const at = [...document.querySelectorAll('.sheet thead th')].findIndex((one) => one.hasAttribute('aria-sort'));
  return [...document.querySelectorAll('.sheet tbody tr')].map((row) => row.children[at].innerText); })()"""


def test_the_chart_and_the_workbook_of_a_forecast(page, world):
    _, jobs = world.sweep
    lead = world.analysts["ana"]
    world.has_ended(jobs[0], rest=lead)
    assert json.loads(lead.get(f"/job/{jobs[0]}/params").text)["smoothing"] == 0.05
    page.sign_in(lead.identity, f"#/jobs/{jobs[0]}/outputs")
    page.click("treeitem", re.compile("^chart.png "))
    wait_until("it is drawn", lambda: page.tab.evaluate("document.querySelector('.picture img')?.naturalWidth") == 1040)
    page.click("treeitem", re.compile("^forecast.xlsx "))
    page.find("columnheader", "forecast")
    page.see("Summary")

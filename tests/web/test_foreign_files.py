"""Files as other programs write them: other encodings, other decimal marks, formulas without values, numbers that no double has."""

import io
import re

import pytest
from openpyxl import Workbook
from world import packed


def uncomputed():
    book = Workbook()
    for row in (["a", "b"], [1, 2], ["=SUM(A2:B2)", 3]):
        book.active.append(row)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


FILES = {
    "windows.csv": "região;valor\nSão Paulo, 5 €;1,5\n".encode("cp1252"), "wide.csv": "região\tvalor\nSão Paulo\t0,25\n".encode("utf-16"),
    "pandas.csv": "t;y\n1;1.5\n2;1.7\n", "unsure.csv": "t;y\n1;1.234\n2;2.345\n", "book.xlsx": uncomputed(), "big.json": '{"seed": 9007199254740993, "b": 1, "1": 2}',
}


@pytest.fixture(scope="module")
def job(world):
    return world.has_ended(world.start("Files of others", files=packed(FILES)))


@pytest.fixture
def files(page, world, job):
    page.sign_in(world.lead.identity, f"#/jobs/{job}/outputs")
    page.find("button", "Download all as ZIP")
    return page


def choose(page, name):
    page.click("treeitem" if page.has("treeitem") else "button", re.compile(f"^{re.escape(name)} "))
    page.heading(name)


def plot(page, axis):
    page.click("button", "Plot")
    page.choose("Y axis", axis)


@pytest.mark.parametrize(("name", "encoding"), [("windows.csv", "Windows-1252"), ("wide.csv", "UTF-16")])
def test_letters(name, encoding, files):
    choose(files, name)
    files.find("columnheader", "região")
    files.find("cell", re.compile("^São Paulo(, 5 €)?$"))
    files.see(f"Not UTF-8: read as {encoding}.")
    plot(files, "valor")
    value = "1.5" if name == "windows.csv" else "0.25"
    files.find("image", re.compile(f"From {re.escape(value)} to {re.escape(value)}"))


def test_points_among_semicolons(files):
    choose(files, "pandas.csv")
    plot(files, "y")
    files.find("image", re.compile(r"^y against .* From 1\.5 to 1\.7"))


def test_the_reader_says_what_a_mark_is(files):
    choose(files, "unsure.csv")
    plot(files, "y")
    files.see("The table does not tell its decimal mark: 1.234 is read as 1234.")
    files.find("image", re.compile("^y against .* From 1.234K to 2.345K"))
    files.click("button", "Decimal point")
    files.find("image", re.compile(r"^y against .* From 1\.234 to 2\.345"))


def test_a_formula_without_a_value(files):
    choose(files, "book.xlsx")
    files.find("cell", "=SUM(A2:B2)")
    files.see("1 formula has no stored value")


def test_digits_and_order_in_the_text(files):
    choose(files, "big.json")
    files.click("button", "Text")
    files.see('"seed": 9007199254740993', re.compile(r'"b": 1,\s+"1": 2'))


def test_a_sweep_from_a_file_of_a_spreadsheet(page, world, tmp_path):
    (tmp_path / "sweep.csv").write_bytes("região;fator\nSão Paulo;0,1\nGoiás;0,2\n".encode("cp1252"))
    page.sign_in(world.lead.identity, "#/submit")
    page.heading("New job")
    page.click("button", "A sweep of many")
    page.click("button", "List")
    page.choose_files("Read a file", tmp_path / "sweep.csv")
    page.see("2 jobs. The first of them:", "Not UTF-8: read as Windows-1252.")
    page.find("columnheader", "região")
    page.find("cell", '"São Paulo"')
    page.find("cell", "0.1")
    page.fill("Rows: CSV with names in the first line, JSON lines, or a JSON list", "a\nS\ufffdo")
    page.see("Line 2 has letters that were lost")

"""Runs examples/tutorial/main.py with inputs like those of users. Uses only the standard library."""

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "examples" / "tutorial" / "main.py"
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def workbook(path, rows, strings=()):
    with zipfile.ZipFile(path, "w") as book:
        if strings:
            items = "".join(f"<si><t>{text}</t></si>" for text in strings)
            book.writestr("xl/sharedStrings.xml", f"<sst {MAIN}>{items}</sst>")
        book.writestr("xl/worksheets/sheet1.xml", f"<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>")


def shared_strings_workbook(path):
    # As spreadsheet programs write it: shared strings, and cells that do not start in column A.
    workbook(path, '<row r="1"><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>0</v></c></row>'
                   '<row r="2"><c r="B2"><v>6</v></c><c r="C2"><v>7</v></c></row>', ["b", "a"])


def inline_workbook(path):
    workbook(path, '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c><c r="B1" t="inlineStr"><is><t>b</t></is></c></row>'
                   '<row r="2"><c r="A2"><v>2.5</v></c><c r="B2"><v>4</v></c></row>')


# name, params, input files {name: text, bytes or a function that writes it}, expected result or expected part of stderr
CASES = [
    ("params", {"a": 10, "b": 20}, {}, 200),
    ("negative and fractional params", {"a": -1.5, "b": 4}, {}, -6.0),
    ("large integers stay exact", {"a": 10**20, "b": 3}, {}, 3 * 10**20),
    ("csv", {}, {"numbers.csv": "a,b\n10,20\n"}, 200),
    ("csv with a byte-order mark and CRLF", {}, {"numbers.csv": b"\xef\xbb\xbfb,a\r\n5,3\r\n"}, 15),
    ("json", {}, {"numbers.json": '{"a": 3, "b": 4}'}, 12),
    ("xlsx with shared strings", {}, {"numbers.xlsx": shared_strings_workbook}, 42),
    ("xlsx with inline strings", {}, {"numbers.xlsx": inline_workbook}, 10.0),
    ("a file in a folder", {}, {"data/numbers.csv": "a,b\n2,3\n"}, 6),
    ("params win over files", {"a": 1, "b": 1}, {"numbers.csv": "a,b\n10,20\n"}, 1),
    ("other files do not matter", {}, {"README.txt": "x", "numbers.CSV": "a,b\n2,2\n"}, 4),
    ("nothing at all", {}, {}, "no params, and no .csv, .json or .xlsx file"),
    ("half of the params", {"a": 1}, {}, "params: b missing"),
    ("a text as param", {"a": "ten", "b": 1}, {}, "a must be a number, not 'ten'"),
    ("a truth value as param", {"a": True, "b": 1}, {}, "a must be a number, not true"),
    ("a number without end", {"a": float("inf"), "b": 1}, {}, "a must be a finite number"),
    ("a product without end", {"a": 1e308, "b": 1e308}, {}, "the product must be a finite number"),
    ("a csv with a header only", {}, {"numbers.csv": "a,b\n"}, "numbers.csv: a and b missing"),
    ("a csv line that is too short", {}, {"numbers.csv": "a,b\n1\n"}, "b must be a number"),
    ("a json list", {}, {"numbers.json": "[1, 2]"}, "numbers.json: expected an object"),
    ("broken json", {}, {"numbers.json": "{"}, "numbers.json cannot be read"),
    ("an xlsx that is none", {}, {"numbers.xlsx": "no zip"}, "numbers.xlsx cannot be read"),
]


def run(params, files, folder):
    inputs, output, result = folder / "input", folder / "output", folder / "result.json"
    inputs.mkdir()
    output.mkdir()
    (folder / "params.json").write_text(json.dumps(params))
    for name, content in files.items():
        path = inputs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if callable(content):
            content(path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    variables = {"VBRAIN_PARAMS_FILE": folder / "params.json", "VBRAIN_INPUT_DIR": inputs, "VBRAIN_OUTPUT_DIR": output,
                 "VBRAIN_RESULT_FILE": result, "VBRAIN_JOB_ID": "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d", "PATH": os.environ["PATH"]}
    answer = subprocess.run([sys.executable, PROGRAM], env={k: str(v) for k, v in variables.items()}, capture_output=True, text=True, check=False)
    return answer, output / "product.txt", result


def problem(params, files, want):
    with tempfile.TemporaryDirectory() as name:
        answer, product, result = run(params, files, Path(name))
        if isinstance(want, str):
            if answer.returncode != 1 or want not in answer.stderr or "Traceback" in answer.stderr:
                return f"want exit code 1 and {want!r}, got {answer.returncode} and {answer.stderr!r}"
            return "it left a result" if result.exists() or product.exists() else ""
        if answer.returncode != 0:
            return f"exit code {answer.returncode}: {answer.stderr}"
        got = json.loads(result.read_text())
        if got != want or type(got) is not type(want):
            return f"want the result {want!r}, got {got!r}"
        if product.read_text() != f"{want}\n":
            return f"product.txt holds {product.read_text()!r}"
        return "" if f"= {want}" in answer.stdout else "it logged nothing"


def main():
    failed = 0
    for name, params, files, want in CASES:
        wrong = problem(params, files, want)
        failed += bool(wrong)
        print(f"FAIL  {name}\n      {wrong}" if wrong else f"ok    {name}")
    print(f"{len(CASES) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

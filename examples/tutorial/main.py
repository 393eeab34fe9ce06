"""Tutorial: the product of two numbers. A vBrain application in plain Python.

The numbers a and b come from the params of the job; without params, from the first file in the input folder that contains them:
*.csv with the header a,b, *.json with {"a": ..., "b": ...}, or *.xlsx with a and b in the first row of its first sheet.
"""

import csv
import json
import os
import re
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


class InputError(Exception):
    """The input is invalid; the text says why."""


def number(name, value):
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise InputError(f"{name} must be a number, not {json.dumps(value)}")
    if isinstance(value, str):
        try:
            value = int(value) if re.fullmatch(r"\s*[+-]?\d+\s*", value) else float(value)
        except ValueError:
            raise InputError(f"{name} must be a number, not {value!r}") from None
    if value != value or value in (float("inf"), float("-inf")):
        raise InputError(f"{name} must be a finite number")
    return value


def factors(values, source):
    missing = [name for name in ("a", "b") if name not in values]
    if missing:
        raise InputError(f"{source}: {' and '.join(missing)} missing")
    return number("a", values["a"]), number("b", values["b"])


def read_json(path):
    values = json.loads(path.read_text(encoding="utf-8-sig"))
    if not isinstance(values, dict):
        raise InputError(f'{path.name}: expected an object such as {{"a": 10, "b": 20}}')
    return values


def read_csv(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        return next(csv.DictReader(file), {})


def read_xlsx(path):
    """The first sheet, as a header row and a row of values. A workbook is a zip of XML files."""
    with zipfile.ZipFile(path) as book:
        shared = []
        if "xl/sharedStrings.xml" in book.namelist():
            for item in ElementTree.fromstring(book.read("xl/sharedStrings.xml")).iter(SHEET + "si"):
                shared.append("".join(text.text or "" for text in item.iter(SHEET + "t")))
        rows = []
        for row in ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml")).iter(SHEET + "row"):
            cells = {}
            for cell in row.iter(SHEET + "c"):
                value = cell.findtext(SHEET + "v") or "".join(text.text or "" for text in cell.iter(SHEET + "t"))
                column = re.match(r"[A-Z]+", cell.get("r", "A"))[0]
                cells[column] = shared[int(value)] if cell.get("t") == "s" else value
            rows.append(cells)
    if len(rows) < 2:
        return {}
    header, values = rows[:2]
    return {name: values[column] for column, name in header.items() if column in values}


READERS = {".json": read_json, ".csv": read_csv, ".xlsx": read_xlsx}


def read_factors(params_file, input_dir):
    params = json.loads(params_file.read_text(encoding="utf-8")) if params_file.exists() else {}
    if params:
        print("reading a and b from the params", flush=True)
        return factors(params, "params")
    for path in sorted(input_dir.rglob("*")) if input_dir.is_dir() else []:
        reader = READERS.get(path.suffix.lower())
        if reader and path.is_file():
            print(f"reading a and b from {path.relative_to(input_dir)}", flush=True)
            try:
                return factors(reader(path), path.name)
            except (ValueError, KeyError, IndexError, zipfile.BadZipFile, ElementTree.ParseError, csv.Error) as error:
                raise InputError(f"{path.name} cannot be read: {error}") from error
    raise InputError("no params, and no .csv, .json or .xlsx file with a and b in the input")


def main():
    environment = os.environ
    job = environment.get("VBRAIN_JOB_ID", "outside of vBrain")
    print(f"job {job}, attempt {environment.get('VBRAIN_JOB_ATTEMPT', '-')}", flush=True)
    try:
        a, b = read_factors(Path(environment["VBRAIN_PARAMS_FILE"]), Path(environment["VBRAIN_INPUT_DIR"]))
        product = number("the product", a * b)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{a} * {b} = {product}", flush=True)
    (Path(environment["VBRAIN_OUTPUT_DIR"]) / "product.txt").write_text(f"{product}\n", encoding="utf-8")
    Path(environment["VBRAIN_RESULT_FILE"]).write_text(json.dumps(product), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Forecast: reads a column of numbers from a workbook and says how it goes on. A vBrain application in Python.

In: the first .xlsx file of the input, and params (application.yaml describes them). Out: a result with numbers and lists,
forecast.xlsx and chart.png. With input that can't be used it prints why to stderr and ends with 1.
"""

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from zipfile import BadZipFile

from openpyxl import Workbook, load_workbook

import chart
import model

DEFAULTS = {"column": "", "horizon": 12, "season": 12, "method": "holt-winters", "confidence": 0.9, "smoothing": None}
WHOLE, NUMBER = (int,), (int, float)  # compared with type(), because True is an int too
LIMITS = {"horizon": (1, 60, WHOLE), "season": (1, 60, WHOLE), "confidence": (0.5, 0.99, NUMBER), "smoothing": (0.01, 1, NUMBER)}


class InputError(SystemExit):
    """The input can't be used. Python prints the text to stderr and ends with 1."""


def need(good, problem):
    if not good:
        raise InputError(f"error: {problem}")


def checked(params):
    """The params with defaults. vBrain may not have compared them with the schema."""
    unknown = sorted(params.keys() - DEFAULTS.keys())
    need(not unknown, f"unknown params: {', '.join(unknown)}; there are {', '.join(DEFAULTS)}")
    values = {**DEFAULTS, **params}
    for name, (least, most, kinds) in LIMITS.items():
        good = values[name] is DEFAULTS[name] or (type(values[name]) in kinds and least <= values[name] <= most)
        need(good, f"{name} must be a {'whole ' if kinds is WHOLE else ''}number from {least} to {most}, not {json.dumps(values[name])}")
    # A list compares, also with what has no hash.
    need(values["method"] in list(model.METHODS), f"method must be one of {', '.join(model.METHODS)}, not {json.dumps(values['method'])}")
    need(isinstance(values["column"], str), f"column must be a text, not {json.dumps(values['column'])}")
    return values


def read_rows(path):
    """[(number, cells)] of the first sheet, without empty rows."""
    try:
        sheet = load_workbook(path, data_only=True, read_only=True).worksheets[0]
        return [(number, row) for number, row in enumerate(sheet.iter_rows(values_only=True), 1) if any(cell is not None for cell in row)]
    except (BadZipFile, KeyError, ValueError, TypeError, IndexError, SyntaxError, OSError) as error:
        raise InputError(f"error: {path.name} can't be read as a workbook: {error}. Open it in a spreadsheet program and save it as .xlsx") from error


def pick(rows, wanted, name):
    """(Heading, labels, values) of the wanted column, or of the first one whose first value is a number."""
    need(len(rows) > 1, f"{name}: the first sheet needs a row of headings and rows with values below it")
    headings = ["" if cell is None else str(cell) for cell in rows[0][1]]
    usable = [heading == wanted for heading in headings] if wanted else [type(cell) in NUMBER for cell in rows[1][1][:len(headings)]]
    need(any(usable), f"{name} has no column {wanted!r}; its columns are {', '.join(filter(None, headings))}" if wanted else
         f"{name}: no column has a number in its first row. If the cells have formulas, open and save the workbook in a spreadsheet program, which stores their values")
    column = usable.index(True)
    cells = [(number, row[column] if column < len(row) else None) for number, row in rows[1:]]
    for number, cell in cells:
        need(type(cell) in NUMBER, f"{name}: row {number} of {headings[column]!r} has {'no value' if cell is None else repr(cell)} instead of a number")
    labels = [row[0] if column and row[0] is not None else place for place, (_, row) in enumerate(rows[1:], 1)]
    return headings[column], labels, [float(cell) for _, cell in cells]


def labels_after(labels, count):
    """The labels that follow: months or equal steps after dates, numbers after all else."""
    dated = len(labels) > 1 and all(isinstance(label, datetime) for label in labels[-2:])
    last, step = (labels[-1], max(labels[-1] - labels[-2], timedelta(days=1))) if dated else (len(labels), 1)
    if dated and 28 <= step.days <= 31:
        months = [last.year * 12 + last.month - 1 + number for number in range(1, count + 1)]
        return [datetime(month // 12, month % 12 + 1, min(last.day, 28)) for month in months]
    return [last + step * number for number in range(1, count + 1)]


def write_workbook(path, heading, labels, values, found):
    book = Workbook()
    sheet, summary = book.active, book.create_sheet("Summary")
    sheet.title, sheet.column_dimensions["A"].width = "Forecast", 14
    ahead = [[None, *(round(number, 4) for number in numbers)] for numbers in zip(found["forecast"], found["lower"], found["upper"])]
    for label, cells in zip(["period", *labels], [[heading, "forecast", "lower", "upper"], *([value] for value in values), *ahead]):
        sheet.append([label, *cells])
    for name in ("observations", "mean", "growth_percent", "error_percent"):
        summary.append([name, found[name]])
    book.save(path)


def run(params_file, input_dir, output_dir, result_file):
    params = checked(json.loads(params_file.read_text(encoding="utf-8")) if params_file.exists() else {})
    books = sorted(path for path in input_dir.rglob("*.xlsx") if not path.name.startswith("~$")) if input_dir.is_dir() else []
    need(books, "the input has no .xlsx file: send a workbook, or choose a repository that has one")
    print(f"reading {books[0].relative_to(input_dir)}", flush=True)
    heading, labels, values = pick(read_rows(books[0]), params.pop("column"), books[0].name)
    needed = model.needed(params["season"], params["method"])
    need(len(values) >= needed, f"{books[0].name}: {heading!r} has {len(values)} values, and this season and method need {needed}")
    found = model.forecast(values, **params)
    print(f"{len(values)} values of {heading!r}, missed by {found['error_percent']:.2f} % on average, smoothing {json.dumps(found['smoothing'])}", flush=True)
    periods = [label.date() if isinstance(label, datetime) else label for label in labels + labels_after(labels, params["horizon"])]
    write_workbook(output_dir / "forecast.xlsx", heading, periods, values, found)
    chart.draw(output_dir / "chart.png", heading, [str(period) for period in periods], values, found)
    result_file.write_text(json.dumps({"column": heading, "method": params["method"], **found}), encoding="utf-8")
    print("wrote forecast.xlsx and chart.png", flush=True)


if __name__ == "__main__":
    run(*(Path(os.environ[f"VBRAIN_{name}"]) for name in ("PARAMS_FILE", "INPUT_DIR", "OUTPUT_DIR", "RESULT_FILE")))

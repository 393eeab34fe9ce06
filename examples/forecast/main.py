"""Forecast: reads a column of numbers from a workbook and says how it goes on. A vBrain application in Python.

In: the first .xlsx file of the input, and params (application.yaml describes them). Out: a result with numbers and lists,
forecast.xlsx and chart.png. With input that can't be used it prints why to stderr and ends with 1.
"""

import json
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path
from zipfile import BadZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Font

import chart
import model

DEFAULTS = {"column": "", "horizon": 12, "season": 12, "method": "holt-winters", "confidence": 0.9, "smoothing": None}


class InputError(Exception):
    """The input can't be used; the text says why and what to do."""


def checked(params):
    """The params with defaults. vBrain may not have compared them with the schema."""
    unknown = sorted(set(params) - set(DEFAULTS))
    if unknown:
        raise InputError(f"unknown params: {', '.join(unknown)}; there are {', '.join(DEFAULTS)}")
    values = {**DEFAULTS, **params}

    def number(name, least, most, kinds=(int, float)):
        value = values[name]
        if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
            raise InputError(f"{name} must be a {'whole ' if kinds is int else ''}number from {least} to {most}, not {json.dumps(value)}")

    number("horizon", 1, 60, int)
    number("season", 1, 60, int)
    number("confidence", 0.5, 0.99)
    if values["smoothing"] is not None:
        number("smoothing", 0.01, 1)
    if values["method"] not in list(model.METHODS):  # a list compares, also with what has no hash
        raise InputError(f"method must be one of {', '.join(model.METHODS)}, not {json.dumps(values['method'])}")
    if not isinstance(values["column"], str):
        raise InputError(f"column must be a text, not {json.dumps(values['column'])}")
    return values


def read_rows(path):
    """[(number, cells)] of the first sheet, without empty rows."""
    try:
        sheet = load_workbook(path, data_only=True, read_only=True).worksheets[0]
        return [(number, row) for number, row in enumerate(sheet.iter_rows(values_only=True), 1) if any(cell is not None for cell in row)]
    except (BadZipFile, KeyError, ValueError, TypeError, IndexError, SyntaxError, OSError) as error:
        raise InputError(f"{path.name} can't be read as a workbook: {error}. Open it in a spreadsheet program and save it as .xlsx") from error


def pick(rows, wanted, name):
    """(Heading, labels, values) of the wanted column, or of the first one whose first value is a number."""
    if len(rows) < 2:
        raise InputError(f"{name}: the first sheet needs a row of headings and rows with values below it")
    headings = [str(cell) if cell is not None else "" for cell in rows[0][1]]
    if wanted and wanted not in headings:
        raise InputError(f"{name} has no column {wanted!r}; its columns are {', '.join(filter(None, headings))}")
    is_number = [isinstance(cell, (int, float)) and not isinstance(cell, bool) for cell in rows[1][1]]
    if not wanted and not any(is_number):
        raise InputError(f"{name}: no column has a number in its first row. If the cells have formulas, open and save the workbook in a "
                         "spreadsheet program, which stores their values")
    column = headings.index(wanted) if wanted else is_number.index(True)
    labels, values = [], []
    for number, row in rows[1:]:
        cell = row[column] if column < len(row) else None
        if isinstance(cell, bool) or not isinstance(cell, (int, float)):
            raise InputError(f"{name}: row {number} of {headings[column]!r} has {'no value' if cell is None else repr(cell)} instead of a number")
        values.append(float(cell))
        labels.append(row[0] if column and row[0] is not None else len(values))
    return headings[column], labels, values


def labels_after(labels, count):
    """The labels that follow: months or equal steps after dates, numbers after all else."""
    if len(labels) > 1 and all(isinstance(label, datetime) for label in labels[-2:]):
        last, step = labels[-1], labels[-1] - labels[-2]
        if 28 <= step.days <= 31:
            months = [last.year * 12 + last.month - 1 + number for number in range(1, count + 1)]
            return [datetime(month // 12, month % 12 + 1, min(last.day, 28)) for month in months]
        return [last + max(step, timedelta(days=1)) * number for number in range(1, count + 1)]
    return [len(labels) + number for number in range(1, count + 1)]


def as_text(label):
    return f"{label:%Y-%m}" if isinstance(label, datetime) and label.day == 1 else f"{label:%Y-%m-%d}" if isinstance(label, datetime) else str(label)


def write_workbook(path, heading, labels, values, found):
    book = Workbook()
    sheet = book.active
    sheet.title = "Forecast"
    sheet.append(["period", heading, "forecast", "lower", "upper"])
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for label, value in zip(labels, values):
        sheet.append([label, value])
    for label, *numbers in zip(labels[len(values):], found["forecast"], found["lower"], found["upper"]):
        sheet.append([label, None, *(round(number, 4) for number in numbers)])
    for row in sheet.iter_rows(min_row=2, max_col=1):
        if isinstance(row[0].value, datetime):
            row[0].number_format = "yyyy-mm-dd"
    sheet.column_dimensions["A"].width = 14
    sheet.freeze_panes = "A2"
    summary = book.create_sheet("Summary")
    for name in ("observations", "mean", "growth_percent", "error_percent"):
        summary.append([name, found[name]])
    book.save(path)


def run(params_file, input_dir, output_dir, result_file):
    params = checked(json.loads(params_file.read_text(encoding="utf-8")) if params_file.exists() else {})
    books = sorted(path for path in input_dir.rglob("*.xlsx") if not path.name.startswith("~$")) if input_dir.is_dir() else []
    if not books:
        raise InputError("the input has no .xlsx file: send a workbook, or choose a repository that has one")
    print(f"reading {books[0].relative_to(input_dir)}", flush=True)
    heading, labels, values = pick(read_rows(books[0]), params["column"], books[0].name)
    needed = model.least(params["season"] if model.METHODS[params["method"]][2] else 1)
    if len(values) < needed:
        raise InputError(f"{books[0].name}: {heading!r} has {len(values)} values, and this season and method need {needed}")
    print(f"{len(values)} values of {heading!r}, the last is {values[-1]:g}", flush=True)
    found = model.forecast(values, **{name: value for name, value in params.items() if name != "column"})
    print(f"error {found['error_percent']:.2f} %, smoothing {json.dumps(found['smoothing'])}", flush=True)
    labels = labels + labels_after(labels, params["horizon"])
    write_workbook(output_dir / "forecast.xlsx", heading, labels, values, found)
    chart.draw(output_dir / "chart.png", heading, [as_text(label) for label in labels], values, found)
    result_file.write_text(json.dumps({"column": heading, "method": params["method"], **found}), encoding="utf-8")
    print("wrote forecast.xlsx and chart.png", flush=True)


if __name__ == "__main__":
    try:
        run(*(Path(os.environ[f"VBRAIN_{name}"]) for name in ("PARAMS_FILE", "INPUT_DIR", "OUTPUT_DIR", "RESULT_FILE")))
    except InputError as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(1)

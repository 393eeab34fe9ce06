# Workbooks of Python's writers: workbooks.py FOLDER. Run by make.sh.
import datetime
import sys

import openpyxl
import xlsxwriter

folder = sys.argv[1]
when = datetime.datetime(2020, 7, 1, 12, 34, 56)

book = openpyxl.Workbook()
book.active["A1"], book.active["B1"] = "açaí", 2
book.properties.created = book.properties.modified = when
book.save(f"{folder}/openpyxl.xlsx")

streamed = openpyxl.Workbook(write_only=True)
streamed.create_sheet("1").append(["açaí", 2])
streamed.save(f"{folder}/openpyxl-write-only.xlsx")

for name, options in {"xlsxwriter": {}, "xlsxwriter-constant-memory": {"constant_memory": True},
                      "xlsxwriter-zip64": {"use_zip64": True}}.items():
    with xlsxwriter.Workbook(f"{folder}/{name}.xlsx", options) as book:
        book.set_properties({"created": when})
        book.add_worksheet().write_row(0, 0, ["açaí", 2])

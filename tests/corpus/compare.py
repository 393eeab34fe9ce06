#!/usr/bin/env python3
"""compare.py MADE KEPT: compares the files made anew with those kept. Prints what differs; exit code 1 if anything does.

Times and random numbers differ in each run, so what is compared is: of archives and workbooks the names, methods, flags and
contents (without the properties of a workbook, which have the time); of forms the bodies with one boundary for all.
"""
import json
import pathlib
import re
import sys
import zipfile

ENCRYPTED = 1


def archive(path):
    with zipfile.ZipFile(path) as file:
        return [(entry.filename, entry.compress_type, entry.flag_bits,
                 b"" if entry.flag_bits & ENCRYPTED else file.read(entry))
                for entry in file.infolist() if not entry.filename.startswith("docProps/")]


def form(path):
    requests = json.loads(path.read_text())
    for request in requests:
        boundary = re.search(r"boundary=([^;]+)", request["content_type"]).group(1)
        request["content_type"] = request["content_type"].replace(boundary, "boundary")
        request["body"] = request["body"].replace(boundary, "boundary")
    return requests


made, kept = map(pathlib.Path, sys.argv[1:])
READERS = {"archives/*/*.zip": archive, "workbooks/*.xlsx": archive, "forms/*.json": form}
count = 0
wrong = []
for pattern, read in READERS.items():
    names = {str(path.relative_to(made)) for path in made.glob(pattern)}
    count += len(names)
    wrong += [name for name in sorted(names) if not (kept / name).exists() or read(made / name) != read(kept / name)]
    not_made = {str(path.relative_to(kept)) for path in kept.glob(pattern)} - names - {"forms/cases.json"}
    if not_made:
        print("not made: " + ", ".join(sorted(not_made)))
print(f"{count} files made, {len(wrong)} differ: {', '.join(wrong) or 'none'}")
sys.exit(1 if wrong else 0)

#!/usr/bin/env python3
"""Checks that docs/security.md names what exists, and that each row of its tables has a test.

A table with a column `test` has in each row at least one test in that column, or `not tested: ` and why. Between back-quotes in that
column stand tests only: of C++ (Suite.Name), of Python (file.py::name), or files of tests. Tables without the column are listed in WITHOUT.
Elsewhere on the page each path and each test has to exist. Prints one line for each problem. Exit code 1 if there is one.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "security.md"
WITHOUT = {"Who is trusted"}  # titles of tables that list no threats
CPP_TEST = r"[A-Z]\w+\.[A-Z]\w+"
TEST_FILES = r"(tests/.+\.(py|sh|cpp)|web/test/.+\.test\.js)"


def cpp_tests():
    for file in (ROOT / "tests" / "unit").rglob("*.cpp"):
        for suite, name in re.findall(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", file.read_text(encoding="utf-8"), re.MULTILINE):
            yield f"{suite}.{name}"


CPP_TESTS = set(cpp_tests())


def is_there(named):
    """Whether the test or path exists. None: it is no name of either."""
    path, _, test = named.partition("::")
    if re.fullmatch(CPP_TEST, named):
        return named in CPP_TESTS
    if re.fullmatch(r"[\w.-]+(/[\w.-]+)+", path) and ((ROOT / path.split("/")[0]).is_dir() or test):
        file = ROOT / path
        return file.exists() and (not test or re.search(rf"^def {test}\(", file.read_text(encoding="utf-8"), re.MULTILINE) is not None)
    return None


def tables(text):
    """(title, names of the columns, rows as lists of cells) of each table."""
    title, table = "", []
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            title = line.lstrip("# ")
        if line.startswith("|"):
            table.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif table:
            yield title, table[0], table[2:]
            table = []


def problems_of_row(columns, row):
    if len(row) != len(columns):
        yield f"{len(row)} cells in place of {len(columns)}"
        return
    cell = row[columns.index("test")]
    names = re.findall(r"`([^`]+)`", cell)
    for name in names:
        is_test = re.fullmatch(CPP_TEST, name) or re.fullmatch(TEST_FILES, name.partition("::")[0])
        if not is_test or not is_there(name):
            yield f"{name} is no test"
    if not names and not re.match(r"not tested: \w.+", cell):
        yield "no test, and no `not tested: ` with the reason"


def problems(text):
    for title, columns, rows in tables(text):
        if "test" in columns:
            for row in rows:
                yield from (f"{title}, {row[0][:60]}: {problem}" for problem in problems_of_row(columns, row))
        elif title not in WITHOUT:
            yield f"{title}: the table has no column `test`"
    named = set(re.findall(r"`([^`]+)`", text)) | {f"docs/{link}" for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link}
    yield from (f"{name} does not exist" for name in sorted(named) if is_there(name) is False)


if __name__ == "__main__":
    found = list(problems(PAGE.read_text(encoding="utf-8")))
    print("\n".join(found))
    sys.exit(bool(found))

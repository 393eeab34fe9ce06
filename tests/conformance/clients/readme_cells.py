"""Runs the examples of clients/python/README.md one after the other, as the cells of a notebook, and checks what they give.

A program of its own: pandas needs newer packages than pytest has loaded. The identity comes from the environment, as the page says.
"""

import ast
import contextlib
import io
import re
import sys
import time
import zipfile
from pathlib import Path

README = Path(__file__).resolve().parents[3] / "clients" / "python" / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
CHECKS = {}  # what is done before and after an example, by words that stand in it alone
ELSEWHERE = ("callback_url=", "read_webhook")  # need a receiver: tests/clients/test_webhooks.py


def example(words):
    def add(check):
        CHECKS[words] = check
        return check

    return add


class Cells:
    """The names of the notebook, and what the last example printed."""

    def __init__(self, application):
        self.application = application
        self.names = {}
        self.printed = ""

    def run(self, block):
        """Returns the value of the last line, as a notebook shows it."""
        tree = ast.parse(block.replace('"Tutorial"', repr(self.application)).replace("range(100)", "range(3)"))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(tree, "README.md", "exec"), self.names)
            value = eval(compile(ast.Expression(last.value), "README.md", "eval"), self.names) if last else None
        self.printed = out.getvalue()
        return value

    def __getattr__(self, name):
        return self.names[name]


def until(what, holds):
    """A server hears of a key some milliseconds after another one has made or deleted it."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@example("client = Client()")
def first_job(cells, run):
    assert run() == 200


@example("import pandas")
def table(cells, run):
    run()
    assert "table.csv" in cells.printed
    assert cells.result.equals(cells.table * 2), cells.result
    # What CSV has to quote, and an empty cell.
    mixed = cells.pd.DataFrame({"name": ["São Paulo", 'a, "b"\nc', "'"], "y": [1.5, None, -3e300], "n": [1, 2, 3]})
    job = cells.client.run(params={"factor": 10}, files={"data_input.csv": mixed})
    job.wait()
    cells.pd.testing.assert_frame_equal(cells.pd.read_csv(io.BytesIO(job.read("table.csv"))), mixed.assign(n=mixed.n * 10))


@example("as uploader")
def upload(cells, run):
    with zipfile.ZipFile("measurements.zip", "w") as archive:
        archive.writestr("m.csv", "x\n")
    run()


@example('"results/"')
def downloads(cells, run):
    run()
    assert Path("results/table.csv").read_text() == "x,y\n2,6\n4,8\n"
    assert zipfile.ZipFile("output.zip").namelist() == ["table.csv"] and "stdout.log" in zipfile.ZipFile("logs.zip").namelist()


@example("job.events()")
def events_and_logs(cells, run):
    run()
    assert cells.printed.splitlines() == ["finished Completed", "begun"]


@example("job.cancel()")
def changes(cells, run):
    cells.names["job"] = cells.client.run(params={"wait": True})
    run()
    assert (cells.job.info().reason, cells.again.info().ended) == ("Cancelled", False)
    cells.again.cancel()


@example("client.create_repository")
def repository(cells, run):
    Path("input").mkdir()
    Path("input/in.csv").write_text("x\n")
    assert run() == [0, 10, 20, 30, 40]


@example("client.batch")
def batch(cells, run):
    run()
    assert [job.result() for job in cells.jobs] == [0, 10, 20]


@example("asyncio.run")
def asynchronous(cells, run):
    assert run() == [0, 10, 20, 30, 40]


@example("client.iter_jobs")
def lists(cells, run):
    cells.names["job"] = cells.client.run(params={"wait": True})
    run()
    assert cells.job.id in [line.split()[0] for line in cells.printed.splitlines()]
    assert Path("input-again/in.csv").read_text() == "x\n"
    cells.job.cancel()


@example("client.events()")
def all_jobs(cells, run):
    run()
    assert cells.known[cells.job.id].reason == "Cancelled"


@example("client.create_key")
def keys(cells, run):
    old = cells.client.create_key("bot").id
    until("the old key is listed", lambda: old in [each.id for each in cells.client.keys()])
    run()
    assert cells.printed == cells.key.api_key + "\n"
    until("the new key is the only one", lambda: [each.id for each in cells.client.keys() if each.source == "Key"] == [cells.key.id])


@example("InvalidRequest")
def violations(cells, run):
    run()
    assert cells.printed == "/a must be a number, is a string\n"


def words_of(block):
    found = [words for words in (*CHECKS, *ELSEWHERE) if words in block]
    assert len(found) == 1, f"{found} are of this example; it needs a check here:\n{block}"
    return found[0]


if __name__ == "__main__":
    cells = Cells(sys.argv[1])
    for block in BLOCKS:
        words = words_of(block)
        if words in CHECKS:
            CHECKS[words](cells, lambda block=block: cells.run(block))
    print("all examples have run")

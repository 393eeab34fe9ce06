"""Fetches what tests take from package registries into the cache folder: fetch.py

The tests of the installed platform run in the cluster's network, from which no registry can be reached. What can't be fetched is
said in one line; the tests that need it are skipped then, and say why."""

import sys
from pathlib import Path

import python_tools

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "generated"))
import clients  # noqa: E402


def fetch_all():
    lists = ("axe", "pandas", "tuspy", "schemathesis")
    for name, fetch in [*((name, lambda name=name: python_tools.folder(name)) for name in lists),
                        *((fetch.__name__, fetch) for fetch in clients.FETCHES)]:
        try:
            fetch()
        except (RuntimeError, clients.Lacking, OSError) as problem:
            print(f"{name}: {' '.join(str(problem).split())[-300:]}", flush=True)


if __name__ == "__main__":
    fetch_all()

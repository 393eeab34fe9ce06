"""Python packages of the tests that Debian does not have, from PyPI in fixed versions (python-tools.txt, schemathesis.txt).

They are for other processes only: some of Debian's packages that pytest has loaded are older than these need.
"""

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def _cache():
    base = os.environ.get("VBRAIN_CACHE")
    return Path(base) if base else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vbrain"


@functools.cache
def folder(name="python-tools"):
    """The folder with the packages of NAME.txt, installed at the first use. Raises RuntimeError if they cannot be had."""
    wanted = HERE / f"{name}.txt"
    made = _cache() / f"{name}-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:16]}"
    made.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{made}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_dir():
            _install(made, wanted)
    return made


def _install(made, wanted):
    new, venv = Path(f"{made}.new"), Path(f"{made}.venv")
    for old in (new, venv):
        shutil.rmtree(old, ignore_errors=True)
    for command in ([sys.executable, "-m", "venv", venv],
                    [venv / "bin" / "pip", "install", "--disable-pip-version-check", "--quiet", "--no-deps", "--require-hashes",
                     "--only-binary", ":all:", "--target", new, "-r", wanted]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"packages of tests/support/{wanted.name} can't be installed from PyPI: {done.stderr[-500:]}")
    shutil.rmtree(venv)
    new.rename(made)


def environment(name="python-tools"):
    """Environment variables with which another Python finds the packages of NAME.txt."""
    return {**os.environ, "PYTHONPATH": str(folder(name))}

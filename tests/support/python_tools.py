"""Python packages of the tests that Debian does not have, from PyPI in fixed versions (python-tools.txt, schemathesis.txt, those of tests/generated).

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


def cached(name, wanted, install):
    """A folder of the cache that belongs to the content of the file `wanted`. `install(folder)` makes it at the first use."""
    made = _cache() / f"{name}-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:16]}"
    made.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{made}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_dir():
            new = Path(f"{made}.new")
            shutil.rmtree(new, ignore_errors=True)
            install(new)
            new.rename(made)
    return made


@functools.cache
def folder(name="python-tools", wanted=None):
    """The folder with the packages of NAME.txt, or of the file `wanted`, installed at the first use. Raises RuntimeError if
    they cannot be had."""
    wanted = wanted or HERE / f"{name}.txt"
    return cached(name, wanted, functools.partial(_install, wanted=wanted))


def _install(new, wanted):
    venv = Path(f"{new}.venv")
    shutil.rmtree(venv, ignore_errors=True)
    for command in ([sys.executable, "-m", "venv", venv],
                    [venv / "bin" / "pip", "install", "--disable-pip-version-check", "--quiet", "--no-deps", "--require-hashes",
                     "--only-binary", ":all:", "--target", new, "-r", wanted]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"packages of {wanted.name} can't be installed from PyPI: {done.stderr[-500:]}")
    shutil.rmtree(venv)


def environment(name="python-tools"):
    """Environment variables with which another Python finds the packages of NAME.txt."""
    return {**os.environ, "PYTHONPATH": str(folder(name))}

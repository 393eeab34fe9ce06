"""Runs commands with their output in logs, several at a time, and stops them with all their children."""

import ctypes
import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.counts import Count

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / ".local" / "test" / "logs"
PR_SET_PDEATHSIG = 1  # linux/prctl.h
LIBC = ctypes.CDLL(None)
RUNNING = set()  # processes of run()
STOPPED = threading.Event()  # run() begins nothing new


class Interrupted(BaseException):
    pass


class Failed(Exception):
    """A step that tests depend on has failed; its log was shown."""


def say(text):
    print(f"{text}\n", end="", flush=True)  # in one piece, since suites run side by side


def tail(path, lines=60):
    text = path.read_text(errors="replace").splitlines()[-lines:] if path.exists() else []
    return "\n".join("    " + line for line in text)


def run(what, command, log_name, env=None, check=True, hint="", even_if_stopped=False):
    """Runs a command with its output in a log; shows every 30 seconds that it still runs. Returns the exit code."""
    if STOPPED.is_set() and not even_if_stopped:
        raise Interrupted
    log = LOGS / f"{log_name}.log"
    LOGS.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    next_line = 30
    say(f"• {what}")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(part) for part in command], cwd=ROOT, stdout=out, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})}, start_new_session=True,
            # The child dies with this program.
            preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM))
        RUNNING.add(process)
        try:
            if STOPPED.is_set() and not even_if_stopped:
                raise Interrupted
            while True:
                try:
                    code = process.wait(timeout=1)
                    break
                except subprocess.TimeoutExpired:
                    if time.monotonic() - started > next_line:
                        say(f"    {next_line:4d} s  {tail(log, 1).strip()[:110]}")
                        next_line += 30
        except BaseException:
            stop_group(process)
            raise
        finally:
            RUNNING.discard(process)
    if check and code != 0:
        say(f"✗ {what} failed (exit code {code}); the end of {log.relative_to(ROOT)}:\n{tail(log)}")
        if hint:
            say(f"  What to do: {hint}")
        raise Failed(what)
    return code


def stop_group(process):
    """Ends a command and its children: first with SIGTERM, so that traps clean up, then with SIGKILL."""
    for sign, patience in ((signal.SIGTERM, 30), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            return
        try:
            process.wait(timeout=patience)
            return
        except subprocess.TimeoutExpired:
            continue


def run_all(tasks):
    """Calls functions that return a Count, as many at once as there are processors, and returns the sum."""
    total = Count()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for future in [pool.submit(task) for task in tasks]:
                total.add(future.result())
        except BaseException:
            STOPPED.set()
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(RUNNING):
                stop_group(process)
            raise
    return total

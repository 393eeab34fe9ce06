"""The servers as processes of the test, built with failpoints and restarted like by a Deployment."""

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "build" / "dev"


PR_SET_PDEATHSIG = 1  # linux/prctl.h
LIBC = ctypes.CDLL(None)


def end_with_the_test():
    """In the child: the servers die with the test's process."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Program:
    """Restarts a program when it ends. `ends` are the exit codes so far, one for each process that ended."""

    def __init__(self, name, arguments, folder, failpoints):
        self.command = [str(PROGRAMS / "bin" / name), *arguments]
        self.address_file = folder / f"{name}.address"
        self.command += ["--address-file", str(self.address_file)]
        self.log = (folder / f"{name}.log").open("ab")
        self.environment = {**os.environ, "FAILPOINTS": str(failpoints)}
        self._gone = []  # processes that ended
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._process = self._start()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    @property
    def ends(self):
        return [process.returncode for process in self._gone]

    def _start(self):
        return subprocess.Popen(self.command, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
                                env=self.environment, preexec_fn=end_with_the_test)

    def _keep(self):
        while True:
            self._process.wait()
            with self._changed:
                self._gone.append(self._process)
                self._changed.notify_all()
            # A program that can't start must not be restarted in a busy loop.
            if self._stopping.wait(0.2):
                return
            self._process = self._start()

    @contextlib.contextmanager
    def frozen(self):
        """Its process stands still, as on a machine that hangs."""
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    def log_text(self):
        return Path(self.log.name).read_text(errors="replace")

    def kill(self):
        """Kills the process that runs now. Returns when its end is in `ends`."""
        process = self._process
        process.kill()
        with self._changed:
            assert self._changed.wait_for(lambda: process in self._gone, timeout=60), "the killed process did not end"

    def stop(self):
        self._stopping.set()
        self._process.terminate()
        self._thread.join()
        self.log.close()

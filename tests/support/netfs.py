"""Mounts of the pass-through file system that behaves like a network file system (netfs/, built as build/dev/tests/netfs)."""

import os
import socket
import subprocess
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "build" / "dev" / "tests" / "netfs"


def lacks():
    """The reason why this machine can't mount it; empty if it can."""
    if not os.path.exists("/dev/fuse"):
        return "there is no /dev/fuse"
    return "" if os.geteuid() == 0 else "only root may mount for other users"


class NetFs:
    """One client of a file server whose files are in the folder `backing`. Several mounts of one folder are several clients.

    Ends with the object's end(), and with this process. `folder` takes the mount point and the control socket.
    """

    def __init__(self, backing, folder, name="client"):
        self.path = Path(folder) / name
        self.path.mkdir()
        self._socket = Path(folder) / f"{name}.socket"
        self._process = subprocess.Popen([PROGRAM, backing, self.path, self._socket], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, text=True)
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError(f"netfs ended with {self._process.wait()}")

    def command(self, line):
        """Executes one command of netfs/control.hpp and returns the value of its answer as text."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self._socket))
            connection.sendall(line.encode() + b"\n")
            answer = connection.makefile().read().strip()
        if not answer.startswith("ok"):
            raise ValueError(f"{line}: {answer}")
        return answer.removeprefix("ok").strip()

    def hang(self, pattern="*", operations="*", pid=None):
        """Calls that match get no answer until release(), as from an unreachable server; their callers can be killed."""
        return self.command(f"add hang {operations} {pattern}" + (f" pid={pid}" if pid else ""))

    def waiting(self):
        """The number of calls that hang now."""
        return int(self.command("waiting"))

    def release(self):
        """Removes all rules."""
        self.command("clear")

    def end(self):
        """Unmounts; processes that still use the mount get ENOTCONN."""
        self._process.terminate()
        self._process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

"""Downloads into a file that go on where they were cut off, also in a later process."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import ModuleType
from typing import IO, Callable, Dict, Mapping, Optional, Tuple

from .errors import ApiError, ConnectionFailed, Error, TooManyRequests, Unavailable, error_of
from .flows import Answer, Flow, Policy, Request, Sink, pause, send
from .identity import Identity
from .progress import Bar

fcntl: Optional[ModuleType] = None
if os.name == "posix":
    import fcntl

CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class PartFile(Sink):
    """What has come so far: TARGET.part, and the version that it is of in TARGET.part.etag. Open, and locked against other
    downloads of the same target, until finish() or close(). Raises Error if another download has it."""

    def __init__(self, target: Path, bar: Bar) -> None:
        self.target = target
        self.part = target.with_name(target.name + ".part")
        self.note = target.with_name(target.name + ".part.etag")
        self.total: Optional[int] = None
        self._bar = bar
        self._asked_from: Optional[int] = None
        self._file = _open_alone(self.part)

    def known(self) -> Dict[str, str]:
        """The headers that ask for the rest of the version that is there in part."""
        self._asked_from = None
        try:
            size, tag = self.size(), self.note.read_text(encoding="ascii")
        except (OSError, ValueError):
            return {}
        if not (size and tag):
            return {}
        self._asked_from = size
        return {"Range": f"bytes={size}-", "If-Range": tag}

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        length = headers.get("content-length")
        start, self.total = 0, int(length) if length is not None else None
        if status == 206:
            told = headers.get("content-range", "")
            found = CONTENT_RANGE.fullmatch(told)
            if found is None or int(found[1]) != self._asked_from:
                raise ApiError(status, "Invalid Content-Range", f"bytes from {self._asked_from} on were asked for, the answer has {told!r}",
                               headers.get("x-request-id"))
            start = int(found[1])
            if found[2] != "*":
                self.total = int(found[2])
            elif self.total is not None:
                self.total += start
        self._file.truncate(start)
        self._file.seek(start)
        self.note.write_text(headers.get("etag", ""), encoding="ascii")
        self._bar.restart()
        self._bar.add(start)

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._bar.add(len(data))

    def size(self) -> int:
        self._file.flush()
        return os.fstat(self._file.fileno()).st_size

    def forget(self) -> None:
        self._file.truncate(0)
        self._file.seek(0)
        self.note.unlink(missing_ok=True)

    def finish(self) -> None:
        self._file.flush()
        self._while_locked(lambda: os.replace(self.part, self.target))

    def close(self) -> None:
        """Keeps what has come; removes what is empty."""
        if not self._file.closed:
            self._while_locked(self.part.unlink if self.size() == 0 else None)

    def _while_locked(self, last: Optional[Callable[[], None]]) -> None:
        if fcntl is None:
            self._file.close()  # Windows renames and removes no open file
        try:
            if last is not None:
                last()
                self.note.unlink(missing_ok=True)
        finally:
            self._file.close()


def _open_alone(path: Path) -> IO[bytes]:
    """The file, made if it is not there, with a lock that ends when it is closed. No lock on Windows, and where the file system has
    none."""
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+b")
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if fcntl is None or os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file
        except BlockingIOError:
            file.close()
            raise Error(f"{path}: another download of the same target is going on") from None
        except FileNotFoundError:
            pass
        except OSError:
            return file
        file.close()  # its download ended between open() and the lock, so the file has another name now, or none


class Memory(Sink):
    """Takes the body into memory; a cut transfer begins anew."""

    def __init__(self, bar: Bar) -> None:
        self.data = bytearray()
        self._bar = bar

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.data.clear()
        self._bar.restart()

    def write(self, data: bytes) -> None:
        self.data += data
        self._bar.add(len(data))


def _ask(policy: Policy, identity: Identity, path: str, part: PartFile) -> Flow[Answer]:
    headers = {"Accept-Encoding": "identity", **part.known()}
    try:
        return (yield from send(policy, Request(identity, "GET", path, headers=headers, sink=part)))
    except ApiError as refusal:
        if refusal.status != 416:
            raise
    # All is there already, or the part is of nothing that can be continued.
    part.forget()
    part.known()
    return (yield from send(policy, Request(identity, "GET", path, headers={"Accept-Encoding": "identity"}, sink=part)))


def to_file(policy: Policy, identity: Identity, path: str, target: Path, bar: Bar) -> Flow[Path]:
    """Downloads `path` to `target`. What was cut off is continued as long as each try brings some bytes more."""
    part = PartFile(target, bar)
    turn = 0
    try:
        while True:
            before = part.size()
            try:
                answer: Answer = yield from _ask(policy_of_one_try(policy), identity, path, part)
            except (ConnectionFailed, TooManyRequests, Unavailable) as problem:
                turn = 1 if part.size() > before else turn + 1
                if turn >= policy.tries:
                    raise
                yield pause(turn, getattr(problem, "retry_after", None))
                continue
            check(answer, (200, 206))
            if part.total is None or part.size() == part.total:
                part.finish()
                return target
            turn += 1
            if turn >= policy.tries:
                raise ConnectionFailed(f"GET {path}: the answer ended after {part.size()} of {part.total} bytes")
    finally:
        part.close()


def check(answer: Answer, wanted: Tuple[int, ...]) -> None:
    """Raises unless the answer is one with the content."""
    if answer.status == 202:
        raise TimeoutError("the job has not ended")
    if answer.status not in wanted:
        raise error_of(answer.status, answer.headers, answer.body)


def policy_of_one_try(policy: Policy) -> Policy:
    """A try that is cut off goes on with other headers, so send() must not repeat it as it is."""
    return Policy(tries=1, replays=policy.replays)


def to_memory(policy: Policy, identity: Identity, path: str, bar: Bar) -> Flow[bytes]:
    sink = Memory(bar)
    answer = yield from send(policy, Request(identity, "GET", path, headers={"Accept-Encoding": "identity"}, sink=sink))
    check(answer, (200,))
    return bytes(sink.data)


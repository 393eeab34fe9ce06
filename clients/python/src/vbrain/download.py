"""Downloads into a file that go on where they were cut off, also in a later process."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import ModuleType
from typing import IO, Callable, Dict, Mapping, Optional, Tuple

from .content import unexpected
from .errors import ApiError, ConnectionFailed, Error, TooManyRequests, Unavailable
from .flows import Answer, Flow, Policy, Request, Sink, check, pause, send
from .identity import Identity
from .progress import Bar

fcntl: Optional[ModuleType] = None
if os.name == "posix":
    import fcntl

CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
CONTENT_RANGE_OF_REFUSAL = re.compile(r"bytes \*/(\d+)")


def refuse_others(status: int, headers: Mapping[str, str]) -> None:
    """Raises for the page of a proxy, and for bytes that a proxy has packed though they were asked for as they are: neither is the
    file."""
    if "x-request-id" not in headers and "etag" not in headers:  # the server always sends the first, and nearly always the second
        raise unexpected(status, headers, f"bytes of {headers.get('content-type', 'an unknown type')} without X-Request-Id")
    if headers.get("content-encoding", "identity") != "identity":
        raise ApiError(status, "Unexpected Content-Encoding", f"{headers['content-encoding']!r} was not asked for; a proxy on the way must not "
                       "pack files", headers.get("x-request-id"))


class Part(Sink):
    """What has come so far of a file, and the ETag of the version that it is of."""

    def __init__(self, bar: Bar) -> None:
        self.total: Optional[int] = None
        self._bar = bar
        self._asked_from: Optional[int] = None

    def size(self) -> int:
        raise NotImplementedError

    def tag(self) -> str:
        """Empty: none is known."""
        raise NotImplementedError

    def keep(self, size: int, tag: str) -> None:
        """Drops what is behind `size`, and remembers the ETag."""
        raise NotImplementedError

    def known(self) -> Dict[str, str]:
        """The headers that ask for the rest of the version that is there in part."""
        size, tag = self.size(), self.tag()
        self._asked_from = size if size and tag else None
        return {} if self._asked_from is None else {"Range": f"bytes={size}-", "If-Range": tag}

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        refuse_others(status, headers)
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
        self.keep(start, headers.get("etag", ""))
        self._bar.restart()
        self._bar.add(start)

    def take_if_whole(self, headers: Mapping[str, str]) -> bool:
        """Whether, by the headers of a 416, all bytes of the present version are there: then a download was cut off between its last
        byte and its end."""
        size = self.size()
        told = CONTENT_RANGE_OF_REFUSAL.fullmatch(headers.get("content-range", ""))
        if self._asked_from != size or told is None or int(told[1]) != size or headers.get("etag") != self.tag():
            return False
        self.total = size
        self._bar.restart()
        self._bar.add(size)
        return True


class PartFile(Part):
    """TARGET.part, with the ETag in TARGET.part.etag. Open, and locked against other downloads of the same target, until finish() or
    close(). Raises Error if another download has it."""

    blocks = True

    def __init__(self, target: Path, bar: Bar) -> None:
        super().__init__(bar)
        self.target = target
        self.part = target.with_name(target.name + ".part")
        self.note = target.with_name(target.name + ".part.etag")
        self._file = _open_alone(self.part)

    def tag(self) -> str:
        try:
            return self.note.read_text(encoding="ascii")
        except (OSError, ValueError):
            return ""

    def keep(self, size: int, tag: str) -> None:
        self._file.truncate(size)
        self._file.seek(size)
        self.note.write_text(tag, encoding="ascii")

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._bar.add(len(data))

    def size(self) -> int:
        self._file.flush()
        return os.fstat(self._file.fileno()).st_size

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


class Memory(Part):
    def __init__(self, bar: Bar) -> None:
        super().__init__(bar)
        self.data = bytearray()
        self._tag = ""

    def size(self) -> int:
        return len(self.data)

    def tag(self) -> str:
        return self._tag

    def keep(self, size: int, tag: str) -> None:
        del self.data[size:]
        self._tag = tag

    def write(self, data: bytes) -> None:
        self.data += data
        self._bar.add(len(data))


def _ask(policy: Policy, identity: Identity, path: str, part: Part) -> Flow[Answer]:
    headers = {"Accept-Encoding": "identity", **part.known()}
    answer = yield from send(policy, Request(identity, "GET", path, headers=headers, sink=part, accepted=(416,)))
    if answer.status != 416:
        return answer
    if part.take_if_whole(answer.headers):
        return Answer(206, answer.headers)
    part.keep(0, "")  # it is of nothing that can be continued
    part.known()
    return (yield from send(policy, Request(identity, "GET", path, headers={"Accept-Encoding": "identity"}, sink=part)))


def _fetch(policy: Policy, identity: Identity, path: str, part: Part) -> Flow[None]:
    """What was cut off is continued as long as each try brings some bytes more."""
    turn = 0
    while True:
        before = part.size()
        try:
            answer: Answer = yield from _ask(one_try(policy), identity, path, part)
        except (ConnectionFailed, TooManyRequests, Unavailable) as problem:
            turn = 1 if part.size() > before else turn + 1
            if turn >= policy.tries:
                raise
            yield pause(turn, getattr(problem, "retry_after", None))
            continue
        check(answer, (200, 206))
        if part.total is None or part.size() == part.total:
            return
        turn += 1
        if turn >= policy.tries:
            raise ConnectionFailed(f"GET {path}: the answer ended after {part.size()} of {part.total} bytes")


def one_try(policy: Policy) -> Policy:
    """A try that is cut off goes on with other headers, so send() must not repeat it as it is."""
    return Policy(tries=1, replays=policy.replays)


def to_file(policy: Policy, identity: Identity, path: str, target: Path, bar: Bar) -> Flow[Path]:
    """Downloads `path` to `target`."""
    part = PartFile(target, bar)
    try:
        yield from _fetch(policy, identity, path, part)
        part.finish()
        return target
    finally:
        part.close()


def to_memory(policy: Policy, identity: Identity, path: str, bar: Bar) -> Flow[bytes]:
    part = Memory(bar)
    yield from _fetch(policy, identity, path, part)
    return bytes(part.data)

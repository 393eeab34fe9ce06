"""Downloads into a file that go on where they were cut off, also in a later process."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import IO, Dict, Mapping, Optional

from .errors import ApiError, ConnectionFailed, TooManyRequests, Unavailable
from .flows import Answer, Flow, Policy, Request, Sink, pause, send
from .identity import Identity
from .progress import Bar

CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class PartFile(Sink):
    """What has come so far: TARGET.part, and the version that it is of in TARGET.part.etag."""

    def __init__(self, target: Path, bar: Bar) -> None:
        self.target = target
        self.part = target.with_name(target.name + ".part")
        self.note = target.with_name(target.name + ".part.etag")
        self.total: Optional[int] = None
        self._bar = bar
        self._file: Optional[IO[bytes]] = None

    def known(self) -> Dict[str, str]:
        """The headers that ask for the rest of the version that is there in part."""
        try:
            size, tag = self.part.stat().st_size, self.note.read_text(encoding="ascii")
        except (OSError, ValueError):
            return {}
        return {"Range": f"bytes={size}-", "If-Range": tag} if size and tag else {}

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.close()
        found = CONTENT_RANGE.fullmatch(headers.get("content-range", "")) if status == 206 else None
        start = int(found[1]) if found else 0
        have = self.part.stat().st_size if self.part.exists() else 0
        if start > have:
            raise ConnectionFailed(f"the server sent bytes from {start} on, but {have} are there")
        length = headers.get("content-length")
        self.total = start + int(length) if length is not None else None
        self._file = open(self.part, "r+b" if start else "wb")
        self._file.truncate(start)
        self._file.seek(start)
        self.note.write_text(headers.get("etag", ""), encoding="ascii")
        self._bar.restart()
        self._bar.add(start)

    def write(self, data: bytes) -> None:
        assert self._file is not None
        self._file.write(data)
        self._bar.add(len(data))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def forget(self) -> None:
        self.close()
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def finish(self) -> None:
        self.close()
        os.replace(self.part, self.target)
        self.note.unlink(missing_ok=True)


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
                part.close()
                turn = 1 if part.size() > before else turn + 1
                if turn >= policy.tries:
                    raise
                yield pause(turn, getattr(problem, "retry_after", None))
                continue
            if answer.status == 202:
                raise TimeoutError("the job has not ended")
            part.close()
            if part.total is None or part.size() == part.total:
                part.finish()
                return target
            turn += 1
            if turn >= policy.tries:
                raise ConnectionFailed(f"GET {path}: the answer ended after {part.size()} of {part.total} bytes")
    finally:
        part.close()


def policy_of_one_try(policy: Policy) -> Policy:
    """A try that is cut off goes on with other headers, so send() must not repeat it as it is."""
    return Policy(tries=1, replays=policy.replays)


def to_memory(policy: Policy, identity: Identity, path: str, bar: Bar) -> Flow[bytes]:
    sink = Memory(bar)
    answer = yield from send(policy, Request(identity, "GET", path, headers={"Accept-Encoding": "identity"}, sink=sink))
    if answer.status == 202:
        raise TimeoutError("the job has not ended")
    return bytes(sink.data)


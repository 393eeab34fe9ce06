"""Streams: the states of a job or of all jobs as events, and the lines of a log. A stream that is cut off is continued."""

from __future__ import annotations

import codecs
import hashlib
import re
from dataclasses import dataclass
from typing import Any, Callable, Dict, Generator, List, Optional, Tuple, Union

import httpx

from .content import unexpected
from .errors import ConnectionFailed, Error, NotFound
from .flows import TROUBLES, Answer, Pause, Policy, Request, Step, job_path, patient, pause, send
from .identity import Identity
from .models import JobEvent, JobInfo

SILENCE_OF_EVENTS = 45.0  # seconds; the server sends something every 15 seconds
SILENCE_OF_LOGS = 300.0  # seconds; a job may write nothing for long, so the stream is then begun again and what is known is skipped
SILENCE_WITHOUT_RESUME = 24 * 3600.0  # seconds; such a stream can't be continued
LINE_END = re.compile(rb"\r\n|\n|\r")


class Read:
    """A step: the next bytes of the stream that was opened last, or None at its end."""


@dataclass
class Item:
    """A step: gives a value to the caller."""

    value: Any


Stream = Generator[Union[Step, Read, Item], Any, None]


@dataclass
class Event:
    name: str
    data: str
    id: str


class EventParser:
    """Reads Server-Sent Events (HTML standard, 9.2.6) in pieces of any length. `retry`: milliseconds, if the server has told them.
    `last`: the id to come back with; the server also tells one without an event."""

    def __init__(self, last: str = "") -> None:
        self.retry: Optional[int] = None
        self.last = last
        self._rest = b""
        self._begun = False
        self._name, self._id = "", last
        self._data: List[str] = []

    def feed(self, data: bytes) -> List[Event]:
        self._rest += data
        if not self._begun and len(self._rest) >= 3:
            self._rest, self._begun = self._rest[3:] if self._rest.startswith(codecs.BOM_UTF8) else self._rest, True
        *lines, rest = LINE_END.split(self._rest)
        if lines and self._rest.endswith(b"\r"):  # a line feed may follow it
            rest = lines.pop() + b"\r"
        self._rest = rest
        return [event for event in (self._take(line.decode("utf-8", "replace")) for line in lines) if event is not None]

    def _take(self, line: str) -> Optional[Event]:
        if not line:
            name, self._name, data, self._data, self.last = self._name, "", self._data, [], self._id
            return Event(name or "message", "\n".join(data), self._id) if data else None
        field, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if field == "event":
            self._name = value
        elif field == "data":
            self._data.append(value)
        elif field == "id" and "\0" not in value:
            self._id = value
        elif field == "retry" and value.isdecimal() and value.isascii():
            self.retry = int(value)
        return None


def _check_type(answer: Answer, wanted: str) -> None:
    told = answer.headers.get("content-type", "")
    if not told.startswith(wanted):
        raise unexpected(answer.status, answer.headers, f"bytes of {told or 'an unknown type'}, and not of {wanted},")


# Makes of an event what the caller gets, and says whether the stream ends with it.
Reader = Callable[[Event], Tuple[List[Any], bool]]


def _follow(policy: Policy, identity: Identity, path: str, last: str, reader: Callable[[Answer], Reader]) -> Stream:
    """The events behind that with the id `last`. Each connection has a reader of its own."""
    turn = 0
    while True:
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity", **({"Last-Event-ID": last} if last else {})}
        answer: Answer = yield from send(patient(policy), Request(identity, "GET", path, headers=headers, silence=SILENCE_OF_EVENTS))
        if answer.status == 204:
            return
        _check_type(answer, "text/event-stream")
        parser, read = EventParser(last), reader(answer)
        turn += 1
        told = "the stream ended too early"
        try:
            while (data := (yield Read())) is not None:
                turn = 0
                for event in parser.feed(data):
                    values, ended = read(event)
                    for value in values:
                        yield Item(value)
                    if ended:
                        return
                last = parser.last
        except TROUBLES as problem:
            told = f"{type(problem).__name__}: {problem}"
        if turn >= policy.tries:
            raise ConnectionFailed(f"GET {path}: {told}")
        yield Pause(min(30.0, parser.retry / 1000)) if parser.retry is not None else pause(turn, None)


def _told(answer: Answer, event: Event, make: Callable[[Any], Any]) -> Any:
    return Answer(200, answer.headers, event.data.encode("utf-8")).read(make)


def events(policy: Policy, identity: Identity, job_id: str) -> Stream:
    """The states of a job, first the present one, up to its end. A state that was given is not repeated after a cut."""
    def reader(answer: Answer) -> Reader:
        def read(event: Event) -> Tuple[List[Any], bool]:
            if event.name == "deleted":
                raise NotFound(404, "Invalid job_id", "the job was deleted", answer.headers.get("x-request-id"))
            if event.name != "job":
                return [], False
            seen: JobInfo = _told(answer, event, JobInfo.of)
            return [seen], seen.ended
        return read

    return _follow(policy, identity, f"{job_path(job_id)}/events", "", reader)


def tenant_events(policy: Policy, identity: Identity, last: str) -> Stream:
    """The events of all jobs, without an end. The parts of a full state are one event, so a part that came before a cut is dropped."""
    def reader(answer: Answer) -> Reader:
        parts: List[JobInfo] = []

        def read_state(told: Any) -> bool:
            parts.extend(JobInfo.of(each) for each in told["jobs"])
            return bool(told["last"])

        def read(event: Event) -> Tuple[List[Any], bool]:
            if event.name == "job":
                seen: JobInfo = _told(answer, event, JobInfo.of)
                return [JobEvent("job", event.id, [seen], seen.id)], False
            if event.name == "deleted":
                return [JobEvent("deleted", event.id, [], _told(answer, event, lambda told: str(told["job_id"])))], False
            if event.name != "state" or not _told(answer, event, read_state):
                return [], False
            whole, parts[:] = list(parts), []
            return [JobEvent("state", event.id, whole)], False
        return read

    return _follow(policy, identity, "/events", last, reader)


class Lines:
    """Cuts a text in UTF-8 into lines without their ends."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest: List[str] = []

    def feed(self, data: bytes, final: bool = False) -> List[str]:
        first, *more = self._decoder.decode(data, final).split("\n")
        self._rest.append(first)
        if not more:
            return []
        lines = ["".join(self._rest), *more[:-1]]
        self._rest = [more[-1]]
        return lines

    def end(self) -> List[str]:
        lines = self.feed(b"", final=True)
        rest = "".join(self._rest)
        return lines + ([rest] if rest else [])


class Known:
    """How much of a log was given already, and its digest. After a cut the server sends the log from its beginning."""

    def __init__(self) -> None:
        self._length = 0
        self._digest = hashlib.sha256()
        self.restart()

    def restart(self) -> None:
        self._left = self._length
        self._again = hashlib.sha256()

    def new(self, data: bytes) -> bytes:
        """What of `data` was not given before. Raises Error if what was given is another text now."""
        again, fresh = data[:self._left], data[self._left:]
        if self._left:
            self._again.update(again)
            self._left -= len(again)
            if self._left == 0 and self._again.digest() != self._digest.digest():
                self.fail()
        self._length += len(fresh)
        self._digest.update(fresh)
        return fresh

    def end(self) -> None:
        if self._left:
            self.fail()

    def fail(self) -> None:
        raise Error("the log is another one than before the connection was cut: it went beyond its limit, or the application has shortened or "
                    "rotated the file. Read it again from the beginning, or with `tail`")


def logs(policy: Policy, identity: Identity, job_id: str, follow: bool, stream: str, file: Optional[str], tail: Optional[int]) -> Stream:
    """The lines of a log. `both`, and a part from the end, are not the same text the next time, so they are not continued."""
    path, resumable, turn = f"{job_path(job_id)}/logs/stream", tail is None and (file is not None or stream != "both"), 0
    query: Dict[str, Any] = {"follow": "true" if follow else "false", **({"stream": stream} if file is None else {"file": file}),
                             **({} if tail is None else {"tail": tail})}
    known, lines = Known(), Lines()
    while True:
        known.restart()
        request = Request(identity, "GET", path, query, {"Accept-Encoding": "identity"},
                          silence=SILENCE_OF_LOGS if resumable else SILENCE_WITHOUT_RESUME)
        answer: Answer = yield from send(patient(policy), request)
        _check_type(answer, "text/plain")
        turn += 1
        try:
            while (data := (yield Read())) is not None:
                fresh = known.new(data)
                turn = 0 if fresh else turn
                for line in lines.feed(fresh):
                    yield Item(line)
        except TROUBLES as problem:
            told = f"GET {path}: {type(problem).__name__}: {problem}"
            if not resumable:
                raise ConnectionFailed(f"{told}; a stream of `both` or with `tail` can't be continued, one of `stdout` or `stderr` alone can") from problem
            if isinstance(problem, httpx.ReadTimeout):
                turn = 0
            elif turn >= policy.tries:
                raise ConnectionFailed(told) from problem
            yield pause(turn, None)
            continue
        known.end()
        for line in lines.end():
            yield Item(line)
        return

"""What the clients do, as generators: each yields steps (a request, a pause) and gets their outcomes. They do no I/O, so
the blocking client and the asynchronous one share them."""

from __future__ import annotations

import json
import random
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Generator, List, Mapping, Optional, TypeVar, Union
from urllib.parse import quote

import httpx

from .errors import ConnectionFailed, JobFailed, TooManyRequests, Unavailable, error_of, seconds_of
from .files import Counted, Upload
from .identity import Identity
from .models import Created, File, JobInfo
from .progress import Bar

LONGEST_WAIT = 50  # seconds of one request; many proxies give up after 60
LONGEST_PAUSE = 30.0
TIME_TO_ANSWER = 5.0  # what a request gets beyond a time limit, so that an answer at its very end still comes


class Deadline:
    """The end of a wait. None: no end."""

    def __init__(self, seconds: Optional[float], clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._end = None if seconds is None else clock() + seconds

    def left(self) -> Optional[float]:
        return None if self._end is None else max(0.0, self._end - self.clock())

    def wait(self) -> int:
        """What the server is asked to wait, in whole seconds."""
        left = self.left()
        return int(LONGEST_WAIT if left is None else min(LONGEST_WAIT, left))

    def cut(self, step: Pause) -> Pause:
        left = self.left()
        return step if left is None else Pause(min(step.seconds, left))


NO_END = Deadline(None)


@dataclass
class Pause:
    seconds: float


@dataclass
class Request:
    """A request to the API. With `sink` the body of a success goes there in pieces: first sink.begin(status, headers)."""

    identity: Identity
    method: str
    path: str
    query: Dict[str, Any] = field(default_factory=dict)
    headers: Dict[str, str] = field(default_factory=dict)
    json: Any = None
    form: Optional[Dict[str, str]] = None
    upload: Optional[Upload] = None
    bar: Bar = field(default_factory=Bar)
    sink: Optional[Sink] = None
    limit: Optional[float] = None  # seconds, for each of connecting, sending and reading

    def arguments(self) -> Dict[str, Any]:
        """Those of httpx.Client.build_request()."""
        headers = self.identity.headers() + [(name.encode(), value.encode()) for name, value in self.headers.items()]
        made: Dict[str, Any] = {"method": self.method, "url": self.identity.url + self.path, "headers": headers}
        if self.query:
            made["params"] = self.query
        if self.upload is not None:
            self.upload.file.seek(0)
            self.bar.restart()
            made["files"] = {"file": (self.upload.name, Counted(self.upload.file, self.bar.add))}
            made["data"] = self.form or {}
        elif self.json is not None:
            made["json"] = self.json
        return made


class Sink:
    """Takes the body of a success."""

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        raise NotImplementedError


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)


Step = Union[Request, Pause]
T = TypeVar("T")
Flow = Generator[Step, Any, T]


@dataclass
class Policy:
    """How often a request is repeated, and what is known about the server."""

    tries: int = 5
    replays: Optional[bool] = None  # whether the server knows Idempotency-Key; None: not asked yet


def pause(turn: int, told: Optional[float]) -> Pause:
    if told is not None:
        return Pause(min(told, LONGEST_PAUSE))
    return Pause(random.uniform(0.5, 1.0) * min(LONGEST_PAUSE, 0.5 * 2 ** turn))


def _replays(policy: Policy, identity: Identity) -> Flow[bool]:
    """Whether the server answers a repeated POST with the first answer. Its OpenAPI document says so."""
    if policy.replays is None:
        try:
            answer: Answer = yield Request(identity, "GET", "/openapi.json")
            told = answer.json()["paths"]["/job/execute"]["post"]["parameters"] if answer.status == 200 else []
            policy.replays = any(item.get("name", item.get("$ref", "")).endswith(("Idempotency-Key", "IdempotencyKey"))
                                 for item in told)
        except httpx.TransportError:
            return False  # asked again the next time
        except (ValueError, KeyError, TypeError):
            policy.replays = False
    return policy.replays


def send(policy: Policy, request: Request, deadline: Deadline = NO_END) -> Flow[Answer]:
    """The answer with a status below 300, or an ApiError. Repeats what may be repeated: reads and deletions always, others if
    nothing was sent or the server replays its answer. Raises TimeoutError when the deadline is over before there is an answer."""
    turn = 0
    while True:
        turn += 1
        safe = request.method != "POST"
        left = deadline.left()
        request.limit = None if left is None else left + TIME_TO_ANSWER
        answer: Optional[Answer] = None
        try:
            answer = yield request
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol):
            pass  # it would fail again
        except httpx.TransportError as problem:
            if deadline.left() == 0:
                raise TimeoutError(f"{request.method} {request.path}: no answer in time: {type(problem).__name__}: {problem}") from problem
            safe = safe or isinstance(problem, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
            if turn >= policy.tries or not (safe or (yield from _replays(policy, request.identity))):
                raise ConnectionFailed(f"{request.method} {request.path}: {type(problem).__name__}: {problem}") from problem
            yield deadline.cut(pause(turn, None))
            continue
        if answer is None:  # raised here, because the exception of the HTTP library has the text of a header
            raise ConnectionFailed(f"{request.method} {request.path}: this can't be sent by HTTP: the address needs http:// or https://, "
                                   "and repository_id and idempotency_key take no control characters")
        if answer.status < 300:
            return answer
        refusal = error_of(answer.status, answer.headers, answer.body)
        if request.method == "DELETE" and answer.status == 404 and turn > 1:
            return answer  # an earlier try deleted it, and its answer was lost
        if not isinstance(refusal, (Unavailable, TooManyRequests)) or turn >= policy.tries:
            raise refusal
        safe = safe or isinstance(refusal, TooManyRequests)
        if not (safe or (yield from _replays(policy, request.identity))):
            raise refusal
        if deadline.left() == 0:
            raise TimeoutError(f"{request.method} {request.path}: no answer in time: {refusal}") from refusal
        yield deadline.cut(pause(turn, refusal.retry_after))


def get_json(policy: Policy, identity: Identity, path: str, query: Optional[Dict[str, Any]] = None,
             repository_id: Optional[str] = None) -> Flow[Any]:
    headers = {"repository_id": repository_id} if repository_id else {}
    answer = yield from send(policy, Request(identity, "GET", path, query or {}, headers))
    return answer.json()


def delete(policy: Policy, identity: Identity, path: str) -> Flow[None]:
    yield from send(policy, Request(identity, "DELETE", path))


def submit(policy: Policy, identity: Identity, path: str, params: Optional[Mapping[str, Any]], upload: Optional[Upload],
           metadata: Optional[Mapping[str, Any]], repository_id: Optional[str], key: Optional[str], bar: Bar) -> Flow[Answer]:
    """POST /job/execute or /repository. Every try has the same Idempotency-Key."""
    parts = {name: value for name, value in (("params", params), ("metadata", metadata)) if value is not None}
    request = Request(identity, "POST", path, headers={"Idempotency-Key": key or str(uuid.uuid4())}, upload=upload, bar=bar)
    if repository_id:
        request.headers["repository_id"] = repository_id
    if upload is None:
        request.json = parts
    else:
        request.form = {name: json.dumps(value) for name, value in parts.items()}
    return (yield from send(policy, request))


def execute(policy: Policy, identity: Identity, params: Optional[Mapping[str, Any]], upload: Optional[Upload],
            metadata: Optional[Mapping[str, Any]], repository_id: Optional[str], key: Optional[str], bar: Bar) -> Flow[Created]:
    answer = yield from submit(policy, identity, "/job/execute", params, upload, metadata, repository_id, key, bar)
    told = answer.json()
    return Created(told["job_id"], told.get("repository_id", repository_id), list(told.get("notes", [])))


def create_repository(policy: Policy, identity: Identity, params: Optional[Mapping[str, Any]], upload: Optional[Upload],
                      metadata: Optional[Mapping[str, Any]], key: Optional[str], bar: Bar) -> Flow[str]:
    answer = yield from submit(policy, identity, "/repository", params, upload, metadata, None, key, bar)
    return str(answer.json()["repository_id"])


def info(policy: Policy, identity: Identity, job_id: str) -> Flow[JobInfo]:
    return JobInfo.of((yield from get_json(policy, identity, f"/job/{quote(job_id, safe='')}", {"jobs": "false"})))


def pause_after(answer: Answer, waited: float, wait: int, deadline: Deadline) -> Optional[Pause]:
    """The pause after a 202 without news. A server where too many wait answers at once; without a pause it would be asked without end."""
    if waited >= wait / 2:
        return None
    told = seconds_of(answer.headers.get("retry-after"))
    return deadline.cut(pause(1, 1.0 if told is None else told))


def wait_for(policy: Policy, identity: Identity, job_id: str, deadline: Deadline, bar: Bar) -> Flow[JobInfo]:
    """Asks again whenever the state has changed or a request's time is over, until the job has ended."""
    before = ""
    while True:
        wait, begun = deadline.wait(), deadline.clock()
        request = Request(identity, "GET", f"/job/{quote(job_id, safe='')}", {"jobs": "false", **({"wait": wait} if wait else {})})
        answer = yield from send(policy, request, deadline)
        seen = JobInfo.of(answer.json())
        bar.say(f"{seen.status} {seen.reason}".strip())
        if seen.ended:
            return seen
        left = deadline.left()
        if left is not None and left < 1:
            raise TimeoutError(f"job {job_id} is still {seen.status}")
        step = pause_after(answer, deadline.clock() - begun, wait, deadline)
        if seen.status == before and step is not None:
            yield step
        before = seen.status


def result(policy: Policy, identity: Identity, job_id: str, deadline: Deadline, bar: Bar) -> Flow[Any]:
    seen = yield from wait_for(policy, identity, job_id, deadline, bar)
    if seen.status == "failed":
        raise JobFailed(seen)
    while True:  # another server may not know yet that the job has ended
        request = Request(identity, "GET", f"/job/{quote(job_id, safe='')}/result", {"wait": deadline.wait()})
        answer = yield from send(policy, request, deadline)
        if answer.status != 202:
            break
        if deadline.left() == 0:
            raise TimeoutError(f"job {job_id} is {seen.status}, but its result is not there yet")
        yield deadline.cut(pause(1, seconds_of(answer.headers.get("retry-after"))))
    return answer.json()["output"]


def output_files(policy: Policy, identity: Identity, job_id: str) -> Flow[List[File]]:
    return [File.of(each) for each in (yield from get_json(policy, identity, f"/job/{quote(job_id, safe='')}/output/files"))]

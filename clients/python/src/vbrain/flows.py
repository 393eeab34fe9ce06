"""What the clients do, as generators: each yields steps (a request, a pause) and gets their outcomes. They do no I/O, so
the blocking client and the asynchronous one share them. The flows of streams are in streams.py, those of large uploads in uploads.py."""

from __future__ import annotations

import random
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, AsyncIterator, Callable, Dict, Generator, Iterator, List, Mapping, Optional, Sequence, Tuple, TypeVar, Union
from urllib.parse import quote

import httpx

from .content import Piece, encode, read_answer
from .errors import ApiError, ConnectionFailed, JobFailed, ServerError, TooManyRequests, Unavailable, error_of, seconds_of
from .files import Counted, Stored, Upload
from .identity import Identity
from .models import Created, File, JobInfo
from .progress import Bar

T = TypeVar("T")
LONGEST_WAIT = 50  # seconds of one request; many proxies give up after 60
LONGEST_PAUSE = 30.0
PATIENCE = 4  # times the repetitions of other requests: about four minutes of an outage do not end a wait
TIME_TO_ANSWER = 5.0  # what a request gets beyond a time limit, so that an answer at its very end still comes


# What sending a request may raise. A body that can't be decoded and an address that is none are no TransportError.
TROUBLES = (httpx.RequestError, httpx.InvalidURL)
NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


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
    """A request to the API. With `sink` the body of a success goes there in pieces: first sink.begin(status, headers). With
    `silence` the body of a 200 is read by Read steps (streams.py), each of so many seconds at most."""

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
    piece: Optional[Piece] = None  # of a file, as the body
    silence: Optional[float] = None
    stores: bool = False  # the server writes much before it answers
    repeatable: Optional[bool] = None  # None: all but POST and PATCH
    accepted: Tuple[int, ...] = ()  # statuses that are answers and no exceptions

    def is_repeatable(self) -> bool:
        return self.method not in ("POST", "PATCH") if self.repeatable is None else self.repeatable

    def arguments(self, body: Callable[[Piece], Union[Iterator[bytes], AsyncIterator[bytes]]]) -> Dict[str, Any]:
        """Those of httpx.Client.build_request(). `body` makes what the client sends of a piece."""
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
            headers.append((b"Content-Type", b"application/json"))
            made["content"] = encode(self.json)
        elif self.piece is not None:
            headers.append((b"Content-Length", str(self.piece.length).encode()))
            made["content"] = body(self.piece)
        return made


class Sink:
    """Takes the body of a success. `blocks`: write() waits for a disk."""

    blocks = False

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        raise NotImplementedError


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    def read(self, make: Callable[[Any], T]) -> T:
        """What `make` makes of the JSON. Raises ApiError if it is none, or another one: a login page of a proxy, another service."""
        return read_answer(self.status, self.headers, self.body, make)


Step = Union[Request, Pause]
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


def patient(policy: Policy) -> Policy:
    """For waits: a job of hours is not lost to a network that is away for minutes. With one try it stays one."""
    return Policy(1 + PATIENCE * (policy.tries - 1), policy.replays)


def _keyed(told: Any) -> bool:
    parameters = told["paths"]["/job/execute"]["post"]["parameters"]
    return any(item.get("name", item.get("$ref", "")).endswith(("Idempotency-Key", "IdempotencyKey")) for item in parameters)


def _replays(policy: Policy, identity: Identity) -> Flow[Optional[bool]]:
    """Whether the server answers a repeated POST with the first answer. One with resumable uploads does, because they came later; that
    is a short answer, which a bad network lets pass. Else its OpenAPI document says so, which the operator may have turned off. None: no
    answer of the server, so ask again."""
    if policy.replays is None:
        try:
            uploads: Answer = yield Request(identity, "OPTIONS", "/uploads")
            if uploads.status == 204 and "tus-version" in uploads.headers:
                policy.replays = True
            elif uploads.status < 500 and uploads.status != 429:
                document: Answer = yield Request(identity, "GET", "/openapi.json")
                if document.status == 200:
                    policy.replays = document.read(_keyed)
                elif _is_not_there(uploads) and _is_not_there(document):
                    policy.replays = False
        except (*TROUBLES, ApiError):
            pass
    return policy.replays


def _is_not_there(answer: Answer) -> bool:
    """Whether the server itself says that it has no such path: proxies answer with pages of their own while it restarts."""
    try:
        return answer.status in (404, 405) and answer.read(lambda told: isinstance(told["error"], str))
    except ApiError:
        return False


def _raise_unsendable(request: Request, problem: Exception) -> None:
    """For what would fail again. Without the text of the HTTP library, which may have the value of a header."""
    what = f"{request.method} {request.path}: this can't be sent by HTTP: "
    if isinstance(problem, (httpx.UnsupportedProtocol, httpx.InvalidURL)):
        raise ConnectionFailed(what + "the address needs http:// or https://, a host and a port that is a number")
    changed = "" if request.upload is None and request.piece is None else ", and a file may not change while it is sent"
    raise ConnectionFailed(what + "repository_id, idempotency_key and last_event_id take no control characters" + changed)


@dataclass
class Trouble:
    """A try without success that may be repeated. `nothing_done`: the server surely did nothing for it."""

    failure: Exception
    text: str
    nothing_done: bool
    retry_after: Optional[float] = None


def _again(policy: Policy, request: Request, deadline: Deadline, trouble: Trouble, turn: int) -> Flow[int]:
    """Pauses until the request may be sent again, and returns the number of tries so far. Raises the failure if it may not, or
    TimeoutError at the deadline. A question whether it may counts as a try if it gets no answer."""
    safe = trouble.nothing_done or request.is_repeatable()
    keyed = "Idempotency-Key" in request.headers
    while True:
        if deadline.left() == 0:
            raise TimeoutError(f"{request.method} {request.path}: no answer in time: {trouble.text}") from trouble.failure
        if turn >= policy.tries or not (safe or keyed and policy.replays is not False):
            raise trouble.failure
        yield deadline.cut(pause(turn, trouble.retry_after))
        if safe or (yield from _replays(policy, request.identity)):
            return turn
        if policy.replays is None:
            turn += 1


def send(policy: Policy, request: Request, deadline: Deadline = NO_END) -> Flow[Answer]:
    """The answer with a status below 300 or in request.accepted, or an ApiError. Repeats what may be repeated: reads and deletions
    always, others if nothing was done or if they have an Idempotency-Key and the server replays its answer. Raises TimeoutError when the deadline is over before there is
    an answer."""
    turn, may_be_done = 0, False
    while True:
        turn += 1
        left = deadline.left()
        request.limit = None if left is None else left + TIME_TO_ANSWER
        answer: Optional[Answer] = None
        unsendable: Optional[Exception] = None
        trouble: Optional[Trouble] = None
        try:
            answer = yield request
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL) as problem:
            unsendable = problem
        except httpx.RequestError as problem:
            text = f"{type(problem).__name__}: {problem}"
            trouble = Trouble(ConnectionFailed(f"{request.method} {request.path}: {text}"), text, isinstance(problem, NOTHING_SENT))
            trouble.failure.__cause__ = problem
        if unsendable is not None:  # not in the handler, because the exception would be the context
            _raise_unsendable(request, unsendable)
        if answer is not None:
            if answer.status < 300 or answer.status in request.accepted:
                return answer
            refusal = error_of(answer.status, answer.headers, answer.body)
            if request.method == "DELETE" and answer.status == 404 and may_be_done:
                return answer  # an earlier try deleted it, and its answer was lost
            nothing_done = isinstance(refusal, TooManyRequests) or answer.status == 408
            # After a 500 the job may be half made; the same request completes it (docs/api.md).
            completes = answer.status == 500 and "Idempotency-Key" in request.headers
            if not (nothing_done or completes or isinstance(refusal, Unavailable)):
                raise refusal
            trouble = Trouble(refusal, str(refusal), nothing_done, refusal.retry_after)
        assert trouble is not None
        may_be_done = may_be_done or not trouble.nothing_done
        turn = yield from _again(policy, request, deadline, trouble, turn)


def get_json(policy: Policy, identity: Identity, path: str, query: Optional[Dict[str, Any]] = None,
             repository_id: Optional[str] = None) -> Flow[Any]:
    headers = {"repository_id": repository_id} if repository_id else {}
    answer = yield from send(policy, Request(identity, "GET", path, query or {}, headers))
    return answer.read(lambda told: told)


def delete(policy: Policy, identity: Identity, path: str) -> Flow[None]:
    yield from send(policy, Request(identity, "DELETE", path))


def given(**values: Any) -> Dict[str, Any]:
    """The values that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def submit(policy: Policy, identity: Identity, path: str, params: Optional[Mapping[str, Any]], upload: Union[None, Upload, Stored],
           metadata: Optional[Mapping[str, Any]], repository_id: Optional[str], key: Optional[str], bar: Bar,
           terms: Mapping[str, Any]) -> Flow[Answer]:
    """POST /job/execute or /repository. Every try has the same Idempotency-Key."""
    parts = given(params=params, metadata=metadata)
    request = Request(identity, "POST", path, headers={"Idempotency-Key": key or str(uuid.uuid4())}, bar=bar, stores=upload is not None)
    if repository_id:
        request.headers["repository_id"] = repository_id
    if isinstance(upload, Stored):
        request.headers["upload_id"] = upload.upload_id
        upload = None
    request.upload = upload
    if upload is None:
        request.json = {**parts, **terms}
    else:
        request.form = {**{name: encode(value).decode() for name, value in parts.items()},
                        **{name: str(value) for name, value in terms.items()}}
    return (yield from send(policy, request))


def execute(policy: Policy, identity: Identity, params: Optional[Mapping[str, Any]], upload: Union[None, Upload, Stored],
            metadata: Optional[Mapping[str, Any]], repository_id: Optional[str], key: Optional[str], bar: Bar,
            terms: Mapping[str, Any]) -> Flow[Created]:
    """`terms`: priority and callback_url, if there are such."""
    answer = yield from submit(policy, identity, "/job/execute", params, upload, metadata, repository_id, key, bar, terms)
    return answer.read(lambda told: Created(told["job_id"], told.get("repository_id", repository_id), list(told.get("notes", []))))


def create_repository(policy: Policy, identity: Identity, params: Optional[Mapping[str, Any]],
                      upload: Union[None, Upload, Stored], metadata: Optional[Mapping[str, Any]], key: Optional[str], bar: Bar) -> Flow[str]:
    answer = yield from submit(policy, identity, "/repository", params, upload, metadata, None, key, bar, {})
    return answer.read(lambda told: str(told["repository_id"]))


def batch(policy: Policy, identity: Identity, repository_id: str, params: Sequence[Mapping[str, Any]],
          metadata: Optional[Mapping[str, Any]], key: Optional[str], terms: Mapping[str, Any]) -> Flow[List[Created]]:
    """POST /job/batch."""
    headers = {"Idempotency-Key": key or str(uuid.uuid4()), "repository_id": repository_id}
    parts = {"params": list(params), **given(metadata=metadata), **terms}
    answer = yield from send(policy, Request(identity, "POST", "/job/batch", headers=headers, json=parts, stores=True))
    return answer.read(lambda told: [Created(str(job_id), repository_id, []) for job_id in told["job_ids"]])


def retry(policy: Policy, identity: Identity, job_id: str, key: Optional[str]) -> Flow[Created]:
    """POST /job/:job_id/retry."""
    request = Request(identity, "POST", f"{job_path(job_id)}/retry", headers={"Idempotency-Key": key or str(uuid.uuid4())}, stores=True)
    answer = yield from send(policy, request)
    return answer.read(lambda told: Created(told["job_id"], told.get("repository_id"), list(told.get("notes", []))))


def change(policy: Policy, identity: Identity, job_id: str, what: str) -> Flow[None]:
    """POST /job/:job_id/cancel, suspend or resume, which may be repeated."""
    yield from send(policy, Request(identity, "POST", f"{job_path(job_id)}/{what}", repeatable=True))


def job_path(job_id: str) -> str:
    return f"/job/{quote(job_id, safe='')}"


def repository_path(repository_id: str) -> str:
    return f"/repository/{quote(repository_id, safe='')}"


def file_path(path: str, name: str) -> str:
    """Of a file in the output or the input with this path."""
    return f"{path}/files/{quote(name, safe='')}"


def info(policy: Policy, identity: Identity, job_id: str) -> Flow[JobInfo]:
    answer = yield from send(policy, Request(identity, "GET", job_path(job_id), {"jobs": "false"}))
    return answer.read(JobInfo.of)


def of_ended(policy: Policy, identity: Identity, job_id: str, flow: Flow[T]) -> Flow[T]:
    """`flow`, which needs a job that has finished. Raises JobFailed if the job has failed."""
    try:
        return (yield from flow)
    except ServerError as refusal:
        if (refusal.status, refusal.error) != (500, "Job failed"):
            raise
    raise JobFailed((yield from info(policy, identity, job_id)))


def pause_after(answer: Answer, waited: float, wait: int, deadline: Deadline) -> Optional[Pause]:
    """The pause after a 202 without news. A server where too many wait answers at once; without a pause it would be asked without end."""
    if waited >= wait / 2:
        return None
    told = seconds_of(answer.headers.get("retry-after"))
    return deadline.cut(pause(1, 1.0 if told is None else told))


def wait_for(policy: Policy, identity: Identity, job_id: str, deadline: Deadline, bar: Bar) -> Flow[JobInfo]:
    """Asks again whenever the state has changed or a request's time is over, until the job has ended. The server waits whole
    seconds; the last part of a second is a pause."""
    before = ""
    while True:
        wait, begun = deadline.wait(), deadline.clock()
        request = Request(identity, "GET", job_path(job_id), {"jobs": "false", **({"wait": wait} if wait else {})})
        answer = yield from send(patient(policy), request, deadline)
        seen = answer.read(JobInfo.of)
        bar.say(f"{seen.status} {seen.reason}".strip())
        if seen.ended:
            return seen
        left = deadline.left()
        if left == 0:
            raise TimeoutError(f"job {job_id} is still {seen.status}")
        step = pause_after(answer, deadline.clock() - begun, wait, deadline)
        if left is not None and left < 1:
            yield Pause(left)
        elif seen.status == before and step is not None:
            yield step
        before = seen.status


def result(policy: Policy, identity: Identity, job_id: str, deadline: Deadline, bar: Bar) -> Flow[Any]:
    seen = yield from wait_for(policy, identity, job_id, deadline, bar)
    if seen.status == "failed":
        raise JobFailed(seen)
    while True:  # another server may not know yet that the job has ended
        request = Request(identity, "GET", f"{job_path(job_id)}/result", {"wait": deadline.wait()})
        answer = yield from send(patient(policy), request, deadline)
        if answer.status != 202:
            break
        if deadline.left() == 0:
            raise TimeoutError(f"job {job_id} is {seen.status}, but its result is not there yet")
        yield deadline.cut(pause(1, seconds_of(answer.headers.get("retry-after"))))
    return answer.read(lambda told: told["output"])


def check(answer: Answer, wanted: Tuple[int, ...]) -> None:
    """Raises unless the answer is one with the content."""
    if answer.status == 202:
        raise TimeoutError("the job has not ended")
    if answer.status not in wanted:
        raise error_of(answer.status, answer.headers, answer.body)


def files(policy: Policy, identity: Identity, path: str) -> Flow[List[File]]:
    """The files of the output or the input with this path."""
    answer = yield from send(policy, Request(identity, "GET", f"{path}/files"))
    check(answer, (200,))
    return answer.read(lambda told: [File.of(each) for each in told])

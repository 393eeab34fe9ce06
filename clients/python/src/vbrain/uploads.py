"""Large files in several requests, by tus 1.0.0: what is acknowledged is not sent again when the connection is cut."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Callable, Dict, Optional, TypeVar
from urllib.parse import quote

from .content import Piece
from .download import one_try
from .errors import ApiError, ConnectionFailed, TooManyRequests, Unavailable
from .files import Stored, Upload
from .flows import Answer, Flow, Policy, Request, patient, pause, send
from .identity import Identity
from .progress import Bar

T = TypeVar("T")
RESUMABLE_FROM = 32 << 20  # bytes; a smaller file is sent again as a whole
CHUNK = 32 << 20  # bytes of one request. A proxy may collect it before the server sees its first byte
TUS = {"Tus-Resumable": "1.0.0"}
# The server has no uploads, or takes no more of them now (its operator may want none): the file is sent as a form.
NO_UPLOAD = (404, 405, 429)
# The body paused too long, another request seemed to write, the upload was checked in vain: ask for the offset and go on.
GO_ON = (408, 409, 460)


def through(policy: Policy, identity: Identity, upload: Optional[Upload], resumable: bool, bar: Bar,
            flow: Callable[[Any, Bar], Flow[T]]) -> Flow[T]:
    """`flow` with the upload; a large one is stored first. `resumable`: whether that is wanted. An upload that the server refuses is
    deleted; one that is left behind is removed by the server after a day."""
    stored: Optional[Stored] = None
    if upload is not None and resumable and upload.size >= RESUMABLE_FROM:
        stored = yield from store(policy, identity, upload, bar)
    if stored is None:
        return (yield from flow(upload, bar))
    try:
        return (yield from flow(stored, bar))
    except ApiError as problem:
        refusal = problem
    if refusal.status < 500 or refusal.status == 507:
        yield from _discard(policy, identity, stored.upload_id)
    raise refusal


def store(policy: Policy, identity: Identity, upload: Upload, bar: Bar) -> Flow[Optional[Stored]]:
    """Sends the file. None: the server has no resumable uploads, or they can't be used from here."""
    size = upload.size
    name = b64encode(upload.name.encode("utf-8")).decode()
    headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": f"filename {name}"}
    # An upload whose answer was lost is one that nobody uses, so the request may be repeated.
    answer = yield from send(policy, Request(identity, "POST", "/uploads", headers=headers, repeatable=True, accepted=NO_UPLOAD))
    if answer.status >= 300:
        return None
    upload_id = answer.read(lambda told: str(told["upload_id"]))
    try:
        yield from _send_all(policy, identity, upload, _path(upload_id), size, bar)
    except ApiError as problem:
        refusal = problem
    else:
        return Stored(upload_id)
    yield from _discard(policy, identity, upload_id)
    if refusal.status in (405, 501):
        return None  # a proxy on the way lets no PATCH pass
    raise refusal


def _path(upload_id: str) -> str:
    return f"/uploads/{quote(upload_id, safe='')}"


def _send_all(policy: Policy, identity: Identity, upload: Upload, path: str, size: int, bar: Bar) -> Flow[None]:
    """Goes on as long as some try brings the offset forward. An outage of minutes does not end it: much may have been sent already."""
    offset, turn = 0, 0
    while offset < size:
        piece = Piece(upload.file, offset, min(CHUNK, size - offset), bar.add)
        headers: Dict[str, str] = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        failure: Optional[Exception] = None
        try:
            answer = yield from send(one_try(policy), Request(identity, "PATCH", path, headers=headers, piece=piece))
        except (ConnectionFailed, TooManyRequests, Unavailable) as problem:
            failure = problem
        except ApiError as problem:
            if problem.status not in GO_ON:
                raise
            failure = problem
        if failure is not None:
            if turn + 1 >= policy.tries:
                raise failure
            yield pause(turn + 1, getattr(failure, "retry_after", None))
            answer = yield from send(patient(policy), Request(identity, "HEAD", path, headers=dict(TUS)))
        now = _offset(answer, size)
        turn = 0 if now > offset else turn + 1
        if turn >= policy.tries:
            raise failure or ConnectionFailed(f"PATCH {path}: the offset stays at {now} of {size} bytes")
        if now != piece.start + piece.length or failure is not None:
            bar.restart()
            bar.add(now)
        offset = now


def _offset(answer: Answer, size: int) -> int:
    told = answer.headers.get("upload-offset", "")
    if not told.isdecimal() or int(told) > size:
        raise ApiError(answer.status, "Invalid Upload-Offset", f"the answer has {told!r}, the file has {size} bytes; does a proxy on the way "
                       "take headers away?", answer.headers.get("x-request-id"))
    return int(told)


def _discard(policy: Policy, identity: Identity, upload_id: str) -> Flow[None]:
    """Frees the space at once. What it may raise is of no interest beside the refusal that comes before it."""
    try:
        yield from send(one_try(policy), Request(identity, "DELETE", _path(upload_id), headers=dict(TUS)))
    except (ApiError, ConnectionFailed):
        pass

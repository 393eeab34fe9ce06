"""What can go wrong, as exceptions. None of them holds the API key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, List, Mapping, Optional, Tuple

if TYPE_CHECKING:
    from .models import JobInfo


class Error(Exception):
    """The base of all exceptions of this package."""


class ConnectionFailed(Error):
    """The server did not answer, also after repeated tries. A request that changes something may have been carried out."""


class JobFailed(Error):
    """The job has failed; `info.reason` and `info.message` say why."""

    def __init__(self, info: JobInfo) -> None:
        super().__init__(f"job {info.id} failed: {info.reason}: {info.message}")
        self.info = info

    def __reduce__(self) -> Tuple[Any, ...]:  # pickle would call the class with the text only
        return type(self), (self.info,)


class ApiError(Error):
    """The server refused the request. `request_id` finds it in the server's log. `raw` has all keys of the answer, also those that
    this version does not know."""

    def __init__(self, status: int, error: str, detail: Optional[str], request_id: Optional[str],
                 retry_after: Optional[float] = None, raw: Optional[Mapping[str, Any]] = None) -> None:
        text = f"{status} {error}"
        if detail:
            text += f": {detail}"
        if request_id:
            text += f" (request {request_id})"
        self.raw: Mapping[str, Any] = {} if raw is None else raw
        super().__init__(text + self._more())
        self.status = status
        self.error = error
        self.detail = detail
        self.request_id = request_id
        self.retry_after = retry_after

    def __reduce__(self) -> Tuple[Any, ...]:
        return type(self), (self.status, self.error, self.detail, self.request_id, self.retry_after, self.raw)

    def _more(self) -> str:
        """What str() tells behind the detail."""
        return ""


@dataclass(frozen=True)
class Violation:
    """A mistake in the params. `pointer` is a JSON Pointer (RFC 6901) into the params as the application would get them. `index`: which
    element of a batch has it, from 0; None if it was no batch."""

    pointer: str
    message: str
    index: Optional[int] = None

    def __str__(self) -> str:
        return ("" if self.index is None else f"[{self.index}] ") + f"{self.pointer or 'params'}: {self.message}"


class InvalidRequest(ApiError):
    """400, 413, 415 and 422: something about the request is wrong; `error` and `detail` name it. Of `Invalid params`, `violations` has
    each mistake, 100 at most; `violations_omitted` more were found."""

    @property
    def violations(self) -> List[Violation]:
        told = self.raw.get("violations")
        found = [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []
        return [Violation(str(each.get("pointer", "")), str(each.get("message", "")), each.get("index")) for each in found]

    @property
    def violations_omitted(self) -> int:
        told = self.raw.get("violations_omitted", 0)
        return told if isinstance(told, int) else 0

    def _more(self) -> str:
        lines = [f"\n  {violation}" for violation in self.violations]
        return "".join(lines) + (f"\n  and {self.violations_omitted} more" if self.violations_omitted else "")


class Unauthorized(ApiError):
    """401: the key is unknown, wrong, revoked or expired, or belongs to another user or tenant."""


class Forbidden(ApiError):
    """403: the role of the user does not allow it."""


class NotFound(ApiError):
    """404: the tenant has no such job, repository, file or key."""


class Conflict(ApiError):
    """409: the job has ended and cannot be changed, has not ended and cannot be retried, an upload is in use, a user has two keys
    already, or a key is one that only operators delete."""


class PreconditionFailed(ApiError):
    """412: the object is not the expected version."""


class TooManyRequests(ApiError):
    """429."""


class ServerError(ApiError):
    """5xx that has no class of its own."""


class Unavailable(ServerError):
    """502, 503 and 504: overload, or a part of the platform cannot be reached."""


class InsufficientStorage(ServerError):
    """507: the storage quota is used up, or the volume is full."""


_CLASSES = {400: InvalidRequest, 413: InvalidRequest, 415: InvalidRequest, 422: InvalidRequest, 401: Unauthorized,
            403: Forbidden, 404: NotFound, 409: Conflict, 412: PreconditionFailed, 429: TooManyRequests, 502: Unavailable,
            503: Unavailable, 504: Unavailable, 507: InsufficientStorage}


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """The exception for a refusal. A proxy may have answered, so the body can be anything."""
    error, detail, raw = f"HTTP status {status}", None, None
    try:
        told = json.loads(body)
        error, raw = str(told["error"]), told
        detail = None if told.get("detail") is None else str(told["detail"])
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    if 300 <= status < 400 and detail is None:
        detail = f"redirected to {headers.get('location', 'nowhere')}; the package follows no redirects, give it the right address"
    kind = _CLASSES.get(status, ServerError if status >= 500 else ApiError)
    return kind(status, error, detail, headers.get("x-request-id"), seconds_of(headers.get("retry-after")), raw)


def seconds_of(text: Optional[str]) -> Optional[float]:
    """The value of Retry-After, if it is a number of seconds."""
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None

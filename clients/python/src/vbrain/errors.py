"""What can go wrong, as exceptions. None of them holds the API key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Mapping, Optional, Tuple

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
    """The server refused the request. `request_id` finds it in the server's log."""

    def __init__(self, status: int, error: str, detail: Optional[str], request_id: Optional[str],
                 retry_after: Optional[float] = None) -> None:
        text = f"{status} {error}"
        if detail:
            text += f": {detail}"
        if request_id:
            text += f" (request {request_id})"
        super().__init__(text)
        self.status = status
        self.error = error
        self.detail = detail
        self.request_id = request_id
        self.retry_after = retry_after

    def __reduce__(self) -> Tuple[Any, ...]:
        return type(self), (self.status, self.error, self.detail, self.request_id, self.retry_after)


class InvalidRequest(ApiError):
    """400, 413, 415 and 422: something about the request is wrong; `error` and `detail` name it."""


class Unauthorized(ApiError):
    """401: the key is unknown, wrong, revoked or expired, or belongs to another user or tenant."""


class Forbidden(ApiError):
    """403: the role of the user does not allow it."""


class NotFound(ApiError):
    """404: the tenant has no such job, repository or file."""


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
            403: Forbidden, 404: NotFound, 412: PreconditionFailed, 429: TooManyRequests, 502: Unavailable, 503: Unavailable,
            504: Unavailable, 507: InsufficientStorage}


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """The exception for a refusal. A proxy may have answered, so the body can be anything."""
    error, detail = f"HTTP status {status}", None
    try:
        told = json.loads(body)
        error, detail = str(told["error"]), told.get("detail")
    except (ValueError, TypeError, KeyError):
        pass
    if 300 <= status < 400 and detail is None:
        detail = f"redirected to {headers.get('location', 'nowhere')}; the package follows no redirects, give it the right address"
    kind = _CLASSES.get(status, ServerError if status >= 500 else ApiError)
    return kind(status, error, detail, headers.get("x-request-id"), seconds_of(headers.get("retry-after")))


def seconds_of(text: Optional[str]) -> Optional[float]:
    """The value of Retry-After, if it is a number of seconds."""
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None

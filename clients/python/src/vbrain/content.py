"""Bodies of requests and answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import IO, Any, AsyncIterator, Callable, Iterator, Mapping, TypeVar

import anyio.to_thread

from .errors import ApiError

T = TypeVar("T")
READ = 256 << 10  # bytes that are sent at once; the time limit of sending holds for each


def encode(value: Any) -> bytes:
    """As JSON. What has tolist() (scalars and arrays of numpy, columns of pandas) is sent as its numbers. Raises TypeError and
    ValueError with the cause."""
    try:
        return json.dumps(value, allow_nan=False, default=_plain).encode("utf-8")
    except ValueError as problem:
        raise ValueError(f"params and metadata are sent as JSON, which has no NaN and no infinity: give None instead ({problem})") from None


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"params and metadata are sent as JSON, which has no {type(value).__name__}: give a number, a text, a list or a mapping")


def read_answer(status: int, headers: Mapping[str, str], body: bytes, make: Callable[[Any], T]) -> T:
    """What `make` makes of the JSON of a body. Raises ApiError if the body is not what this server answers."""
    try:
        return make(json.loads(body))
    except (ValueError, TypeError, KeyError, AttributeError):
        problem = unexpected(status, headers, f"{len(body)} bytes of {headers.get('content-type', 'an unknown type')}")
    raise problem


def unexpected(status: int, headers: Mapping[str, str], what: str) -> ApiError:
    return ApiError(status, "Unexpected answer", f"{what} are not what vBrain answers here; is the address right, and does no proxy want a "
                    "sign-in?", headers.get("x-request-id"))


@dataclass
class Piece:
    """Bytes of an open file that are the body of one request. `seen` is told how many were read."""

    file: IO[bytes]
    start: int
    length: int
    seen: Callable[[int], None]

    def read(self, done: int) -> bytes:
        """The next bytes behind the first `done`. Raises ValueError when the file has become shorter."""
        self.file.seek(self.start + done)
        data = self.file.read(min(READ, self.length - done))
        if not data:
            raise ValueError(f"the file has only {self.start + done} bytes any more: a file may not change while it is sent")
        return data

    def blocking(self) -> Iterator[bytes]:
        done = 0
        while done < self.length:
            data = self.read(done)
            self.seen(len(data))
            done += len(data)
            yield data

    async def in_thread(self) -> AsyncIterator[bytes]:
        done = 0
        while done < self.length:
            data = await anyio.to_thread.run_sync(self.read, done)
            self.seen(len(data))
            done += len(data)
            yield data

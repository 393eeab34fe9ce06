"""Receives webhooks: what a job's callback_url is told, signed by the Standard Webhooks scheme
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md). Needs no server and no web framework."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Callable, Dict, List, Mapping, Sequence, Union

from .errors import Error
from .models import STATUSES_OF_ENDED

TOLERANCE = 300.0  # seconds between the clocks of sender and receiver, with the way
_FIELDS = ("webhook-id", "webhook-timestamp", "webhook-signature")


class WebhookRefused(Error):
    """The message is not from the platform, or too old: answer 400, and use nothing of it."""


@dataclass(frozen=True)
class Webhook:
    """What became of a job. `id` is the same when the same event comes again. `raw` has all keys of the body."""

    id: str
    type: str  # job.started, job.finished or job.failed
    timestamp: datetime
    job_id: str
    status: str
    repository_id: str = ""
    reason: str = ""  # of a job that has ended, as message and attempts
    message: str = ""
    attempts: int = 0
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def ended(self) -> bool:
        return self.status in STATUSES_OF_ENDED


def _keys(secret: Union[str, Sequence[str]]) -> List[bytes]:
    """Those of one or several `whsec_<base64>`, also in one text. The text of a secret is in no error."""
    keys = []
    for number, word in enumerate((secret if isinstance(secret, str) else " ".join(secret)).split(), 1):
        try:
            key = base64.b64decode(word[len("whsec_"):], validate=True) if word.startswith("whsec_") else b""
        except (binascii.Error, ValueError):
            key = b""
        if not 24 <= len(key) <= 64:
            raise ValueError(f"secret {number} is not whsec_ and 24 to 64 bytes as base64; ask the operator for the one of your client")
        keys.append(key)
    if not keys:
        raise ValueError("there is no secret; ask the operator for the one of your client")
    return keys


def _fields(headers: Mapping[str, str]) -> Dict[str, str]:
    found: Dict[str, str] = {}
    for name, value in headers.items():
        low = name.lower()
        if low not in _FIELDS:
            continue
        if low in found:
            raise WebhookRefused(f"the header {low} comes twice")
        if not value.isascii():
            raise WebhookRefused(f"the header {low} is not ASCII")
        found[low] = value.strip()
    for name in _FIELDS:
        if not found.get(name):
            raise WebhookRefused(f"the header {name} is missing")
    return found


def read_webhook(headers: Mapping[str, str], body: bytes, secret: Union[str, Sequence[str]], *, tolerance: float = TOLERANCE,
                 clock: Callable[[], float] = time.time) -> Webhook:
    """The event of a request, after its signature and its age were checked. `headers`: those of your framework, with names in any
    case. `body`: the bytes as they came. `secret`: `whsec_…` of your client; several, also in one text, while it is being replaced.
    Raises WebhookRefused for a message that is not to be trusted, and ValueError for a secret that is none."""
    if not isinstance(body, (bytes, bytearray, memoryview)):
        raise TypeError("the body must be the bytes as they came: another text of the same JSON has another signature")
    keys, told, body = _keys(secret), _fields(headers), bytes(body)
    sent = told["webhook-timestamp"]
    if not sent.isdigit() or len(sent) > 15:
        raise WebhookRefused("webhook-timestamp is not a number of seconds")
    signed = f"{told['webhook-id']}.{sent}.".encode() + body
    right = [b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys]
    given = [word.encode() for word in told["webhook-signature"].split()]
    # All are compared, so that the time tells nothing.
    if not any([hmac.compare_digest(one, other) for one in right for other in given]):
        raise WebhookRefused("no signature fits: another secret, or the body is not as it was sent")
    if abs(clock() - int(sent)) > tolerance:
        raise WebhookRefused(f"it was signed {clock() - int(sent):.0f} s ago by this clock; it was sent again by somebody, or a clock is wrong")
    try:
        event = json.loads(body)
        data = event["data"]
        return Webhook(id=told["webhook-id"], type=event["type"], timestamp=_time(event["timestamp"]), job_id=data["job_id"],
                       status=data["job_status"], repository_id=data.get("repository_id", ""), reason=data.get("reason", ""),
                       message=data.get("message", ""), attempts=data.get("attempts", 0), raw=event)
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise WebhookRefused("it is signed, but it is no event of a job") from problem


def _time(text: str) -> datetime:
    """`2020-09-23T16:31:04.000Z`."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)

"""The API keys of a client, which leaders list, make and delete."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import List, Optional, Union
from urllib.parse import quote

from . import flows
from .flows import Flow, Policy, Request, given, send
from .identity import Identity
from .models import Key, NewKey


def all_of(policy: Policy, identity: Identity) -> Flow[List[Key]]:
    answer = yield from send(policy, Request(identity, "GET", "/keys"))
    return answer.read(lambda told: [Key.of(each) for each in told["keys"]])


def create(policy: Policy, identity: Identity, username: str, expires: Union[None, timedelta, datetime],
           description: Optional[str]) -> Flow[NewKey]:
    """POST /keys. A try whose answer is lost is not repeated: it may have made a key, and the server can't give it a second time."""
    told = given(username=username, expires_in=math.ceil(expires.total_seconds()) if isinstance(expires, timedelta) else None,
                 expires_at=expires.astimezone(timezone.utc).isoformat() if isinstance(expires, datetime) else None,
                 description=description)
    answer = yield from send(policy, Request(identity, "POST", "/keys", json=told))
    return answer.read(NewKey.of)


def delete(policy: Policy, identity: Identity, key_id: str) -> Flow[None]:
    yield from flows.delete(policy, identity, f"/keys/{quote(key_id, safe='')}")

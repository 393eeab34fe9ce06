"""Lists that come in pages: jobs and repositories as objects."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Callable, Dict, Mapping
from urllib.parse import parse_qsl, urlsplit

import httpx

from .flows import Answer, Policy, Request, given, send
from .identity import Identity
from .streams import Item, Stream


def query_of(**filters: Any) -> Dict[str, Any]:
    """Of a list of objects. A filter that is None is left out."""
    return {"view": "full", **{name: _text(value) for name, value in given(**filters).items()}}


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).strftime("%Y%m%d%H%M")
    return value if isinstance(value, (str, int)) else ",".join(value)


def entries(policy: Policy, identity: Identity, path: str, query: Mapping[str, Any], make: Callable[[Any], Any],
            repository_id: str = "") -> Stream:
    """All entries. A page is asked for when those of the page before have been taken."""
    headers = {"repository_id": repository_id} if repository_id else {}
    left: Mapping[str, Any] = query
    while left:
        answer: Answer = yield from send(policy, Request(identity, "GET", path, dict(left), dict(headers)))
        for entry in answer.read(lambda told: [make(each) for each in told]):
            yield Item(entry)
        left = _query_of_next(answer)


def _query_of_next(answer: Answer) -> Dict[str, str]:
    """That of the next page; empty if there is none. Of the reference only the query counts: a proxy may have made it a URL of another
    host, which must not get the key."""
    link = answer.headers.get("link")
    found = httpx.Response(200, headers={"Link": link}).links.get("next", {}) if link else {}
    return dict(parse_qsl(urlsplit(found.get("url", "")).query, keep_blank_values=True))

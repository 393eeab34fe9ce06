"""What the server answers, as objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Dict, List, Literal, Mapping, Optional

LogStream = Literal["stdout", "stderr", "both"]
STATUSES_OF_ENDED = ("finished", "failed")


def read_time(text: Optional[str]) -> Optional[datetime]:
    """A time of the API, `2020-09-23_16:29:39` in UTC."""
    return datetime.strptime(text, "%Y-%m-%d_%H:%M:%S").replace(tzinfo=timezone.utc) if text else None


@dataclass(frozen=True)
class JobInfo:
    """A job as the server showed it. `raw` has all keys, also those that this version does not know."""

    id: str
    status: str  # queued, started, finished or failed
    repository_id: str
    name: str = ""
    input: List[str] = field(default_factory=list)
    created_by: str = ""
    created_on: Optional[datetime] = None
    started_on: Optional[datetime] = None
    finished_on: Optional[datetime] = None
    expires_on: Optional[datetime] = None
    reason: str = ""
    message: str = ""
    attempts: int = 0
    metadata: Dict[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def ended(self) -> bool:
        return self.status in STATUSES_OF_ENDED

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> JobInfo:
        return cls(id=told["job_id"], status=told["job_status"], repository_id=told["repository_id"], name=told.get("name", ""),
                   input=list(told.get("input", [])), created_by=told.get("created_by", ""),
                   created_on=read_time(told.get("created_on")), started_on=read_time(told.get("started_on")),
                   finished_on=read_time(told.get("finished_on")), expires_on=read_time(told.get("expires_on")),
                   reason=told.get("reason", ""), message=told.get("message", ""), attempts=told.get("attempts", 0),
                   metadata=dict(told.get("metadata", {})), raw=told)


@dataclass(frozen=True)
class File:
    """A file of an output."""

    name: str
    bytes: int
    type: str
    sha256: Optional[str] = None
    crc32: Optional[str] = None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> File:
        return cls(told["name"], told["bytes"], told["type"], told.get("sha256"), told.get("crc32"))


@dataclass(frozen=True)
class Created:
    """A job that the server has accepted."""

    job_id: str
    repository_id: Optional[str]
    notes: List[str]

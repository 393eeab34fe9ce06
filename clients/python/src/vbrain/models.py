"""What the server answers, as objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Dict, List, Literal, Mapping, Optional, Sequence, Union

LogStream = Literal["stdout", "stderr", "both"]
Statuses = Union[str, Sequence[str]]  # one status, or several
STATUSES_OF_ENDED = ("finished", "failed")


def read_time(text: Optional[str]) -> Optional[datetime]:
    """A time of the API, `2020-09-23_16:29:39` in UTC."""
    return datetime.strptime(text, "%Y-%m-%d_%H:%M:%S").replace(tzinfo=timezone.utc) if text else None


def read_time_of_key(text: Optional[str]) -> Optional[datetime]:
    """`2026-12-01T09:14:02Z`."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc) if text else None


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
class JobEvent:
    """What has become of the jobs of a client. `type`: `state`, `jobs` are all jobs that there are, so forget what you knew; `job`,
    `jobs` is the one that is new or has changed; `deleted`, `job_id` was deleted. `id`: where events(last_event_id=…) goes on; may be
    empty."""

    type: str
    id: str
    jobs: List[JobInfo] = field(default_factory=list)
    job_id: str = ""  # not of state


@dataclass(frozen=True)
class RepositoryInfo:
    """A repository as the server showed it. `raw` has all keys, also those that this version does not know."""

    id: str
    name: str = ""
    input: List[str] = field(default_factory=list)
    created_by: str = ""
    created_on: Optional[datetime] = None
    metadata: Dict[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> RepositoryInfo:
        return cls(id=told["repository_id"], name=told.get("name", ""), input=list(told.get("input", [])),
                   created_by=told.get("created_by", ""), created_on=read_time(told.get("created_on")),
                   metadata=dict(told.get("metadata", {})), raw=told)


@dataclass(frozen=True)
class Key:
    """An API key of a member of the client, without its secret."""

    id: str
    username: str
    source: str  # Key: a leader made it; Client: an operator did, and the server knows no times of it
    state: str  # live, expired, or no_member: its user is no member of the client any more
    role: str = ""  # that of the user
    created_by: str = ""
    created_at: Optional[datetime] = None
    expires_at: Optional[datetime] = None
    last_used: Optional[datetime] = None  # the beginning of the hour
    description: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Key:
        return cls(id=told["key_id"], username=told["username"], source=told["source"], state=told["state"], role=told.get("role", ""),
                   created_by=told.get("created_by", ""), created_at=read_time_of_key(told.get("created_at")),
                   expires_at=read_time_of_key(told.get("expires_at")), last_used=read_time_of_key(told.get("last_used")),
                   description=told.get("description", ""), raw=told)


@dataclass(frozen=True)
class NewKey:
    """A key that was made. `api_key` is told this once, and repr() does not show it."""

    id: str
    api_key: str = field(repr=False)
    username: str
    expires_at: Optional[datetime] = None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> NewKey:
        return cls(told["key_id"], told["api_key"], told["username"], read_time_of_key(told.get("expires_at")))


@dataclass(frozen=True)
class File:
    """A file of an output or an input. `crc32` is known of an output only."""

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

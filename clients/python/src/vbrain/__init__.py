"""Runs vBrain jobs: `Client().run("Tutorial", {"a": 10, "b": 20}).result()`."""

from .aio import AsyncClient, AsyncJob
from .client import Client, Job
from .errors import (ApiError, Conflict, ConnectionFailed, Error, Forbidden, InsufficientStorage, InvalidRequest, JobFailed, NotFound,
                     PreconditionFailed, ServerError, TooManyRequests, Unauthorized, Unavailable, Violation)
from .models import File, JobEvent, JobInfo, Key, NewKey, RepositoryInfo
from .webhooks import Webhook, WebhookRefused, read_webhook

__all__ = ["ApiError", "AsyncClient", "AsyncJob", "Client", "Conflict", "ConnectionFailed", "Error", "File", "Forbidden", "InsufficientStorage",
           "InvalidRequest", "Job", "JobEvent", "JobFailed", "JobInfo", "Key", "NewKey", "NotFound", "PreconditionFailed", "RepositoryInfo",
           "ServerError", "TooManyRequests", "Unauthorized", "Unavailable", "Violation", "Webhook", "WebhookRefused", "read_webhook"]

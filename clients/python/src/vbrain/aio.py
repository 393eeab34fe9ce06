"""The asynchronous client; it has the methods of the blocking one. Works with asyncio and trio."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, AsyncGenerator, AsyncIterator, Awaitable, Callable, Dict, List, Mapping, Optional, Sequence, Type, TypeVar, Union

import anyio
import anyio.to_thread
import httpx

from . import download, flows, keys, pages, streams, uploads
from .client import Target, http_timeout, target_of
from .content import Piece
from .files import Files, prepare
from .flows import Answer, Deadline, Flow, Pause, Policy, Request, file_path, job_path, repository_path
from .identity import Identity
from .models import Created, File, JobEvent, JobInfo, Key, LogStream, NewKey, RepositoryInfo, Statuses
from .progress import Bar, make_bar
from .trust import trust

T = TypeVar("T")


class AsyncClient:
    """As Client, with `async with` and `await`."""

    def __init__(self, url: Optional[str] = None, *, organization_id: Optional[str] = None, application_id: Optional[str] = None,
                 client_id: Optional[str] = None, username: Optional[str] = None, api_key: Optional[str] = None,
                 progress: bool = False, timeout: float = 30.0, tries: int = 5,
                 ca_file: Union[None, str, "os.PathLike[str]"] = None, transport: Optional[httpx.AsyncBaseTransport] = None,
                 sleep: Callable[[float], Awaitable[None]] = anyio.sleep) -> None:
        self.identity = Identity.read(url=url, organization_id=organization_id, application_id=application_id,
                                      client_id=client_id, username=username, api_key=api_key, application_needed=False)
        self._progress = progress
        self._policy = Policy(tries=tries)
        self._sleep = sleep
        self._timeout = timeout
        self._http = httpx.AsyncClient(transport=transport, verify=trust(ca_file))

    def __repr__(self) -> str:
        return f"AsyncClient({self.identity!r})"

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                        trace: Optional[TracebackType]) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def run(self, application: Optional[str] = None, params: Optional[Mapping[str, Any]] = None,
                  files: Optional[Files] = None, *, metadata: Optional[Mapping[str, Any]] = None,
                  repository_id: Optional[str] = None, idempotency_key: Optional[str] = None,
                  callback_url: Optional[str] = None, priority: Optional[int] = None) -> AsyncJob:
        if application is not None and not isinstance(application, str):
            raise TypeError("the first argument is the name of an application; for params alone write run(params=…)")
        identity = self.identity.of_application(application)
        created: Created = await self._upload(identity, files, idempotency_key is None, lambda upload, bar: flows.execute(
            self._policy, identity, params, upload, metadata, repository_id, idempotency_key, bar,
            flows.given(priority=priority, callback_url=callback_url)))
        return AsyncJob(self, identity, created.job_id, created)

    def job(self, job_id: str, application: Optional[str] = None) -> AsyncJob:
        return AsyncJob(self, self.identity.of_application(application), job_id)

    async def batch(self, repository_id: str, params: Sequence[Mapping[str, Any]], *, application: Optional[str] = None,
                    metadata: Optional[Mapping[str, Any]] = None, idempotency_key: Optional[str] = None,
                    callback_url: Optional[str] = None, priority: Optional[int] = None) -> List[AsyncJob]:
        identity = self.identity.of_application(application)
        made = await self._drive(flows.batch(self._policy, identity, repository_id, params, metadata, idempotency_key,
                                             flows.given(priority=priority, callback_url=callback_url)))
        return [AsyncJob(self, identity, created.job_id, created) for created in made]

    async def jobs(self, repository_id: str) -> List[str]:
        return list(await self._drive(flows.get_json(self._policy, self.identity, "/job", repository_id=repository_id)))

    def iter_jobs(self, repository_id: Optional[str] = None, *, status: Optional[Statuses] = None, created_by: Optional[str] = None,
                  name: Optional[str] = None, from_date: Optional[datetime] = None, to_date: Optional[datetime] = None,
                  newest_first: bool = False, page_size: int = 100) -> AsyncGenerator[JobInfo, None]:
        """As Client.iter_jobs(), with `async for`."""
        query = pages.query_of(status=status, created_by=created_by, name=name, from_date=from_date, to_date=to_date,
                               order="desc" if newest_first else "asc", page_size=page_size)
        return self._iterate(pages.entries(self._policy, self.identity, "/job", query, JobInfo.of, repository_id or ""))

    def events(self, *, last_event_id: str = "") -> AsyncGenerator[JobEvent, None]:
        """As Client.events(), with `async for`. Who leaves the loop closes it with `aclose()`."""
        return self._iterate(streams.tenant_events(self._policy, self.identity, last_event_id))

    async def create_repository(self, params: Optional[Mapping[str, Any]] = None, files: Optional[Files] = None, *,
                                metadata: Optional[Mapping[str, Any]] = None, idempotency_key: Optional[str] = None) -> str:
        return await self._upload(self.identity, files, idempotency_key is None, lambda upload, bar: flows.create_repository(
            self._policy, self.identity, params, upload, metadata, idempotency_key, bar))

    async def repositories(self) -> List[str]:
        return list(await self._drive(flows.get_json(self._policy, self.identity, "/repository")))

    def iter_repositories(self, *, created_by: Optional[str] = None, name: Optional[str] = None, from_date: Optional[datetime] = None,
                          to_date: Optional[datetime] = None, newest_first: bool = False,
                          page_size: int = 100) -> AsyncGenerator[RepositoryInfo, None]:
        """As Client.iter_repositories(), with `async for`."""
        query = pages.query_of(created_by=created_by, name=name, from_date=from_date, to_date=to_date,
                               order="desc" if newest_first else "asc", page_size=page_size)
        return self._iterate(pages.entries(self._policy, self.identity, "/repository", query, RepositoryInfo.of))

    async def repository(self, repository_id: str) -> Dict[str, Any]:
        return dict(await self._drive(flows.get_json(self._policy, self.identity, repository_path(repository_id))))

    async def input_files(self, repository_id: str) -> List[File]:
        return await self._drive(flows.files(self._policy, self.identity, f"{repository_path(repository_id)}/input"))

    async def read_input_file(self, repository_id: str, name: str) -> bytes:
        path = file_path(f"{repository_path(repository_id)}/input", name)
        return await self._shown(name, True, lambda bar: download.to_memory(self._policy, self.identity, path, bar))

    async def download_input_file(self, repository_id: str, name: str, target: Target = ".") -> Path:
        path, stored = file_path(f"{repository_path(repository_id)}/input", name), target_of(target, name)
        return await self._shown(stored.name, True, lambda bar: download.to_file(self._policy, self.identity, path, stored, bar))

    async def delete_repository(self, repository_id: str) -> None:
        await self._drive(flows.delete(self._policy, self.identity, repository_path(repository_id)))

    async def usage(self) -> Dict[str, Any]:
        return dict(await self._drive(flows.get_json(self._policy, self.identity, "/usage")))

    async def keys(self) -> List[Key]:
        return await self._drive(keys.all_of(self._policy, self.identity))

    async def create_key(self, username: str, *, expires: Union[None, timedelta, datetime] = None,
                         description: Optional[str] = None) -> NewKey:
        return await self._drive(keys.create(self._policy, self.identity, username, expires, description))

    async def delete_key(self, key_id: str) -> None:
        await self._drive(keys.delete(self._policy, self.identity, key_id))

    async def _upload(self, identity: Identity, files: Optional[Files], resumable: bool, flow: Callable[[Any, Bar], Flow[T]]) -> T:
        # Reading and packing files blocks.
        upload = await anyio.to_thread.run_sync(prepare, files)
        bar = Bar()
        try:
            bar = make_bar(self._progress and upload is not None, "upload", upload.size if upload else None)
            return await self._drive(uploads.through(self._policy, identity, upload, resumable, bar, flow))
        finally:
            bar.close()
            if upload is not None:
                upload.close()

    async def _shown(self, what: str, is_bytes: bool, flow: Callable[[Bar], Flow[T]]) -> T:
        bar = make_bar(self._progress, what, is_bytes=is_bytes)
        try:
            return await self._drive(flow(bar))
        finally:
            bar.close()

    async def _drive(self, flow: Flow[T]) -> T:
        try:
            step = next(flow)
            while True:
                trouble: Optional[Exception] = None
                outcome: Optional[Answer] = None
                try:
                    outcome = await self._perform(step)
                except flows.TROUBLES as problem:
                    trouble = problem
                # Not in the handler: the problem would be the context of what the flow raises.
                step = flow.send(outcome) if trouble is None else flow.throw(trouble)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        finally:
            flow.close()  # also when this task is cancelled

    async def _perform(self, step: flows.Step) -> Optional[Answer]:
        if isinstance(step, Pause):
            await self._sleep(step.seconds)
            return None
        return await self._ask(step)

    async def _open(self, request: Request) -> httpx.Response:
        made = self._http.build_request(**request.arguments(Piece.in_thread), timeout=http_timeout(self._timeout, request))
        return await self._http.send(made, stream=True)

    async def _iterate(self, flow: streams.Stream) -> AsyncGenerator[Any, None]:
        response: Optional[httpx.Response] = None
        data: Optional[AsyncIterator[bytes]] = None
        try:
            step = next(flow)
            while True:
                trouble: Optional[Exception] = None
                outcome: Union[None, Answer, bytes] = None
                try:
                    if isinstance(step, streams.Item):
                        yield step.value
                    elif isinstance(step, streams.Read):
                        outcome = await _next(data)
                    elif isinstance(step, Pause) or step.silence is None:
                        outcome = await self._perform(step)
                    else:
                        if response is not None:
                            await _close(response)
                        response = await self._open(step)
                        body = b"" if response.status_code == 200 else await response.aread()
                        outcome, data = Answer(response.status_code, response.headers, body), response.aiter_raw()
                except flows.TROUBLES as problem:
                    trouble = problem
                step = flow.send(outcome) if trouble is None else flow.throw(trouble)
        except StopIteration:
            return
        finally:
            flow.close()
            if response is not None:
                await _close(response)

    async def _ask(self, request: Request) -> Answer:
        answer = await self._open(request)
        try:
            if request.sink is None or answer.status_code not in (200, 206):
                return Answer(answer.status_code, answer.headers, await answer.aread())
            request.sink.begin(answer.status_code, answer.headers)
            async for data in answer.aiter_raw():
                if request.sink.blocks:
                    await anyio.to_thread.run_sync(request.sink.write, data)
                else:
                    request.sink.write(data)
            return Answer(answer.status_code, answer.headers)
        finally:
            await _close(answer)


async def _next(data: Optional[AsyncIterator[bytes]]) -> Optional[bytes]:
    try:
        return None if data is None else await data.__anext__()
    except StopAsyncIteration:
        return None


async def _close(response: httpx.Response) -> None:
    """Also when the task is cancelled: else the connection would stay taken."""
    with anyio.CancelScope(shield=True):
        await response.aclose()


class AsyncJob:
    """As Job, with `await`."""

    def __init__(self, client: AsyncClient, identity: Identity, job_id: str, created: Optional[Created] = None) -> None:
        self.id = job_id
        self.repository_id = created.repository_id if created else None
        self.notes = created.notes if created else []
        self._client = client
        self._identity = identity

    def __repr__(self) -> str:
        return f"AsyncJob({self.id!r})"

    async def info(self) -> JobInfo:
        return await self._client._drive(flows.info(self._client._policy, self._identity, self.id))

    async def wait(self, timeout: Optional[float] = None) -> JobInfo:
        return await self._client._shown(self.id, False, lambda bar: flows.wait_for(
            self._client._policy, self._identity, self.id, Deadline(timeout), bar))

    async def result(self, timeout: Optional[float] = None) -> Any:
        return await self._client._shown(self.id, False, lambda bar: flows.result(
            self._client._policy, self._identity, self.id, Deadline(timeout), bar))

    def events(self) -> AsyncGenerator[JobInfo, None]:
        """As Job.events(), with `async for`. Who leaves the loop early closes it with `aclose()`."""
        return self._client._iterate(streams.events(self._client._policy, self._identity, self.id))

    def logs(self, follow: bool = True, *, stream: LogStream = "stdout", file: Optional[str] = None,
             tail: Optional[int] = None) -> AsyncGenerator[str, None]:
        """As Job.logs(), with `async for`; who leaves the loop early closes it."""
        return self._client._iterate(streams.logs(self._client._policy, self._identity, self.id, follow, stream, file, tail))

    async def cancel(self) -> None:
        await self._client._drive(flows.change(self._client._policy, self._identity, self.id, "cancel"))

    async def suspend(self) -> None:
        await self._client._drive(flows.change(self._client._policy, self._identity, self.id, "suspend"))

    async def resume(self) -> None:
        await self._client._drive(flows.change(self._client._policy, self._identity, self.id, "resume"))

    async def retry(self, *, idempotency_key: Optional[str] = None) -> AsyncJob:
        created = await self._client._drive(flows.retry(self._client._policy, self._identity, self.id, idempotency_key))
        return AsyncJob(self._client, self._identity, created.job_id, created)

    async def params(self) -> Dict[str, Any]:
        path = f"{job_path(self.id)}/params"
        return dict(await self._client._drive(flows.get_json(self._client._policy, self._identity, path)))

    async def files(self) -> List[File]:
        return await self._client._drive(self._of_ended(flows.files(self._client._policy, self._identity, f"{job_path(self.id)}/output")))

    async def read(self, name: str) -> bytes:
        return await self._client._shown(name, True, lambda bar: self._of_ended(download.to_memory(
            self._client._policy, self._identity, file_path(f"{job_path(self.id)}/output", name), bar)))

    async def download(self, name: str, target: Target = ".") -> Path:
        return await self._store(file_path(f"{job_path(self.id)}/output", name), target_of(target, name))

    async def download_output(self, target: Target = ".") -> Path:
        return await self._store(f"{job_path(self.id)}/output", target_of(target, f"{self.id}-output.zip"))

    async def download_logs(self, target: Target = ".") -> Path:
        return await self._store(f"{job_path(self.id)}/logs", target_of(target, f"{self.id}-logs.zip"))

    async def delete(self) -> None:
        await self._client._drive(flows.delete(self._client._policy, self._identity, job_path(self.id)))

    async def _store(self, path: str, target: Path) -> Path:
        return await self._client._shown(target.name, True, lambda bar: self._of_ended(download.to_file(
            self._client._policy, self._identity, path, target, bar)))

    def _of_ended(self, flow: Flow[T]) -> Flow[T]:
        return flows.of_ended(self._client._policy, self._identity, self.id, flow)

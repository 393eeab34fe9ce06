"""The blocking client."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Callable, Dict, Generator, Iterator, List, Mapping, Optional, Sequence, Type, TypeVar, Union

import httpx

from . import download, flows, keys, pages, streams, uploads
from .content import Piece
from .files import Files, prepare
from .flows import Answer, Deadline, Flow, Pause, Policy, Request, file_path, job_path, repository_path
from .identity import Identity
from .models import Created, File, JobEvent, JobInfo, Key, LogStream, NewKey, RepositoryInfo, Statuses
from .progress import Bar, make_bar
from .trust import trust

LONGEST_STORING = 600.0  # seconds from the last byte of an upload to the answer
T = TypeVar("T")
Target = Union[str, "os.PathLike[str]"]


def target_of(target: Target, name: str) -> Path:
    """`target`, or the file `name` in it if it is a folder. A folder that ends with `/` is made."""
    path = Path(target)
    if os.fspath(target).endswith(("/", os.sep)):
        path.mkdir(parents=True, exist_ok=True)
    return path / Path(name).name if path.is_dir() else path


def http_timeout(seconds: float, request: Request) -> httpx.Timeout:
    """A request that waits for a job gets its answer after LONGEST_WAIT at the latest. A large input is stored before the server
    answers. For a free connection there is no time limit but that of the request: hundreds of waits share the connections."""
    def most(usual: float) -> float:
        return usual if request.limit is None else min(usual, request.limit)

    if request.silence is not None:
        return httpx.Timeout(seconds, read=request.silence, pool=None)
    read = max(seconds, LONGEST_STORING if request.stores else flows.LONGEST_WAIT + 10.0)
    return httpx.Timeout(most(seconds), read=most(read), pool=request.limit)


class Client:
    """One user of one tenant. What is not given comes from VBRAIN_URL, VBRAIN_USERNAME, VBRAIN_ORGANIZATION_ID,
    VBRAIN_APPLICATION_ID, VBRAIN_CLIENT_ID and VBRAIN_API_KEY. `progress` shows bars (needs tqdm). `tries`: how often a request
    is sent at most. `ca_file` (VBRAIN_CA_FILE): PEM file with the authorities that sign the server's certificate, if they are your
    own. Several threads may use a client."""

    def __init__(self, url: Optional[str] = None, *, organization_id: Optional[str] = None, application_id: Optional[str] = None,
                 client_id: Optional[str] = None, username: Optional[str] = None, api_key: Optional[str] = None,
                 progress: bool = False, timeout: float = 30.0, tries: int = 5, ca_file: Union[None, str, "os.PathLike[str]"] = None,
                 transport: Optional[httpx.BaseTransport] = None,
                 sleep: Callable[[float], None] = time.sleep) -> None:
        self.identity = Identity.read(url=url, organization_id=organization_id, application_id=application_id,
                                      client_id=client_id, username=username, api_key=api_key, application_needed=False)
        self._progress = progress
        self._policy = Policy(tries=tries)
        self._sleep = sleep
        self._timeout = timeout
        self._http = httpx.Client(transport=transport, verify=trust(ca_file))

    def __repr__(self) -> str:
        return f"Client({self.identity!r})"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # --- jobs

    def run(self, application: Optional[str] = None, params: Optional[Mapping[str, Any]] = None, files: Optional[Files] = None, *,
            metadata: Optional[Mapping[str, Any]] = None, repository_id: Optional[str] = None,
            idempotency_key: Optional[str] = None, callback_url: Optional[str] = None, priority: Optional[int] = None) -> Job:
        """Starts a job and returns it at once. `application` replaces that of the client. `files` may be a path, several paths,
        or a mapping of names to bytes, text, paths, open files or DataFrames. With `repository_id` the job uses the input and the
        params of that repository, overlaid by these. `callback_url` is told when the job starts and ends (see read_webhook); its host
        must be one that the operator allows. Without it, it is that of the client, if the operator has set one. `priority`, from -1000
        to 1000: of the jobs that wait for the same limit of running jobs, that with the highest starts first. Only a leader may give
        more than 0, which it is by default."""
        if application is not None and not isinstance(application, str):
            raise TypeError("the first argument is the name of an application; for params alone write run(params=…)")
        identity = self.identity.of_application(application)
        created: Created = self._upload(identity, files, idempotency_key is None, lambda upload, bar: flows.execute(
            self._policy, identity, params, upload, metadata, repository_id, idempotency_key, bar,
            flows.given(priority=priority, callback_url=callback_url)))
        return Job(self, identity, created.job_id, created)

    def job(self, job_id: str, application: Optional[str] = None) -> Job:
        """A job that exists already. Asks nothing."""
        return Job(self, self.identity.of_application(application), job_id)

    def batch(self, repository_id: str, params: Sequence[Mapping[str, Any]], *, application: Optional[str] = None,
              metadata: Optional[Mapping[str, Any]] = None, idempotency_key: Optional[str] = None,
              callback_url: Optional[str] = None, priority: Optional[int] = None) -> List[Job]:
        """Starts one job for each element of `params`, 1,000 at most, over the input and the params of a repository: all of them or,
        with an exception, none. The jobs are in the order of `params`. `callback_url` and `priority` are those of each job, as for
        run()."""
        identity = self.identity.of_application(application)
        made = self._drive(flows.batch(self._policy, identity, repository_id, params, metadata, idempotency_key,
                                       flows.given(priority=priority, callback_url=callback_url)))
        return [Job(self, identity, created.job_id, created) for created in made]

    def jobs(self, repository_id: str) -> List[str]:
        """Ids of the repository's jobs."""
        return list(self._drive(flows.get_json(self._policy, self.identity, "/job", repository_id=repository_id)))

    def iter_jobs(self, repository_id: Optional[str] = None, *, status: Optional[Statuses] = None, created_by: Optional[str] = None,
                  name: Optional[str] = None, from_date: Optional[datetime] = None, to_date: Optional[datetime] = None,
                  newest_first: bool = False, page_size: int = 100) -> Generator[JobInfo, None, None]:
        """The jobs of the repository, or of all repositories, as the filters say; a page is asked for when it is needed. `status`: one
        or several of queued, started, finished and failed. `name`: a part of the name. `from_date`, `to_date`: whole minutes, both
        included; without a time zone they are of this machine's. `page_size`: 1000 at most."""
        query = pages.query_of(status=status, created_by=created_by, name=name, from_date=from_date, to_date=to_date,
                               order="desc" if newest_first else "asc", page_size=page_size)
        return self._iterate(pages.entries(self._policy, self.identity, "/job", query, JobInfo.of, repository_id or ""))

    def events(self, *, last_event_id: str = "") -> Generator[JobEvent, None, None]:
        """What becomes of all jobs of the client, without an end: first `state` with all of them, then each change. A connection that
        is cut is made again; if the server does not know what has happened meanwhile, `state` comes again. `last_event_id`: the `id` of
        an event of an earlier process, to go on behind it. The jobs have no name, input and metadata."""
        return self._iterate(streams.tenant_events(self._policy, self.identity, last_event_id))

    # --- repositories

    def create_repository(self, params: Optional[Mapping[str, Any]] = None, files: Optional[Files] = None, *,
                          metadata: Optional[Mapping[str, Any]] = None, idempotency_key: Optional[str] = None) -> str:
        """Stores input and params for several jobs, and returns the id of the new repository."""
        return self._upload(self.identity, files, idempotency_key is None, lambda upload, bar: flows.create_repository(
            self._policy, self.identity, params, upload, metadata, idempotency_key, bar))

    def repositories(self) -> List[str]:
        return list(self._drive(flows.get_json(self._policy, self.identity, "/repository")))

    def iter_repositories(self, *, created_by: Optional[str] = None, name: Optional[str] = None, from_date: Optional[datetime] = None,
                          to_date: Optional[datetime] = None, newest_first: bool = False,
                          page_size: int = 100) -> Generator[RepositoryInfo, None, None]:
        """The repositories, as iter_jobs()."""
        query = pages.query_of(created_by=created_by, name=name, from_date=from_date, to_date=to_date,
                               order="desc" if newest_first else "asc", page_size=page_size)
        return self._iterate(pages.entries(self._policy, self.identity, "/repository", query, RepositoryInfo.of))

    def repository(self, repository_id: str) -> Dict[str, Any]:
        return dict(self._drive(flows.get_json(self._policy, self.identity, repository_path(repository_id))))

    def input_files(self, repository_id: str) -> List[File]:
        """The files of the repository's input."""
        return self._drive(flows.files(self._policy, self.identity, f"{repository_path(repository_id)}/input"))

    def read_input_file(self, repository_id: str, name: str) -> bytes:
        path = file_path(f"{repository_path(repository_id)}/input", name)
        return self._shown(name, True, lambda bar: download.to_memory(self._policy, self.identity, path, bar))

    def download_input_file(self, repository_id: str, name: str, target: Target = ".") -> Path:
        """Stores one file of the input, as Job.download()."""
        path, stored = file_path(f"{repository_path(repository_id)}/input", name), target_of(target, name)
        return self._shown(stored.name, True, lambda bar: download.to_file(self._policy, self.identity, path, stored, bar))

    def delete_repository(self, repository_id: str) -> None:
        """Deletes the repository and all its jobs."""
        self._drive(flows.delete(self._policy, self.identity, repository_path(repository_id)))

    # --- the client

    def usage(self) -> Dict[str, Any]:
        """What the tenant stores, and how much it may store."""
        return dict(self._drive(flows.get_json(self._policy, self.identity, "/usage")))

    def keys(self) -> List[Key]:
        """The API keys of all members of the client. For leaders, as the next two."""
        return self._drive(keys.all_of(self._policy, self.identity))

    def create_key(self, username: str, *, expires: Union[None, timedelta, datetime] = None, description: Optional[str] = None) -> NewKey:
        """Makes a key for a member of the client, who has two made keys at most. Its text is told this once. `expires`: after that
        time, or then; None: never. When ConnectionFailed is raised, a key may have been made: look for it in keys(), delete it and make
        another. A server may refuse a new key for a moment."""
        return self._drive(keys.create(self._policy, self.identity, username, expires, description))

    def delete_key(self, key_id: str) -> None:
        """Ends a key that a leader made."""
        self._drive(keys.delete(self._policy, self.identity, key_id))

    # --- how

    def _upload(self, identity: Identity, files: Optional[Files], resumable: bool, flow: Callable[[Any, Bar], Flow[T]]) -> T:
        upload = prepare(files)
        bar = Bar()
        try:
            bar = make_bar(self._progress and upload is not None, "upload", upload.size if upload else None)
            return self._drive(uploads.through(self._policy, identity, upload, resumable, bar, flow))
        finally:
            bar.close()
            if upload is not None:
                upload.close()

    def _shown(self, what: str, is_bytes: bool, flow: Callable[[Bar], Flow[T]]) -> T:
        bar = make_bar(self._progress, what, is_bytes=is_bytes)
        try:
            return self._drive(flow(bar))
        finally:
            bar.close()

    def _drive(self, flow: Flow[T]) -> T:
        try:
            step = next(flow)
            while True:
                trouble: Optional[Exception] = None
                outcome: Optional[Answer] = None
                try:
                    outcome = self._perform(step)
                except flows.TROUBLES as problem:
                    trouble = problem
                # Not in the handler: the problem would be the context of what the flow raises.
                step = flow.send(outcome) if trouble is None else flow.throw(trouble)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        finally:
            flow.close()  # also after KeyboardInterrupt: a part of a download is closed

    def _perform(self, step: flows.Step) -> Optional[Answer]:
        if isinstance(step, Pause):
            self._sleep(step.seconds)
            return None
        return self._ask(step)

    def _open(self, request: Request) -> httpx.Response:
        made = self._http.build_request(**request.arguments(Piece.blocking), timeout=http_timeout(self._timeout, request))
        return self._http.send(made, stream=True)

    def _iterate(self, flow: streams.Stream) -> Generator[Any, None, None]:
        """What a flow of streams.py or pages.py gives. The stream is closed with the generator."""
        response: Optional[httpx.Response] = None
        data: Iterator[bytes] = iter(())
        try:
            step = next(flow)
            while True:
                trouble: Optional[Exception] = None
                outcome: Union[None, Answer, bytes] = None
                try:
                    if isinstance(step, streams.Item):
                        yield step.value
                    elif isinstance(step, streams.Read):
                        outcome = next(data, None)
                    elif isinstance(step, Pause) or step.silence is None:
                        outcome = self._perform(step)
                    else:
                        if response is not None:
                            response.close()
                        response = self._open(step)
                        body = b"" if response.status_code == 200 else response.read()
                        outcome, data = Answer(response.status_code, response.headers, body), response.iter_raw()
                except flows.TROUBLES as problem:
                    trouble = problem
                step = flow.send(outcome) if trouble is None else flow.throw(trouble)
        except StopIteration:
            return
        finally:
            flow.close()
            if response is not None:
                response.close()

    def _ask(self, request: Request) -> Answer:
        answer = self._open(request)
        try:
            if request.sink is None or answer.status_code not in (200, 206):
                return Answer(answer.status_code, answer.headers, answer.read())
            request.sink.begin(answer.status_code, answer.headers)
            for data in answer.iter_raw():
                request.sink.write(data)
            return Answer(answer.status_code, answer.headers)
        finally:
            answer.close()


class Job:
    """A job on the server."""

    def __init__(self, client: Client, identity: Identity, job_id: str, created: Optional[Created] = None) -> None:
        self.id = job_id
        self.repository_id = created.repository_id if created else None
        self.notes = created.notes if created else []  # what the server decided about an uploaded archive
        self._client = client
        self._identity = identity

    def __repr__(self) -> str:
        return f"Job({self.id!r})"

    def info(self) -> JobInfo:
        """The job as it is now."""
        return self._client._drive(flows.info(self._client._policy, self._identity, self.id))

    def wait(self, timeout: Optional[float] = None) -> JobInfo:
        """Waits until the job has ended, whether well or not. Raises TimeoutError after `timeout` seconds."""
        return self._client._shown(self.id, False, lambda bar: flows.wait_for(
            self._client._policy, self._identity, self.id, Deadline(timeout), bar))

    def result(self, timeout: Optional[float] = None) -> Any:
        """Waits, and returns what the application wrote as its result. Raises JobFailed, or TimeoutError after `timeout`
        seconds."""
        return self._client._shown(self.id, False, lambda bar: flows.result(
            self._client._policy, self._identity, self.id, Deadline(timeout), bar))

    def events(self) -> Generator[JobInfo, None, None]:
        """The states of the job as they come: first the present one, at last that of the end. A connection that is cut is made again.
        Raises NotFound when the job is deleted. The objects have no name, input and metadata."""
        return self._client._iterate(streams.events(self._client._policy, self._identity, self.id))

    def logs(self, follow: bool = True, *, stream: LogStream = "stdout", file: Optional[str] = None,
             tail: Optional[int] = None) -> Generator[str, None, None]:
        """The lines of what the application writes, from the beginning, up to the end of the job; without `follow`, what is there now.
        `file`: a log file of the application instead. `tail`: begins with so many lines of the last attempt. A stream that is cut is
        continued where it was, but with `tail` or `both`, which raise ConnectionFailed. Raises Error if the log was changed meanwhile."""
        return self._client._iterate(streams.logs(self._client._policy, self._identity, self.id, follow, stream, file, tail))

    def cancel(self) -> None:
        """Ends the job: it becomes `failed` with the reason `Cancelled`, which wait() tells. Raises Conflict if it has ended already."""
        self._client._drive(flows.change(self._client._policy, self._identity, self.id, "cancel"))

    def suspend(self) -> None:
        """No attempt is started until resume(); one that is under way goes on. Raises Conflict if the job has ended."""
        self._client._drive(flows.change(self._client._policy, self._identity, self.id, "suspend"))

    def resume(self) -> None:
        """Takes suspend() back."""
        self._client._drive(flows.change(self._client._policy, self._identity, self.id, "resume"))

    def retry(self, *, idempotency_key: Optional[str] = None) -> Job:
        """Starts a new job with the input, params and metadata of this one. Raises Conflict while this one has not ended."""
        created = self._client._drive(flows.retry(self._client._policy, self._identity, self.id, idempotency_key))
        return Job(self._client, self._identity, created.job_id, created)

    def params(self) -> Dict[str, Any]:
        path = f"{job_path(self.id)}/params"
        return dict(self._client._drive(flows.get_json(self._client._policy, self._identity, path)))

    def files(self) -> List[File]:
        """The files of the output. Raises TimeoutError before the end of the job, and JobFailed, as the next three do."""
        return self._client._drive(self._of_ended(flows.files(self._client._policy, self._identity, f"{job_path(self.id)}/output")))

    def read(self, name: str) -> bytes:
        """One file of the output."""
        return self._client._shown(name, True, lambda bar: self._of_ended(download.to_memory(
            self._client._policy, self._identity, file_path(f"{job_path(self.id)}/output", name), bar)))

    def download(self, name: str, target: Target = ".") -> Path:
        """Stores one file of the output. A download that was cut off goes on where it was, also in a later process."""
        return self._store(file_path(f"{job_path(self.id)}/output", name), target_of(target, name))

    def download_output(self, target: Target = ".") -> Path:
        """Stores the whole output as a ZIP."""
        return self._store(f"{job_path(self.id)}/output", target_of(target, f"{self.id}-output.zip"))

    def download_logs(self, target: Target = ".") -> Path:
        """Stores the logs as a ZIP, also while the job runs."""
        return self._store(f"{job_path(self.id)}/logs", target_of(target, f"{self.id}-logs.zip"))

    def delete(self) -> None:
        self._client._drive(flows.delete(self._client._policy, self._identity, job_path(self.id)))

    def _store(self, path: str, target: Path) -> Path:
        return self._client._shown(target.name, True, lambda bar: self._of_ended(download.to_file(
            self._client._policy, self._identity, path, target, bar)))

    def _of_ended(self, flow: Flow[T]) -> Flow[T]:
        return flows.of_ended(self._client._policy, self._identity, self.id, flow)

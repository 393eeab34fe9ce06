"""Lists, events of all jobs, files of inputs and keys of the Python package, on the installed platform."""

import asyncio
from datetime import datetime, timedelta, timezone

import pytest
from platform_client import wait_until
from python_package import arguments, vbrain

pytestmark = pytest.mark.xdist_group("contract")


def entries(rest, call):
    """What `call(client)` gives of an AsyncClient."""
    async def read():
        async with vbrain.AsyncClient(**arguments(rest)) as client:
            return [each async for each in call(client)]

    return asyncio.run(read())


def test_jobs_of_all_repositories(client, world):
    lasting = {world.finished, world.failed, world.started}  # of others a replica may not have heard yet
    found = {job.id: job for job in client.iter_jobs(page_size=1)}
    assert lasting <= found.keys() and found[world.finished] == client.job(world.finished).info()
    assert lasting <= {job.id for job in entries(world.lead, lambda one: one.iter_jobs(page_size=2))}


def test_states(client, world):
    def with_status(status):
        return {job.id for job in client.iter_jobs(status=status, page_size=1)} & {world.finished, world.failed, world.started}

    wait_until("both have ended", lambda: with_status(["finished", "failed"]) == {world.finished, world.failed})
    assert with_status("failed") == {world.failed}


def test_filters(client, world):
    both = [world.finished, world.failed]
    assert [job.id for job in client.iter_jobs(world.repository, page_size=1) if job.id in both] == both
    begun = client.job(world.finished).info().created_on
    newest_first = client.iter_jobs(world.repository, newest_first=True, from_date=begun, to_date=begun + timedelta(minutes=5))
    assert [job.id for job in newest_first if job.id in both] == both[::-1]
    assert world.started not in [job.id for job in client.iter_jobs(world.repository)]
    assert list(client.iter_jobs(world.repository, created_by="nobody")) == []
    assert list(client.iter_jobs(world.repository, from_date=datetime.now(timezone.utc) + timedelta(days=1))) == []
    with pytest.raises(vbrain.InvalidRequest, match="Invalid status"):
        next(client.iter_jobs(status="done"))
    with vbrain.Client(**arguments(world.stake)) as stakeholder, pytest.raises(vbrain.Forbidden):
        next(stakeholder.iter_jobs())


def test_repositories(client, world):
    found = {each.id: each for each in client.iter_repositories(name="test REPO", created_by="lead", page_size=1)}
    info = found[world.repository]
    assert (info.name, info.input, info.created_by, info.metadata) == ("Test Repository", ["data_input.csv"], "lead", world.METADATA)
    assert world.empty_repository not in found
    lasting = {world.repository, world.waiting_repository, world.empty_repository}  # of others a replica may not have heard yet
    assert lasting <= {each.id for each in client.iter_repositories(page_size=2)}
    assert lasting <= {each.id for each in entries(world.lead, lambda one: one.iter_repositories(newest_first=True))}


def test_the_files_of_an_input(client, world, tmp_path):
    repository = client.create_repository(files={"a b.csv": "x\n1\n", "sub/ü.txt": "deep"})
    assert {file.name: file.bytes for file in client.input_files(repository)} == {"a b.csv": 4, "sub/ü.txt": 4}
    assert client.read_input_file(repository, "sub/ü.txt") == b"deep"
    assert client.download_input_file(repository, "a b.csv", tmp_path).read_bytes() == b"x\n1\n"

    async def read():
        async with vbrain.AsyncClient(**arguments(world.lead)) as asynchronous:
            name = (await asynchronous.input_files(repository))[0].name
            stored = await asynchronous.download_input_file(repository, name, tmp_path / "again")
            return name, stored.read_bytes(), await asynchronous.read_input_file(repository, name)

    assert asyncio.run(read()) == ("a b.csv", b"x\n1\n", b"x\n1\n")
    with pytest.raises(vbrain.NotFound, match="Invalid path"):
        client.read_input_file(repository, "none.csv")
    client.delete_repository(repository)


def test_what_becomes_of_all_jobs(client, world):
    events = client.events()
    first = next(events)
    assert first.type == "state" and {world.started, world.finished, world.failed} <= {info.id for info in first.jobs}
    job = client.run(repository_id=world.repository)
    last = next(event for event in events if any(info.id == job.id and info.ended for info in event.jobs))
    events.close()
    job.delete()

    def gone(event):
        """A replica that does not know the id tells the full state."""
        return event.job_id == job.id if event.type == "deleted" else event.type == "state" and job.id not in [info.id for info in event.jobs]

    async def follow():
        async with vbrain.AsyncClient(**arguments(world.lead)) as asynchronous:
            stream = asynchronous.events(last_event_id=last.id)
            async for event in stream:
                if gone(event):
                    await stream.aclose()
                    return True

    assert next(filter(gone, client.events(last_event_id=last.id)))
    assert asyncio.run(follow())


def test_keys(tenants, probe, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    team = tenants.team("Probe", lea="leader", dan="developer")
    with vbrain.Client(**arguments(team["lea"])) as leader:
        made = leader.create_key("dan", expires=timedelta(days=1), description="nightly import")
        key = wait_until("it is listed", lambda: next((each for each in leader.keys() if each.id == made.id), None))
        assert (key.username, key.role, key.source, key.state, key.created_by, key.description) == ("dan", "developer", "Key", "live", "lea", "nightly import")
        assert key.expires_at == made.expires_at and timedelta(hours=23) < made.expires_at - datetime.now(timezone.utc) <= timedelta(days=1, minutes=1)

        def taken(api_key):
            try:
                with vbrain.Client(**{**arguments(team["dan"]), "api_key": api_key}) as developer:
                    return developer.usage()["role"] == "developer"
            except vbrain.Unauthorized:
                return False

        wait_until("it works", lambda: taken(made.api_key))
        at = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(hours=1)
        assert leader.create_key("dan", expires=at).expires_at == at
        with pytest.raises(vbrain.Conflict, match="Too many keys"):
            leader.create_key("dan")
        with pytest.raises(vbrain.InvalidRequest, match="Invalid username"):
            leader.create_key("nobody")
        leader.delete_key(made.id)
        wait_until("it works no more", lambda: not taken(made.api_key))
        with pytest.raises(vbrain.Conflict, match="Key cannot be deleted"):
            leader.delete_key(next(each.id for each in leader.keys() if each.source == "Client"))
    with vbrain.Client(**arguments(team["dan"])) as developer, pytest.raises(vbrain.Forbidden):
        developer.keys()

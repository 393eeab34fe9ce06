"""What test_aiohttp.py runs: uses the API with aiohttp, and prints what it saw as lines of JSON. Arguments: the URL, the identity as JSON.

The job runs until the test releases its repository, which the first line names."""

import asyncio
import json
import sys

import aiohttp

API, IDENTITY = sys.argv[1], json.loads(sys.argv[2])
FILE = b"a,b\n" + b"1,2\n" * 100_000
WAITERS = 20


async def in_pieces():
    for at in range(0, len(FILE), 10_000):
        yield FILE[at:at + 10_000]


async def ask(session, method, path, status, **arguments):
    async with session.request(method, API + path, **arguments) as answer:
        body = await answer.read()
        assert answer.status == status, (method, path, answer.status, body[:300])
        return answer, body


async def create(session):
    """The repository of a form: aiohttp does not know its length, so that it comes in chunks."""
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("file", in_pieces(), filename="números.csv", content_type="text/csv")
    params = {"wait": True, "result": "[1, 2.5]", "output": {"long.txt": "0123456789" * 1000}}
    form.add_field("params", json.dumps(params), content_type="application/json")
    form.add_field("metadata", '{"name": "De aiohttp"}')
    _, body = await ask(session, "POST", "/repository", 201, data=form)
    return json.loads(body)["repository_id"]


async def events(answer):
    """(id, data) of each event of the stream."""
    id, data = None, ""
    async for line in answer.content:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "id":
            id = value
        elif name == "data":
            data = value
        elif line == b"\n" and data:
            yield id, json.loads(data)
            data = ""


async def follow(session, repository, job):
    """The states of the job, and the id of the last event."""
    seen, told = [], False
    async with session.get(f"{API}/job/{job}/events") as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        async for id, data in events(answer):
            seen.append(data["job_status"])
            if data["job_status"] == "started" and not told:
                print(json.dumps(repository), flush=True)
                told = True
    return seen, id


async def result(session, job):
    while True:
        async with session.get(f"{API}/job/{job}/result", params={"wait": 60}) as answer:
            if answer.status != 202:
                return answer.status, await answer.text()


async def download(session, job):
    """The output in two parts, and whether they are the whole."""
    answer, whole = await ask(session, "GET", f"/job/{job}/output", 200)
    headers = {"If-Range": answer.headers["ETag"]}
    middle = len(whole) // 2
    _, first = await ask(session, "GET", f"/job/{job}/output", 206, headers={**headers, "Range": f"bytes=0-{middle - 1}"})
    last, rest = await ask(session, "GET", f"/job/{job}/output", 206, headers={**headers, "Range": f"bytes={middle}-"})
    assert last.headers["Content-Range"] == f"bytes {middle}-{len(whole) - 1}/{len(whole)}"
    await ask(session, "GET", f"/job/{job}/output", 416, headers={**headers, "Range": f"bytes={len(whole)}-"})
    return len(first), first + rest == whole


async def main():
    timeout = aiohttp.ClientTimeout(total=None, sock_read=90)
    async with aiohttp.ClientSession(headers=IDENTITY, timeout=timeout) as session:
        repository = await create(session)
        _, sent = await ask(session, "GET", f"/repository/{repository}/input/files/n%C3%BAmeros.csv", 200)
        _, body = await ask(session, "POST", "/job/execute", 201, json={}, headers={"repository_id": repository})
        job = json.loads(body)["job_id"]
        waiting = [asyncio.create_task(result(session, job)) for _ in range(WAITERS)]
        states, last_id = await follow(session, repository, job)
        results = set(await asyncio.gather(*waiting))
        _, nothing = await ask(session, "GET", f"/job/{job}/events", 204, headers={"Last-Event-ID": last_id})
        first, joined = await download(session, job)
        _, body = await ask(session, "GET", f"/job/{job}", 200)
    print(json.dumps({"sent": sent == FILE, "states": states, "results": [[status, json.loads(text)] for status, text in results], "after_the_end": nothing.decode(),
                      "first_part": first > 0, "joined": joined, "name": json.loads(body)["name"], "input": json.loads(body)["input"]}))


asyncio.run(main())

# Sends each case of forms/cases.json with one HTTP client: forms.py CLIENT URL. Run by record.py.
import asyncio
import json
import pathlib
import subprocess
import sys

client, url = sys.argv[1:]
cases = json.loads((pathlib.Path(__file__).parent.parent / "forms/cases.json").read_text())
FIELDS = ("params", "metadata")


def fields_of(case):
    return {name: case[name] for name in FIELDS if name in case}


def curl(case):
    def quoted(text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    command = ["curl", "-sS", "-o", "/dev/null", f"{url}/curl/{case['case']}"]
    for file in case["files"]:
        pathlib.Path(file["name"]).write_bytes(file["content"].encode())
        command += ["-F", "file=@" + quoted(file["name"])]
    for name, value in fields_of(case).items():
        command += ["--form-string", f"{name}={value}"]
    subprocess.run(command, check=True)


def parts(case):
    """Fields as parts without a filename, so that a form without a file is multipart too."""
    files = [("file", (file["name"], file["content"].encode())) for file in case["files"]]
    return files + [(name, (None, value)) for name, value in fields_of(case).items()]


def with_requests(case):
    import requests
    requests.post(f"{url}/requests/{case['case']}", files=parts(case))


def with_httpx(case):
    import httpx
    httpx.post(f"{url}/httpx/{case['case']}", files=parts(case))


def with_aiohttp(case, name="aiohttp", **options):
    import aiohttp

    async def send():
        form = aiohttp.FormData(default_to_multipart=True, **options)
        for file in case["files"]:
            form.add_field("file", file["content"].encode(), filename=file["name"], content_type="text/csv")
        for field, value in fields_of(case).items():
            form.add_field(field, value)
        async with aiohttp.ClientSession() as session, session.post(f"{url}/{name}/{case['case']}", data=form) as answer:
            await answer.read()

    asyncio.run(send())


send = {"curl": curl, "requests": with_requests, "httpx": with_httpx, "aiohttp": with_aiohttp,
        "aiohttp_unquoted": lambda case: with_aiohttp(case, "aiohttp_unquoted", quote_fields=False)}[client]
for case in cases:
    send(case)

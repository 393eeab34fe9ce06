"""Clients send names of any letters as docs/clients.md says, "Names with other letters". A language that is not installed is skipped."""

import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "clients"))
import page_examples  # noqa: E402

# Within ISO-8859-1, and beyond: a client that sends the first one well may refuse or spoil the second.
NAMES = ("josé", "東")


@pytest.fixture(scope="module")
def users(tenants):
    return tenants.team("Tutorial", **dict.fromkeys(NAMES, "developer"))


def variables(user):
    identity = user.identity
    return {"USERNAME": identity.username, "ORGANIZATION_ID": identity.organization_id, "APPLICATION_ID": identity.application_id,
            "CLIENT_ID": identity.client_id, "API_KEY": identity.key}


def section():
    return re.search(r"^## Names with other letters\n(.*?)^## ", page_examples.PAGE, re.MULTILINE | re.DOTALL)[1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["bash", "vbrain", "python", "aiohttp", "node", "go"])
def test_an_example_takes_the_name(kind, name, users, tmp_path):
    reason = page_examples.why_not(kind)
    if reason:
        pytest.skip(reason)
    done = page_examples.run(kind, tmp_path, users[name].address, variables(users[name]))
    assert done.stdout.strip() in ("200", '{"output":200}'), done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_java(name, users, tmp_path):
    reason = page_examples.why_not("java")
    if reason:
        pytest.skip(reason)
    (tmp_path / "Names.java").write_text(re.search(r"<!-- names: java -->\n```java\n(.*?)^```$", section(), re.MULTILINE | re.DOTALL)[1])
    user = users[name]
    environment = {**os.environ, **page_examples.NO_PROXY, "LC_ALL": "C.UTF-8", "VBRAIN_URL": f"http://{user.address}",
                   **{f"VBRAIN_{variable}": value for variable, value in variables(user).items()}}
    done = subprocess.run(["java", "-Dfile.encoding=UTF-8", "Names.java"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert '"role":"developer"' in done.stdout, done.stdout + done.stderr


def plain_python(url, headers, name):
    assert '`name.encode().decode("latin-1")`' in section()
    request = urllib.request.Request(url, headers={**headers, "username": name.encode().decode("latin-1")})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        return answer.status


def of_httpx(url, headers, name):
    httpx = pytest.importorskip("httpx")
    assert "`name.encode()`" in section()
    return httpx.get(url, headers={**headers, "username": name.encode()}, trust_env=False).status_code


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("call", [plain_python, of_httpx])
def test_python(call, name, users):
    headers = users[name].identity.headers()
    assert call(users[name].base + "/usage", headers, name) == 200

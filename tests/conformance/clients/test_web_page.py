"""The page for people at /: all that it loads is there, and what a browser is allowed to do with it. Its own tests are in web/test."""

import re

import pytest
import requests

pytestmark = pytest.mark.xdist_group("contract")


@pytest.fixture(scope="module")
def get(platform):
    session = requests.Session()
    session.trust_env = False
    return lambda path, **headers: session.get(f"http://{platform.address}{path}", headers=headers, timeout=60, allow_redirects=False)


def test_all_that_the_page_loads_is_there(get):
    page = get("/")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert "web/js/main.js" in loaded and len(loaded) > 30
    for path in loaded:
        assert path.startswith("web/"), path
        answer = get(f"/{path}")
        assert answer.status_code == 200 and answer.content, path
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert get(f"/{path}", **{"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_every_import_of_a_module_is_there(get):
    modules = re.findall(r'"web/(js/[^"]+\.js)"', get("/").text)
    for module in modules:
        for target in re.findall(r"""\bfrom\s*['"]([^'"]+)['"]""", get(f"/web/{module}").text):
            parts = module.split("/")[:-1]
            for part in target.split("/"):
                if part == "..":
                    parts.pop()
                elif part != ".":
                    parts.append(part)
            assert "/".join(parts) in modules, f"{module}: {target}"


def test_the_policy_lets_nobody_else_in(get):
    for path in ("/", "/web/js/main.js"):
        policy = get(path).headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "trusted-types 'none'" in policy
        assert "unsafe" not in policy and "http" not in policy and "*" not in policy


def test_the_first_view_is_small(get):
    page = get("/", **{"Accept-Encoding": "gzip"})
    total = int(page.headers["Content-Length"])
    for path in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        answer = get(f"/{path}", **{"Accept-Encoding": "gzip"})
        assert answer.headers["Content-Encoding"] == "gzip"
        total += int(answer.headers["Content-Length"])
    assert total < 250_000


def test_the_page_can_ask_for_the_role(world):
    assert world.lead.get("/usage").json()["role"] == "leader"

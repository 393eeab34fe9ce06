"""Every example of docs/clients.md runs and prints the product of the two numbers. A language that is not installed is skipped."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^<!-- run: (\w+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = {kind: text for kind, text in BLOCK.findall((ROOT / "docs" / "clients.md").read_text(encoding="utf-8"))}

# The program, the name of the file, and the command in the folder of the file.
RUNS = {
    "bash": ("jq", "example.sh", ["bash", "example.sh"]),
    "vbrain": (sys.executable, "example.py", [sys.executable, "example.py"]),
    "python": (sys.executable, "example.py", [sys.executable, "example.py"]),
    "node": ("node", "example.js", ["node", "example.js"]),
    "go": ("go", "example.go", ["go", "run", "example.go"]),
    "java": ("java", "Example.java", ["java", "Example.java"]),
    "pwsh": ("pwsh", "example.ps1", ["pwsh", "-NoProfile", "-File", "example.ps1"]),
}
NO_PROXY = {name: "" for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy")}


def test_every_example_is_run():
    page = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    assert set(EXAMPLES) == set(RUNS)
    assert page.count("<!-- run: ") == len(RUNS)


def too_old(program):
    """FormData and fetch came with Node 18, the test's Java example needs 11."""
    if program == "node":
        version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
        return int(version.lstrip("v").split(".")[0]) < 18
    return False


@pytest.mark.parametrize("kind", RUNS)
def test_an_example(kind, tutorial, tmp_path):
    program, name, command = RUNS[kind]
    if shutil.which(program) is None or too_old(program):
        pytest.skip(f"{program} is not installed, or too old")
    (tmp_path / name).write_text(EXAMPLES[kind], encoding="utf-8")
    (tmp_path / "numbers.csv").write_text("a,b\n10,20\n")
    identity = tutorial.identity
    environment = {**os.environ, **NO_PROXY, "PYTHONPATH": str(ROOT / "clients" / "python" / "src"), "GOTOOLCHAIN": "local",
                   "GOFLAGS": "-mod=mod", "VBRAIN_URL": f"http://{tutorial.address}", "VBRAIN_USERNAME": identity.username,
                   "VBRAIN_ORGANIZATION_ID": identity.organization_id, "VBRAIN_APPLICATION_ID": identity.application_id,
                   "VBRAIN_CLIENT_ID": identity.client_id, "VBRAIN_API_KEY": identity.key}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip() in ("200", '{"output":200}'), done.stdout + done.stderr

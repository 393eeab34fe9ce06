"""The examples of docs/clients.md, how each is run, and what it needs on the machine."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^<!-- run: (\w+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = {kind: text for kind, text in BLOCK.findall(PAGE)}

# The programs, the name of the file, and the command in the folder of the file.
RUNS = {
    "bash": (["jq", "curl"], "example.sh", ["bash", "example.sh"]),
    "vbrain": ([sys.executable], "example.py", [sys.executable, "example.py"]),
    "python": ([sys.executable], "example.py", [sys.executable, "example.py"]),
    "node": (["node"], "example.js", ["node", "example.js"]),
    "go": (["go"], "example.go", ["go", "run", "example.go"]),
    "java": (["java"], "Example.java", ["java", "Example.java"]),
    "pwsh": (["pwsh"], "example.ps1", ["pwsh", "-NoProfile", "-File", "example.ps1"]),
}
LEAST = {"node": (18, 0), "java": (17, 0), "pwsh": (7, 4)}  # as the page says
NO_PROXY = {name: "" for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy")}


def _output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def why_not(kind, which=shutil.which, output=_output):
    """Why the example cannot run on this machine, or None."""
    for program in RUNS[kind][0]:
        if which(program) is None:
            return f"{program} is not installed"
    if kind in LEAST:
        found = re.search(r"(\d+)(?:\.(\d+))?", output(kind, "--version"))
        if found is None:  # Java 8 does not know --version
            return f"{kind} does not tell its version; the example needs {'.'.join(map(str, LEAST[kind]))}"
        if (int(found[1]), int(found[2] or 0)) < LEAST[kind]:
            return f"{kind} {found[0]} is too old; the example needs {'.'.join(map(str, LEAST[kind]))}"
    if kind == "java" and not re.search(r"^jdk\.compiler\b", output("java", "--list-modules"), re.MULTILINE):
        return "java is a JRE; the example needs a JDK, with the module jdk.compiler"
    return None


def run(kind, folder, address, identity):
    """The finished process of the example. `identity` maps the names of the variables, without VBRAIN_, to their values."""
    _, name, command = RUNS[kind]
    (folder / name).write_text(EXAMPLES[kind], encoding="utf-8")
    (folder / "numbers.csv").write_text("a,b\n10,20\n")
    environment = {**os.environ, **NO_PROXY, "PYTHONPATH": str(ROOT / "clients" / "python" / "src"), "GOTOOLCHAIN": "local",
                   "GOFLAGS": "-mod=mod", "VBRAIN_URL": f"http://{address}",
                   **{f"VBRAIN_{variable}": value for variable, value in identity.items()}}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False)

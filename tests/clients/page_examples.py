"""The examples of docs/clients.md, how each is run, and what it needs on the machine."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import python_tools

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^<!-- run: (\w+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Blocks of the same kind continue each other.
EXAMPLES = {kind: "\n".join(text for each, text in BLOCK.findall(PAGE) if each == kind) for kind, _ in BLOCK.findall(PAGE)}
# Of test_forecast.py and test_webhooks.py.
RUN_ELSEWHERE = ["<!-- run: forecast -->", "<!-- receiver -->", "<!-- names: java -->"]

# The programs, the name of the file, and the command in the folder of the file.
RUNS = {
    "bash": (["jq", "curl"], "example.sh", ["bash", "example.sh"]),
    "vbrain": ([sys.executable], "example.py", [sys.executable, "example.py"]),
    "python": ([sys.executable], "example.py", [sys.executable, "example.py"]),
    "aiohttp": ([sys.executable], "example.py", [sys.executable, "example.py"]),
    "node": (["node"], "example.js", ["node", "example.js"]),
    "go": (["go"], "example.go", ["go", "run", "example.go"]),
    "java": (["java"], "Example.java", ["java", "Example.java"]),
    "csharp": (["dotnet"], "Program.cs", ["dotnet", "run"]),
    "pwsh": (["pwsh"], "example.ps1", ["pwsh", "-NoProfile", "-File", "example.ps1"]),
}
# Debian has no .NET, but Mono with the same HttpClient. mono.cs stands in for what it lacks.
MONO = (["mcs", "mono"], "Program.cs",
        ["sh", "-c", "mcs -langversion:latest -main:Entry -out:example.exe -r:System.Net.Http.dll Program.cs mono.cs && mono example.exe"])
PROJECT = """<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><OutputType>Exe</OutputType><TargetFramework>net%s</TargetFramework></PropertyGroup>
</Project>
"""
DOWNLOAD = ("bash", "aiohttp", "csharp")  # these leave the output of the job in a ZIP
PACKAGES = {"aiohttp": "tuspy"}  # the list in tests/support with what the example imports
LEAST = {"node": (18, 0), "java": (17, 0), "csharp": (8, 0), "pwsh": (7, 4)}  # as the page says
NUMBERS = "a,b\n10,20\n"  # as the page writes it
NO_PROXY = {name: "" for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy")}


def _output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def fences(page):
    """(the line above, the line that opens it) of each block of code of the page."""
    found, above, closed_by = [], "", None
    for line in page.splitlines():
        text = line.strip()
        if closed_by is not None:
            if text.startswith(closed_by) and not text.strip(closed_by[0]):
                closed_by = None
        elif opening := re.match(r"`{3,}|~{3,}", text):
            found.append((above, text))
            closed_by = opening[0]
        above = text
    return found


def not_accounted_for(page):
    """The blocks of which the page says neither how they are run nor why they are not."""
    known = {f"<!-- run: {kind} -->" for kind in RUNS} | set(RUN_ELSEWHERE)
    return [(above, opening) for above, opening in fences(page)
            if above not in known and not re.fullmatch(r"<!-- not run by the tests: .{10,} -->", above)]


def _run_of(kind, which):
    """The entry of RUNS, or Mono's where there is no .NET."""
    if kind == "csharp" and which("dotnet") is None and all(map(which, MONO[0])):
        return MONO
    return RUNS[kind]


def why_not(kind, which=shutil.which, output=_output):
    """Why the example cannot run on this machine, or None."""
    run_of = _run_of(kind, which)
    for program in run_of[0]:
        if which(program) is None:
            return f"{program} is not installed" + (", nor Mono (mono-mcs, libmono-system-net-http4.0-cil)" if kind == "csharp" else "")
    if kind in PACKAGES:
        try:
            python_tools.folder(PACKAGES[kind])
        except RuntimeError as problem:
            return str(problem)
    if kind in LEAST and run_of is not MONO:
        found = re.search(r"(\d+)(?:\.(\d+))?", output(run_of[0][0], "--version"))
        if found is None:  # Java 8 does not know --version
            return f"{run_of[0][0]} does not tell its version; the example needs {'.'.join(map(str, LEAST[kind]))}"
        if (int(found[1]), int(found[2] or 0)) < LEAST[kind]:
            return f"{run_of[0][0]} {found[0]} is too old; the example needs {'.'.join(map(str, LEAST[kind]))}"
    if kind == "java" and not re.search(r"^jdk\.compiler\b", output("java", "--list-modules"), re.MULTILINE):
        return "java is a JRE; the example needs a JDK, with the module jdk.compiler"
    return None


def run(kind, folder, address, identity):
    """The finished process of the example. `identity` maps the names of the variables, without VBRAIN_, to their values."""
    _, name, command = _run_of(kind, shutil.which)
    (folder / name).write_text(EXAMPLES[kind], encoding="utf-8")
    (folder / "numbers.csv").write_text(NUMBERS)
    if kind == "csharp":
        shutil.copy(ROOT / "tests" / "clients" / "mono.cs", folder) if command is MONO[2] else _write_project(folder)
    packages = [ROOT / "clients" / "python" / "src", *([python_tools.folder(PACKAGES[kind])] if kind in PACKAGES else [])]
    environment = {**os.environ, **NO_PROXY, "PYTHONPATH": os.pathsep.join(map(str, packages)), "GOTOOLCHAIN": "local",
                   "GOFLAGS": "-mod=mod", "VBRAIN_URL": f"http://{address}",
                   **{f"VBRAIN_{variable}": value for variable, value in identity.items()}}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False)


def _write_project(folder):
    version = re.match(r"\d+\.\d+", _output("dotnet", "--version"))
    (folder / "example.csproj").write_text(PROJECT % version[0], encoding="utf-8")

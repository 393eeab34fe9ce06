"""Clients that openapi-generator makes from the OpenAPI document, and programs of this folder that use them.

The generator is a jar in a package of PyPI. What a language needs comes from its own registry in fixed versions, into the
cache folder at the first use. Nothing that is generated stays.
"""

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "support"))
import python_tools  # noqa: E402

# In all languages: an object may have keys that the document does not name, because later versions of the server add some.
OPEN = {"disallowAdditionalPropertiesIfNotPresent": False}
# What the generator is told, for each folder of this folder.
GENERATORS = {
    "python": {"generatorName": "python", "packageName": "vbrain_generated", "additionalProperties": OPEN},
    "typescript": {"generatorName": "typescript-fetch", "additionalProperties": OPEN},
    "go": {"generatorName": "go", "packageName": "vbrain", "additionalProperties": {**OPEN, "withGoMod": False}},
    "java": {"generatorName": "java", "library": "okhttp-gson", "additionalProperties": {**OPEN, "openApiNullable": False}},
}


# What is changed in the document for the generators; docs/clients.md shows the same command. Where a body may be a form or
# JSON, the form is left: the clients for Python and Java would send an empty JSON body instead of the form. In Java optional
# parameters are set by name, not by their place, so that a new one does not break programs.
FILTER = ('(.paths[][] | objects | .requestBody?.content? | select(. and has("multipart/form-data"))) |= del(.["application/json"])'
          ' | (.paths[][] | objects)["x-group-parameters"] = true')


class Lacking(Exception):
    """The machine lacks a program, or a registry cannot be reached. The text is the reason."""


class Broken(Exception):
    """A generator or compiler refuses the document or the program. The text is its output."""


def _version(program):
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+", done.stdout)
    return int(found[0]) if found else 0


def _need(program, least=0):
    if shutil.which(program) is None:
        raise Lacking(f"{program} is not installed")
    if _version(program) < least:
        raise Lacking(f"{program} is older than version {least}")


def _fetch(*command, **arguments):
    """A package manager. It may fail, because a test machine may be without access to its registry."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **arguments)
    if done.returncode != 0:
        raise Lacking(f"{Path(str(command[0])).name} could not fetch packages: {(done.stdout + done.stderr)[-500:]}")


def _run(*command, **arguments):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **arguments)
    if done.returncode != 0:
        raise Broken(f"{command[0]}: " + (done.stdout + done.stderr)[-5000:])


@functools.cache
def _packages(name, wanted):
    try:
        return python_tools.folder(name, wanted)
    except RuntimeError as problem:
        raise Lacking(str(problem)) from problem


# What comes from registries, into the cache folder.


def generator():
    return _packages("openapi-generator", HERE / "generator.txt") / "openapi_generator_cli" / "openapi-generator.jar"


def python_packages():
    return _packages("generated-python", HERE / "python" / "packages.txt")


def typescript_packages():
    _need("npm")

    def install(new):
        new.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "typescript" / name, new)
        _fetch("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=new)

    return python_tools.cached("generated-typescript", HERE / "typescript" / "package-lock.json", install)


def _go():
    """The go command and its environment."""
    done = subprocess.run([ROOT / "cluster" / "go.sh"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Lacking(done.stderr[-500:])
    return done.stdout.strip(), {**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-mod=readonly -buildvcs=false"}


def go_modules():
    go, environment = _go()
    _fetch(go, "mod", "download", cwd=HERE / "go", env=environment)


def java_jars():
    def install(new):
        _need("mvn")
        _fetch("mvn", "-q", "-B", "-f", HERE / "java" / "pom.xml", "dependency:copy-dependencies", f"-DoutputDirectory={new}")
        for line in (HERE / "java" / "jars.sha256").read_text(encoding="utf-8").splitlines():
            digest, name = line.split()
            if hashlib.sha256((new / name).read_bytes()).hexdigest() != digest:
                raise Broken(f"{name} is another one than tests/generated/java/jars.sha256 says")

    return python_tools.cached("generated-java", HERE / "java" / "jars.sha256", install)


FETCHES = (generator, python_packages, typescript_packages, go_modules, java_jars)


def generate(document, folder, languages=tuple(GENERATORS)):
    """Makes the clients of the languages below `folder`, each in a folder of its name, and returns what the generator says."""
    _need("java", 11)
    jar = generator()
    _need("jq")
    changed = subprocess.run(["jq", FILTER], input=json.dumps(document), capture_output=True, text=True, check=True).stdout
    (folder / "openapi.json").write_text(changed, encoding="utf-8")
    configurations = []
    for language in languages:
        configurations.append(folder / f"{language}.json")
        configurations[-1].write_text(json.dumps({**GENERATORS[language], "inputSpec": str(folder / "openapi.json"),
                                                  "outputDir": str(folder / language)}), encoding="utf-8")
    done = subprocess.run(["java", "-jar", jar, "batch", "--fail-fast", *configurations], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Broken(done.stdout[-3000:] + done.stderr[-3000:])
    return done.stdout + done.stderr


# Each function compiles a generated client with the program of its language, and returns the program's command and environment.


def build_python(client, _):
    packages = python_packages()
    return [sys.executable, HERE / "python" / "main.py"], {"PYTHONPATH": f"{client}{os.pathsep}{packages}"}


def build_typescript(client, work):
    _need("node", 18)
    packages = typescript_packages()
    for name in ("main.ts", "tsconfig.json"):
        shutil.copy(HERE / "typescript" / name, work)
    (work / "client").symlink_to(client)
    (work / "node_modules").symlink_to(packages / "node_modules")
    _run("node", work / "node_modules" / "typescript" / "bin" / "tsc", "--preserveSymlinks", "-p", work)
    return ["node", work / "built" / "main.js"], {}


def build_go(client, work):
    go, environment = _go()
    for name in ("main.go", "go.mod", "go.sum"):
        shutil.copy(HERE / "go" / name, work)
    shutil.copytree(client, work / "vbrain", ignore=lambda folder, names: [name for name in names if not name.endswith(".go")])
    _fetch(go, "mod", "download", cwd=work, env=environment)
    _run(go, "build", "-o", "program", ".", cwd=work, env=environment)
    return [work / "program"], {}


def build_java(client, work):
    _need("javac", 17)
    jars = java_jars()
    # No other jars than the listed ones.
    path = os.pathsep.join(str(jars / line.split()[1]) for line in (HERE / "java" / "jars.sha256").read_text(encoding="utf-8").splitlines())
    sources = [HERE / "java" / "Main.java", *sorted((client / "src" / "main" / "java").rglob("*.java"))]
    _run("javac", "-nowarn", "-proc:none", "-encoding", "UTF-8", "-cp", path, "-d", work / "classes", *sources)
    return ["java", "-Dfile.encoding=UTF-8", "-cp", f"{work / 'classes'}{os.pathsep}{path}", "Main"], {}


BUILDERS = {"python": build_python, "typescript": build_typescript, "go": build_go, "java": build_java}


def build(language, clients, folder):
    """The command and the environment of the language's program. `clients` is the folder of `generate`, `folder` a new one."""
    return BUILDERS[language](clients / language, folder)


def run(command, environment, folder, variables):
    """Runs a program in a folder. Returns what it has seen."""
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, timeout=900, check=False,
                          env={**os.environ, "NO_PROXY": "*", "no_proxy": "*", **environment, **variables})
    if done.returncode != 0:
        raise Broken(done.stdout[-2000:] + done.stderr[-4000:])
    return json.loads(done.stdout)

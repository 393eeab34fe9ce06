"""The OpenAPI document is valid, and its examples fit their schemas. Needs no server."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urljoin

import jsonschema
import pytest
import python_tools

ROOT = Path(__file__).resolve().parents[2]
OPENAPI = ROOT / "api-server" / "openapi"
WHERE = "edit the YAML files in api-server/openapi/document (README.md there)"

# Bodies of which a text can show nothing.
BYTES = {"application/zip", "application/offset+octet-stream"}

NO_JOB, NO_REPOSITORY, NO_HEADER = {"error": "Invalid job_id"}, {"error": "Invalid repository_id"}, {"error": "Missing organization_id"}
NOT_YET, FAILED = {"message": "Job not yet finished"}, {"error": "Job failed"}
# What the published pages of the platform show, and what this project adds to them: a client of the platform knows these.
PUBLISHED = [
    ("GET /repository", "200", [["202011232005725016", "202009231629398695"]]),
    ("GET /repository", "400", [NO_HEADER]),
    ("POST /repository", "201", [{"message": "Repository created successfully", "repository_id": "202009231629398695"}]),
    ("POST /repository", "400", [NO_HEADER]),
    ("GET /repository/{repository_id}", "404", [NO_REPOSITORY]),
    ("DELETE /repository/{repository_id}", "200", [{"message": "Repository and jobs deleted"}]),
    ("DELETE /repository/{repository_id}", "404", [NO_REPOSITORY]),
    ("DELETE /repository/{repository_id}", "500", [{"error": "Error deleting repository folder"}]),
    ("GET /repository/{repository_id}/input", "404", [NO_REPOSITORY]),
    ("GET /repository/{repository_id}/params", "404", [NO_REPOSITORY]),
    ("GET /job", "400", [NO_HEADER]),
    ("GET /job", "404", [NO_REPOSITORY]),
    ("POST /job/execute", "201", [{"message": "Job created", "job_id": "2e065d31-b19f-486a-85ab-b69afab282b5"}]),
    ("POST /job/execute", "400", [NO_HEADER]),
    ("POST /job/execute", "404", [NO_REPOSITORY]),
    ("GET /job/{job_id}", "404", [NO_JOB, NO_REPOSITORY]),
    ("DELETE /job/{job_id}", "200", [{"message": "Jobs deleted"}]),
    ("DELETE /job/{job_id}", "404", [NO_JOB]),
    ("DELETE /job/{job_id}", "500", [{"error": "Error deleting job folder"}]),
    ("GET /job/{job_id}/result", "200", [{"output": 200}, {"output": None}]),
    *((f"GET /job/{{job_id}}/{part}", status, [body]) for part in ("result", "output") for status, body in (
        ("202", NOT_YET), ("404", NO_JOB), ("500", FAILED))),
    *((f"GET /job/{{job_id}}/{part}", "404", [NO_JOB]) for part in ("params", "logs")),
    ("GET /usage", "401", [{"error": "Invalid x-api-key"}]),
    ("GET /usage", "403", [{"error": "Permission denied"}]),
    *(("POST /job/execute", status, [{"error": error}]) for status, error in (
        ("413", "Payload too large"), ("429", "Too many requests"), ("431", "Headers too large"), ("500", "Internal error"))),
]

sys.path.insert(0, str(OPENAPI))
import document as sources  # noqa: E402
API_PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
METHODS = "GET|POST|PATCH|DELETE|HEAD|OPTIONS"


@pytest.fixture(scope="module", params=[True, False], ids=["with uploads", "without new uploads"])
def document(request):
    whole = sources.read(OPENAPI / "document", "0.0.0")
    return whole if request.param else sources.without_uploads(whole)


def test_it_is_valid_openapi(document, tmp_path):
    try:
        environment = python_tools.environment()
    except RuntimeError as problem:
        pytest.skip(str(problem))
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document))
    done = subprocess.run([sys.executable, "-m", "openapi_spec_validator", file], env=environment, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, f"{WHERE}:\n{done.stdout}{done.stderr}"


def examples_of(media):
    if "example" in media:
        yield "example", media["example"]
    for name, example in media.get("examples", {}).items():
        yield name, example["value"]


def contents(document):
    """(where, media type object) of all bodies: those of requests, and those of answers."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            bodies = {"request": operation.get("requestBody", {}), **operation["responses"]}
            for status, body in bodies.items():
                for kind, media in sources.resolve(document, body).get("content", {}).items():
                    yield f"{method} {path} {status} {kind}", media


def test_examples_fit_their_schemas(document):
    resolver = jsonschema.RefResolver("", document)
    wrong = []
    for where, media in contents(document):
        validator = jsonschema.Draft202012Validator(media["schema"], resolver=resolver)
        for name, value in examples_of(media):
            wrong += [f"{where}, {name}: {error.message}" for error in validator.iter_errors(value)]
    assert not wrong, f"{WHERE}: {wrong}"


def test_every_body_has_an_example(document):
    lacking = [where for where, media in contents(document) if where.split()[-1] not in BYTES and not list(examples_of(media))]
    assert lacking == ["get /openapi.json 200 application/json"], f"{WHERE}: {lacking}"


def test_examples_of_streams_fit_their_events(document):
    resolver = jsonschema.RefResolver("", document)
    seen = set()
    for where, media in contents(document):
        if not where.endswith("text/event-stream"):
            continue
        for _, text in examples_of(media):
            for kind, data in re.findall(r"^event: (.*)\ndata: (.*)\n", text, re.MULTILINE):
                jsonschema.Draft202012Validator(media["x-event-data"][kind], resolver=resolver).validate(json.loads(data))
                seen.add(kind)
    assert seen == {"job", "deleted", "state"}


def without_ids(value):
    """The body with all ids alike: those of an example are its own."""
    return re.sub(r'"(\d{18}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"', '"ID"', json.dumps(value, sort_keys=True))


@pytest.mark.parametrize(("operation", "status", "bodies"), PUBLISHED, ids=[f"{operation} {status}" for operation, status, _ in PUBLISHED])
def test_the_published_bodies_are_examples(document, operation, status, bodies):
    method, path = operation.lower().split(" ", 1)
    answer = sources.resolve(document, document["paths"][path][method]["responses"][status])
    shown = {without_ids(value) for _, value in examples_of(answer["content"]["application/json"])}
    assert [body for body in bodies if without_ids(body) not in shown] == [], f"{WHERE}: {shown}"


def test_every_component_is_used(document):
    text = json.dumps(document)
    unused = [f"#/components/{kind}/{name}" for kind, items in document["components"].items() if kind != "securitySchemes"
              for name in items if f'"#/components/{kind}/{name}"' not in text]
    assert unused == [], WHERE


@pytest.mark.parametrize(("status", "states"), [("200", {("finished", "Completed"), ("failed", "NonZeroExit"), ("failed", "Cancelled")}),
                                                ("202", {("queued", "NotObserved"), ("started", "Running"), ("queued", "Suspended")})])
def test_jobs_are_shown_in_every_state(document, status, states):
    media = document["paths"]["/job/{job_id}"]["get"]["responses"][status]["content"]["application/json"]
    shown = [value for _, value in examples_of(media)]
    assert {(job["job_status"], job["reason"]) for job in shown} == states
    keys = {"job_id", "job_status", "repository_id", "name", "input", "created_on", "created_by", "params", "jobs", "metadata"}
    assert [job for job in shown if not keys <= job.keys()] == []


@pytest.mark.parametrize(("key", "taken"), [
    ("8e03978e-40d5-43dd-bc93-6894a57f9324", True), ('"8e03978e-40d5-43dd-bc93-6894a57f9324"', True), ('"a b"', True), (r'"a\"b\\"', True),
    ("x" * 255, True), ("x" * 256, False), ('"' + "x" * 255 + '"', True), ('"' + "x" * 256 + '"', False), ("", False), ('""', False),
    ('"a', False), ('"a"b"', False), (r'"a\b"', False), ("a b", False), ("ã", False)])
def test_an_idempotency_key_is_as_the_server_takes_it(document, key, taken):
    pattern = document["components"]["parameters"]["IdempotencyKey"]["schema"]["pattern"]
    assert bool(re.search(pattern, key)) == taken


def rows_of(title):
    """The lines of the first table below a title of docs/api.md."""
    return re.search(rf"^#+ {title}\n.*?\n\|---[^\n]*\n((?:\|[^\n]*\n)+)", API_PAGE, re.MULTILINE | re.DOTALL)[1].splitlines()


def test_the_page_for_people_has_the_same_refusals(document):
    on_the_page = {row.split("|")[1].strip() for row in rows_of("Errors")}
    described = {status for item in document["paths"].values() for operation in item.values() for status in operation["responses"] if status >= "400"}
    assert described == on_the_page, f"docs/api.md, Errors; {WHERE}"


def test_the_policies_of_limits_are_those_of_the_code(document):
    in_code = {name for file in (ROOT / "api-server").rglob("*.cpp")
               for name in re.findall(r'\.name = "([a-z-]+)"', file.read_text(encoding="utf-8"))}
    table = re.search(r"^\| policy \|[^\n]*\n\|---[^\n]*\n((?:\|[^\n]*\n)+)", API_PAGE, re.MULTILINE)[1]
    on_the_page = {name for row in table.splitlines() for name in re.findall(r"`([a-z-]+)`", row.split("|")[1])}
    described = set(document["components"]["headers"]["RateLimit-Policy"]["x-known-policies"])
    assert described == in_code and on_the_page == in_code, f"docs/api.md, Too many requests; {WHERE}"


def test_each_endpoint_has_the_answers_of_the_page(document):
    rows = rows_of("Endpoints")
    assert len(rows) > 30
    for row in rows:
        _, endpoint, success, refusals, _ = row.split("|")
        method, path = re.search(rf"`({METHODS}) (\S+)`", endpoint).groups()
        operation = document["paths"][re.sub(r":(\w+)", r"{\1}", path)].get(method.lower())
        if operation is None:  # without new uploads
            assert (method, path) == ("POST", "/uploads")
            continue
        wanted = set(re.findall(r"\b[2-5]\d\d\b", success + refusals))
        assert wanted <= set(operation["responses"]), f"{method} {path}; {WHERE}"


def test_the_server_is_beside_the_document(document):
    for place in ("http://server/", "https://proxy/vbrain/"):
        assert urljoin(f"{place}api/v1/openapi.json", document["servers"][0]["url"]) == f"{place}api/v1/"


def test_other_files_of_swagger_ui_are_refused(tmp_path):
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "LICENSE"):
        (tmp_path / name).write_text("// changed on the way\n")
    done = subprocess.run([OPENAPI / "page" / "fetch.sh"], env={**os.environ, "VBRAIN_SWAGGER_UI": str(tmp_path)}, capture_output=True, text=True,
                          check=False)
    assert done.returncode != 0 and done.stdout == "", done.stdout
    assert "does not have the files of swagger-ui-dist" in done.stderr


def test_the_tests_that_the_readme_names_are_there():
    text = (OPENAPI / "document" / "README.md").read_text(encoding="utf-8")
    assert [name for name in re.findall(r"`(tests/[\w/.]+)`", text) if not (ROOT / name).is_file()] == []


def test_mistakes_in_the_sources_are_found(tmp_path):
    base = "openapi: 3.1.0\ninfo: {title: t}\npaths: {}\n"
    for name, text, expected in (("key.yaml", "openapi: 3.0.0", "another file has the key openapi"),
                                 ("date.yaml", "paths: {/a: {x: 2020-01-01}}", "is a date"),
                                 ("status.yaml", "paths: {/a: {get: {responses: {200: {}}}}}", "the key 200 is no text")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "base.yaml").write_text(base)
        (folder / name).write_text(text)
        with pytest.raises(sources.Wrong, match=expected):
            sources.read(folder, "1")

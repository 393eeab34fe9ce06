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


def test_every_json_answer_has_an_example(document):
    lacking = [where for where, media in contents(document)
               if where.endswith("application/json") and "getOpenApi" not in where and not list(examples_of(media))]
    assert lacking == ["get /openapi.json 200 application/json"], f"{WHERE}: {lacking}"


def test_every_component_is_used(document):
    text = json.dumps(document)
    unused = [f"#/components/{kind}/{name}" for kind, items in document["components"].items() if kind != "securitySchemes"
              for name in items if f'"#/components/{kind}/{name}"' not in text]
    assert unused == [], WHERE


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

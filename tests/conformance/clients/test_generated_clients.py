"""Clients that a public generator makes from the OpenAPI document of the server do what tests/generated/README.md says."""

import re
import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "generated"))
import clients  # noqa: E402

# One process makes all clients, because the generator starts once for all languages.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("generated")]


@pytest.fixture(scope="module")
def generated(tutorial, tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated")
    answer = tutorial.session.get(tutorial.base + "/openapi.json", timeout=60)
    assert answer.status_code == 200
    try:
        said = clients.generate(answer.json(), folder)
    except clients.Lacking as reason:
        pytest.skip(str(reason))
    # The generator says what it does not understand of the document.
    odd = [line for line in said.splitlines() if " WARN " in line or " ERROR " in line]
    assert odd == [], "mend api-server/openapi/document"
    return folder


def test_the_page_tells_what_the_tests_do():
    page = (clients.ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    version = (clients.HERE / "generator.txt").read_text(encoding="utf-8").split("==")[1].split()[0]
    assert clients.FILTER in re.search("jq '(.*?)'", page.replace("\n    ", " "), re.DOTALL)[1]
    assert f"openapi-generator-cli=={version}\n" in page
    assert clients.OPEN == {"disallowAdditionalPropertiesIfNotPresent": False}
    assert "--additional-properties disallowAdditionalPropertiesIfNotPresent=false\n" in page
    assert {options["generatorName"] for options in clients.GENERATORS.values()} == {"python", "typescript-fetch", "go", "java"}


def expected(language, user):
    return {
        "repository": ["" if language == "go" else "generated", ["numbers.csv"], user], "uploaded": "a,b\n10,20\n", "replayed": True,
        "last_event": "finished", "job": ["finished", "Completed", True], "output": 200, "jobs": True, "role": "leader",
        "resumed": [206, True], "file": "200\n", "batch": [12, 30], "refusal": "Invalid job_id"}


@pytest.mark.parametrize("language", clients.GENERATORS)
def test_a_generated_client(language, generated, tutorial, tmp_path):
    try:
        command, environment = clients.build(language, generated, tmp_path)
    except clients.Lacking as reason:
        pytest.skip(str(reason))
    identity = tutorial.identity
    seen = clients.run(command, environment, tmp_path, {
        "VBRAIN_URL": f"http://{tutorial.address}", "VBRAIN_USERNAME": identity.username, "VBRAIN_API_KEY": identity.key,
        "VBRAIN_ORGANIZATION_ID": identity.organization_id, "VBRAIN_APPLICATION_ID": identity.application_id,
        "VBRAIN_CLIENT_ID": identity.client_id, "VBRAIN_KEY": str(uuid.uuid4())})
    assert seen == expected(language, identity.username)

"""Access rights. The answers have the texts of the contract."""

import re
import uuid

import pytest
import requests
from platform_client import wait_until

HEADERS = ["username", "organization_id", "application_id", "client_id", "x-api-key"]
ABSENT = "00000000-0000-7000-8000-000000000000"


def test_each_missing_header_is_named(tutorial):
    for name in HEADERS:
        headers = tutorial.identity.headers()
        del headers[name]
        answer = requests.get(f"{tutorial.base}/job/{ABSENT}", headers=headers, timeout=30)
        assert (answer.status_code, answer.json()) == (400, {"error": f"Missing {name}"})


def test_hyphens_serve_as_well(tutorial):
    headers = {name.replace("_", "-"): value for name, value in tutorial.identity.headers().items()}
    answer = requests.get(f"{tutorial.base}/job/{ABSENT}", headers=headers, timeout=30)
    assert (answer.status_code, answer.json()) == (404, {"error": "Invalid job_id"})


@pytest.mark.parametrize("header", HEADERS)
def test_another_identity_than_the_keys(tutorial, header):
    headers = {**tutorial.identity.headers(), header: "somebody-else"}
    answer = requests.get(f"{tutorial.base}/job/{ABSENT}", headers=headers, timeout=30)
    assert answer.status_code == 401
    assert answer.json()["error"] == "Invalid x-api-key"


def test_a_job_of_another_tenant_is_absent(probe, tutorial):
    job = tutorial.start(params={"a": 1, "b": 1})
    for path in ("", "/result", "/params", "/output", "/logs"):
        foreign = probe.get(f"/job/{job}{path}")
        absent = probe.get(f"/job/{ABSENT}{path}")
        assert (foreign.status_code, foreign.content) == (absent.status_code, absent.content)
        assert foreign.json() == {"error": "Invalid job_id"}


def test_a_repository_of_another_tenant_is_absent(probe, tutorial):
    repository = tutorial.create_repository().json()["repository_id"]
    answer = probe.execute(params={}, repository_id=repository)
    assert (answer.status_code, answer.json()) == (404, {"error": "Invalid repository_id"})


def test_a_stakeholder_may_create_jobs_but_no_repository_and_not_read(tenants):
    rest = tenants.make("Tutorial", role="stakeholder")
    denied = rest.execute(params={"a": 1, "b": 2})
    assert (denied.status_code, denied.json()["error"]) == (403, "Permission denied"), "execute without repository_id creates a repository"
    absent = rest.execute(params={"a": 1, "b": 2}, repository_id="202009231629398695")
    assert (absent.status_code, absent.json()) == (404, {"error": "Invalid repository_id"}), "this user may create one"
    denied = rest.get(f"/job/{ABSENT}")
    assert (denied.status_code, denied.json()) == (403, {"error": "Permission denied"})
    denied = rest.create_repository()
    assert (denied.status_code, denied.json()) == (403, {"error": "Permission denied"})


def test_health_and_metrics_have_a_port_of_their_own(platform):
    for path in ("/livez", "/readyz", "/metrics"):
        assert requests.get(f"http://{platform.metrics_address}{path}", timeout=30).status_code == 200
        assert requests.get(f"http://{platform.address}{path}", timeout=30).status_code == 404
    metrics = requests.get(f"http://{platform.metrics_address}/metrics", timeout=30).text
    space = {name: float(re.search(rf"^vbrain_volume_{name}_bytes (\S+)$", metrics, re.MULTILINE)[1]) for name in ("available", "size")}
    assert 0 < space["available"] <= space["size"]


@pytest.mark.parametrize(("role", "allowed", "denied"), [
    ("view", ("list", "jobs"), ("list", "clients")),
    ("edit", ("create", "applications"), ("update", "clients")),
    ("admin", ("update", "clients"), ("update", "jobs/status")),
])
def test_kubernetes_own_roles_include_ours(platform, role, allowed, denied):
    def may(verb, resource):
        plural, _, part = resource.partition("/")
        return platform.kubectl("auth", "can-i", verb, f"{plural}.vbrain.visagio.com", f"--subresource={part}", "--as", person, check=False).strip()

    person = f"{role}-{uuid.uuid4().hex[:8]}"
    platform.kubectl("create", "rolebinding", person, f"--clusterrole={role}", f"--user={person}")
    wait_until(f"{person} may {' '.join(allowed)}", lambda: may(*allowed) == "yes")
    assert may(*denied) == "no"

"""Retention, and the removal of a tenant with its files."""

import pytest
from platform_client import wait_until
from tenants import make_job_with_kubectl

pytestmark = pytest.mark.xdist_group("space")


def client_of(platform, rest):
    """The name of the Client resource of a user's tenant."""
    clients = platform.kube.get(platform.kube.ours("clients"))["items"]
    found = [item["metadata"]["name"] for item in clients if item["spec"]["clientId"] == rest.identity.client_id]
    assert len(found) == 1, found
    return found[0]


def folder_of(platform, rest):
    identity = rest.identity
    return platform.tenant_folders() / identity.organization_id / identity.application_id / identity.client_id


def held(platform, client):
    return platform.kube.get(platform.kube.ours("clients", client))["metadata"].get("finalizers", [])


def test_an_ended_job_goes_when_it_is_too_old(platform, tenants, probe):
    user = tenants.make("Probe", retention={"jobsMaxAgeSeconds": 60})
    repository = user.repository()
    first = user.start(repository_id=repository)
    user.wait(first)
    wait_until("the older one is gone", lambda: user.get(f"/job/{first}").status_code == 404, 240)
    second = user.start(repository_id=repository)
    user.wait(second)
    wait_until("and all of it", lambda: not platform.job_folders(first) and platform.find_job(first) is None)
    assert user.get(f"/job/{second}").status_code == 200
    assert user.get("/job", repository_id=repository).json() == [second]


def test_a_deleted_client_keeps_its_files(platform, tenants, probe):
    user = tenants.make("Probe")
    user.repository()
    client = client_of(platform, user)
    platform.kubectl("annotate", "vclient", client, "vbrain.visagio.com/purge=yes")
    platform.kubectl("delete", "vclient", client)
    tenants.wait_for(user, known=False)
    assert list((folder_of(platform, user) / "repositories").iterdir())


def test_a_tenant_is_removed_with_its_files_also_when_the_controller_is_killed(platform, tenants, probe):
    user = tenants.make("Probe")
    neighbour = tenants.make("Probe")
    kept = neighbour.repository()
    ended = user.start()
    user.wait(ended)
    waiting = user.repository(params={"wait": True})
    user.start(repository_id=waiting)
    make_job_with_kubectl(platform, user, suspend=True)
    client = client_of(platform, user)
    platform.kubectl("annotate", "vclient", client, "vbrain.visagio.com/purge=confirm")
    wait_until("the controller holds the Client", lambda: held(platform, client))
    assert list((folder_of(platform, user) / "repositories").iterdir()), "the annotation alone removes nothing"
    platform.kubectl("delete", "vclient", client, "--wait=false")
    platform.kill("controller")
    wait_until("the Client is gone", lambda: platform.kube.get(platform.kube.ours("clients", client), check=False) is None, 300)
    wait_until("its files are gone", lambda: not any(
        (folder_of(platform, user) / name).exists() for name in ("jobs", "repositories")))
    jobs = platform.kube.get(platform.kube.ours("jobs"))["items"]
    assert not [job for job in jobs if job["spec"]["clientId"] == user.identity.client_id]
    assert neighbour.get(f"/repository/{kept}").status_code == 200

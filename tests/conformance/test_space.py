"""What a tenant stores: GET /usage, 507 beyond its quota, and the time when an ended job goes."""

from datetime import datetime, timedelta

import pytest
from platform_client import wait_until

pytestmark = pytest.mark.xdist_group("space")

FORM = "%Y-%m-%d_%H:%M:%S"
REMEDY = "Remedy: delete jobs or repositories, or ask the operator for a higher storageQuota"


def assert_full(answer):
    body = answer.json()
    assert (answer.status_code, body["error"]) == (507, "Insufficient storage"), answer.text
    assert body["detail"].startswith("the client stores ") and body["detail"].endswith(REMEDY), body


@pytest.fixture(scope="module")
def limited(tenants, probe):
    return tenants.make("Probe", storageQuota="20k", retention={"jobsMaxAgeSeconds": 3600})


def test_usage_of_every_role(world):
    answers = [user.get("/usage") for user in (world.lead, world.dev, world.stake)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    for answer in answers:
        assert answer.json()["bytes_used"] >= 0
        assert "bytes_quota" not in answer.json()


def test_the_quota_from_the_first_upload_to_a_deletion(platform, limited):
    assert limited.get("/usage").json()["bytes_quota"] == 20_000
    # By its length, before anything is stored.
    assert_full(limited.create_repository(file=("big.csv", b"x" * 30_000)))
    assert limited.get("/repository").json() == []
    repository = limited.repository(file=("half.csv", b"x" * 15_000))
    usage = wait_until("the usage is measured on every replica", lambda: platform.everywhere(
        limited, lambda user: user.get("/usage").json().get("repositories") == 1) and limited.get("/usage").json())
    assert usage["bytes_used"] >= 15_000
    assert usage["jobs"] == 0
    datetime.strptime(usage["measured_on"], FORM)
    assert_full(limited.create_repository(file=("half.csv", b"x" * 15_000)))
    # A job with an input of its own copies the files of its repository.
    assert_full(limited.execute(repository_id=repository, file=("more.csv", b"x")))
    assert limited.delete(f"/repository/{repository}").status_code == 200
    wait_until("there is room again", lambda: limited.create_repository(file=("half.csv", b"x" * 15_000)).status_code == 201)


def test_an_ended_job_tells_when_it_expires(tenants, probe):
    user = tenants.make("Probe", retention={"jobsMaxAgeSeconds": 3600})
    info = user.wait(user.start())
    lasts = datetime.strptime(info["expires_on"], FORM) - datetime.strptime(info["finished_on"], FORM)
    assert abs(lasts - timedelta(hours=1)) <= timedelta(seconds=1)


def test_without_retention_a_job_does_not_expire(world):
    assert "expires_on" not in world.lead.get(f"/job/{world.finished}").json()

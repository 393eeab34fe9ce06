"""Jobs made with kubectl: params in the Job, or the input of a repository."""

import pytest
from platform_client import unzip, wait_until
from tenants import ABSENT_REPOSITORY, job_that_waits, make_job_with_kubectl


def test_with_params(platform, probe):
    job = make_job_with_kubectl(platform, probe, params={"result": '"by hand"', "output": {"x": "y"}}, metadata={"name": "Mine"})
    info = probe.wait(job)
    assert (info["job_status"], info["name"], info["params"], info["metadata"]) == ("finished", "Mine", True, {"name": "Mine"})
    assert probe.get(f"/job/{job}/result").json() == {"output": "by hand"}
    assert unzip(probe.get(f"/job/{job}/output").content) == {"x": b"y"}
    assert probe.get(f"/job/{job}/params").json() == {"result": '"by hand"', "output": {"x": "y"}}


def test_with_a_repository(platform, tutorial):
    repository = tutorial.repository(file=("numbers.csv", b"a,b\n6,7\n"))
    job = make_job_with_kubectl(platform, tutorial, repositoryId=repository)
    assert tutorial.wait(job)["job_status"] == "finished"
    assert tutorial.get(f"/job/{job}/result").json() == {"output": 42}
    wait_until("the repository lists it", lambda: job in tutorial.get("/job", repository_id=repository).json())
    assert tutorial.get(f"/job/{job}").json()["input"] == ["numbers.csv"]


def test_params_over_those_of_the_repository(platform, tutorial):
    repository = tutorial.repository(params={"a": 3, "b": 4})
    job = make_job_with_kubectl(platform, tutorial, repositoryId=repository, params={"b": 5})
    assert tutorial.wait(job)["job_status"] == "finished"
    assert tutorial.get(f"/job/{job}/result").json() == {"output": 15}
    assert tutorial.get(f"/job/{job}/params").json() == {"a": 3, "b": 5}


@pytest.mark.parametrize("whose", ["nobody's", "another tenant's"])
def test_with_a_repository_that_is_not_theirs(platform, probe, tutorial, whose):
    repository = ABSENT_REPOSITORY if whose == "nobody's" else tutorial.repository(params={"secret": 1})
    job = make_job_with_kubectl(platform, probe, repositoryId=repository)
    info = probe.wait(job)
    assert (info["job_status"], info["reason"]) == ("failed", "UnknownRepository")
    assert platform.pods_of(job) == []


def test_with_more_params_than_allowed(platform, probe):
    job = make_job_with_kubectl(platform, probe, params={"text": "x" * (65 << 10)})
    info = probe.wait(job)
    assert (info["job_status"], info["reason"]) == ("failed", "InvalidSpec")
    assert "64 KiB" in info["message"]


def test_waits_for_its_application(platform, tenants, make_application):
    """The Application may be created after the Job. So may the Client, without which the job runs, too."""
    make_application("Early")
    rest = tenants.make("Early")
    platform.kube.delete(platform.kube.ours("applications", "early"))
    job = job_that_waits(platform, rest, "UnknownApplication", params={"result": "1"})
    make_application("Early")
    assert rest.wait(job)["job_status"] == "finished"


def test_of_a_closed_application(platform, tenants, make_application):
    make_application("Closed")
    rest = tenants.make("Closed")
    make_application("Closed", organizations=["somebody-else"])
    job = job_that_waits(platform, rest, "ApplicationNotAllowed")
    assert platform.pods_of(job) == []
    platform.kubectl("delete", "vjob", job, "--timeout=60s")

"""The Job resource is removed after ttlSecondsAfterFinished; users can still read the job."""

import pytest
from platform_client import unzip, wait_until

NO_JOB = {"error": "Invalid job_id"}


@pytest.fixture(scope="module")
def brief(make_application, tenants):
    make_application("Brief", ttlSecondsAfterFinished=1)
    return tenants.make("Brief")


@pytest.fixture(scope="module")
def archived(platform, brief):
    """A finished and a failed job of one repository, without resources."""
    repository = brief.repository(params={"output": {"x.txt": "y"}}, metadata={"name": "Kept"}, file=("x.csv", b"1"))
    jobs = [brief.start(repository_id=repository, params=params)
            for params in ({"result": "7", "log": "mine"}, {"exit": 9, "say": "why"})]
    wait_until("the resources are gone", lambda: not any(platform.find_job(job) for job in jobs))
    return repository, *jobs


def test_what_is_read(platform, brief, archived):
    repository, done, failed = archived
    for address in platform.replicas():
        rest = brief.at(address)
        info = rest.get(f"/job/{done}")
        assert info.status_code == 200
        assert (info.json()["job_status"], info.json()["reason"], info.json()["name"]) == ("finished", "Completed", "Kept")
        assert sorted(info.json()["jobs"]) == sorted([done, failed])
        assert rest.get(f"/job/{done}/result").json() == {"output": 7}
        assert unzip(rest.get(f"/job/{done}/output").content) == {"x.txt": b"y"}
        assert rest.get(f"/job/{done}/params").json()["result"] == "7"
        assert rest.log(done, "own.log") == "mine"
        info = rest.get(f"/job/{failed}").json()
        assert (info["job_status"], info["reason"]) == ("failed", "NonZeroExit")
        answer = rest.get(f"/job/{failed}/result")
        assert (answer.status_code, answer.json()) == (500, {"error": "Job failed"})
        assert "why" in rest.log(failed)
        assert sorted(rest.get("/job", repository_id=repository).json()) == sorted([done, failed])


def test_pods_are_gone(platform, archived):
    wait_until("pods are gone", lambda: not any(platform.pods_of(job) for job in archived[1:]))


def test_others_do_not_see_them(probe, archived):
    for part in ("", "/result", "/params", "/output", "/logs"):
        answer = probe.get(f"/job/{archived[1]}{part}")
        assert (answer.status_code, answer.json()) == (404, NO_JOB)


def test_a_job_made_with_kubectl_is_archived_too(platform, brief):
    from tenants import make_job_with_kubectl

    job = make_job_with_kubectl(platform, brief, params={"result": "8"})
    wait_until("the resource is gone", lambda: platform.find_job(job) is None)
    assert brief.get(f"/job/{job}/result").json() == {"output": 8}


@pytest.mark.parametrize("reason", ["UnknownRepository", "Cancelled"])
def test_a_job_made_with_kubectl_that_never_began_is_archived_too(platform, brief, reason):
    from tenants import ABSENT_REPOSITORY, make_job_with_kubectl

    if reason == "Cancelled":
        job = make_job_with_kubectl(platform, brief, suspend=True, params={"result": "9"}, metadata={"name": "Held"})
        platform.patch_job(job, cancel=True)
    else:
        job = make_job_with_kubectl(platform, brief, repositoryId=ABSENT_REPOSITORY, params={"result": "9"},
                               metadata={"name": "Held"})
    wait_until("the resource is gone", lambda: platform.find_job(job) is None)
    for address in platform.replicas():
        rest = brief.at(address)
        info = rest.get(f"/job/{job}")
        assert info.status_code == 200
        assert (info.json()["job_status"], info.json()["reason"], info.json()["name"]) == ("failed", reason, "Held")
        assert rest.get(f"/job/{job}/params").json() == {"result": "9"}
        answer = rest.get(f"/job/{job}/result")
        assert (answer.status_code, answer.json()) == (500, {"error": "Job failed"})
    assert brief.delete(f"/job/{job}").status_code == 200
    assert brief.get(f"/job/{job}").status_code == 404
    wait_until("nothing is left", lambda: not platform.job_folders(job), deadline=60)


def test_delete_of_an_archived_job(platform, brief):
    job = brief.start(params={"result": "1"})
    wait_until("the resource is gone", lambda: platform.find_job(job) is None)
    answer = brief.delete(f"/job/{job}")
    assert (answer.status_code, answer.json()) == (200, {"message": "Jobs deleted"})
    for address in platform.replicas():
        answer = brief.at(address).get(f"/job/{job}")
        assert (answer.status_code, answer.json()) == (404, NO_JOB)
    wait_until("nothing is left", lambda: not platform.job_folders(job), deadline=60)


def test_delete_of_a_repository_with_archived_jobs(platform, brief):
    repository = brief.repository()
    job = brief.start(repository_id=repository)
    wait_until("the resource is gone", lambda: platform.find_job(job) is None)
    answer = brief.delete(f"/repository/{repository}")
    assert (answer.status_code, answer.json()) == (200, {"message": "Repository and jobs deleted"})
    assert brief.get(f"/job/{job}").json() == NO_JOB
    wait_until("nothing is left", lambda: not platform.job_folders(job)
               and not list(platform.tenant_folders().glob(f"*/*/*/repositories/{repository}")), deadline=60)

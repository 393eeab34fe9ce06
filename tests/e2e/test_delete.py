"""A delete, by REST or by kubectl, in every state: the job is absent at once, and later nothing is left."""

import functools

import pytest
from platform_client import wait_until
from tenants import make_job_with_kubectl

NO_JOB = {"error": "Invalid job_id"}


# Applications whose jobs stay in one particular state.
APPLICATIONS = {
    "unschedulable": ("Nowhere", {"pod": {"nodeSelector": {"e2e": "no-such-node"}}}, ["NoNodeFits"]),
    "without its image": ("NoSuchImage", {"image": "vbrain.invalid/none:1"}, ["ErrImagePull", "ImagePullBackOff"]),
    "in line": ("OnePlace", {}, ["ConcurrencyLimit"]),
    "between attempts": ("ManyRetries", {"backoffLimit": 100}, ["Retrying"]),
}


@pytest.fixture(scope="module")
def user_of(make_application, tenants):
    """Users of those applications, created on demand."""
    takers = []

    @functools.cache
    def user(state):
        name, spec, _ = APPLICATIONS[state]
        make_application(name, **spec)
        if state != "in line":
            return tenants.make(name)
        rest = tenants.make(name, maxConcurrentJobs=1)
        takers.append((rest, rest.start(params={"wait": True})))
        wait_until("the only slot is in use", lambda: "started attempt 1" in rest.log(takers[-1][1]))
        return rest

    yield user
    for rest, job in takers:
        rest.delete(f"/job/{job}")


def in_state(platform, probe, user_of, state):
    """(user, job)"""
    if state in APPLICATIONS:
        rest = user_of(state)
        job = rest.start(params={"exit": 1})
        wait_until("the reason shows", lambda: platform.job(job)["status"].get("reason") in APPLICATIONS[state][2])
        return rest, job
    if state == "suspended":
        return probe, make_job_with_kubectl(platform, probe, suspend=True, params={"a": 1})
    job = probe.start(params={"wait": state in ("running", "cancelled"), "exit": 3 if state == "failed" else 0, "result": "1"})
    if state in ("running", "cancelled"):
        wait_until("it runs", lambda: "started attempt 1" in probe.log(job))
    if state == "cancelled":
        platform.patch_job(job, cancel=True)
    if state in ("finished", "failed", "cancelled"):
        probe.wait(job)
    return probe, job


@pytest.mark.parametrize("state", ["suspended", "just made", "in line", "unschedulable", "without its image", "running",
                                   "between attempts", "finished", "failed", "cancelled"])
@pytest.mark.parametrize("by", ["rest", "kubectl"])
def test_delete(platform, probe, user_of, by, state):
    rest, job = in_state(platform, probe, user_of, state)
    repository = rest.get(f"/job/{job}").json()["repository_id"]
    if by == "rest":
        answer = rest.delete(f"/job/{job}")
        assert (answer.status_code, answer.json()) == (200, {"message": "Jobs deleted"})
    else:
        platform.kubectl("delete", "vjob", job, "--timeout=60s")
    for address in platform.replicas():
        replica = rest.at(address)
        if by == "kubectl" or state == "suspended":  # a replica sees it a moment later; see decision 0011 for the latter
            wait_until("it is absent", lambda: replica.get(f"/job/{job}").status_code == 404)
        for part in ("", "/result", "/params", "/output", "/logs"):
            answer = replica.get(f"/job/{job}{part}")
            assert (answer.status_code, answer.json()) == (404, NO_JOB)
        if repository:
            assert job not in replica.get("/job", repository_id=repository).json()
            assert job not in replica.get(f"/repository/{repository}").json()["jobs"]
    again = rest.delete(f"/job/{job}")
    assert (again.status_code, again.json()) == (404, NO_JOB)
    wait_until("nothing is left", lambda: platform.find_job(job) is None and not platform.pods_of(job)
               and not platform.job_folders(job), deadline=60)


def test_a_repository_and_its_jobs(platform, probe):
    repository = probe.repository(params={"wait": True}, file=("x.csv", b"1"))
    running = probe.start(repository_id=repository)
    suspended = make_job_with_kubectl(platform, probe, suspend=True, repositoryId=repository)
    wait_until("it runs", lambda: "started attempt 1" in probe.log(running))
    answer = probe.delete(f"/repository/{repository}")
    assert (answer.status_code, answer.json()) == (200, {"message": "Repository and jobs deleted"})
    assert probe.get(f"/job/{running}").json() == NO_JOB
    # It has no folder that could be marked, so other replicas see it a moment later (decision 0011).
    wait_until("it is absent", lambda: probe.get(f"/job/{suspended}").json() == NO_JOB)
    wait_until("nothing is left", lambda: not any(platform.find_job(job) or platform.pods_of(job) or platform.job_folders(job)
                                                  for job in (running, suspended))
               and not list(platform.tenant_folders().glob(f"*/*/*/repositories/{repository}")), deadline=60)


def test_a_deleted_job_frees_its_name_to_nobody(platform, probe):
    """Concurrent deletes, and a delete of a job that is being deleted, get no 5xx answer."""
    job = probe.start(params={"wait": True})
    wait_until("it runs", lambda: "started attempt 1" in probe.log(job))
    platform.kube.delete(platform.kube.ours("jobs", job))
    answers = {probe.at(address).delete(f"/job/{job}").status_code for address in platform.replicas()}
    assert answers <= {200, 404}
    wait_until("nothing is left", lambda: platform.find_job(job) is None and not platform.job_folders(job), deadline=60)

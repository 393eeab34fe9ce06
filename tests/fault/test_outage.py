"""The REST server can't reach the Kubernetes API: reads continue, writes that could be lost are refused."""

import pytest
from platform_client import unzip, wait_until
from proxy import Proxy
from tenants import ABSENT_REPOSITORY

AWAY = {"error": "Service unavailable"}


class Away:
    """A second REST server over the same volume. It reaches the Kubernetes API through a proxy."""

    def __init__(self, world, proxy, address, user, brief):
        self.world, self.proxy = world, proxy
        self.near = user  # through the server with a connection to the API
        self.user, self.brief = user.at(address), brief.at(address)
        self.repository = user.repository(params={"a": 1}, metadata={"name": "Kept"}, file=("x.csv", b"1,2\n"))
        self.finished = user.start(repository_id=self.repository, params={"result": "7", "output": {"y": "z"}})
        self.archived = brief.start(params={"result": "8"})
        user.wait(self.finished)
        wait_until("the resource of one is gone", lambda: world.platform.find_job(self.archived) is None)
        for rest, job in ((self.user, self.finished), (self.brief, self.archived)):
            wait_until("the server knows it", lambda: rest.get(f"/job/{job}").status_code == 200)


@pytest.fixture(scope="module")
def away(world):
    user = world.probe_user("Outage")
    brief = world.probe_user("OutageBrief", ttlSecondsAfterFinished=1)
    proxy = Proxy(world.kube_address())
    with world.another_server(kubeconfig=world.kubeconfig_through(proxy.port), flags=["--kube-timeout", "2s"]) as address:
        for rest in (user, brief):
            world.wait_for(rest.at(address))
        yield Away(world, proxy, address, user, brief)
        proxy.close()


@pytest.fixture(params=["cut", "hanging"])
def outage(away, request):
    if request.param == "cut":
        away.proxy.cut()
    else:
        away.proxy.hang()
    yield away
    away.proxy.mend()
    wait_until("the server is whole again", lambda: away.user.execute(
        repository_id=ABSENT_REPOSITORY).status_code == 404)


def test_existing_data_is_read(outage):
    user, job, repository = outage.user, outage.finished, outage.repository
    assert user.get(f"/job/{job}").json()["job_status"] == "finished"
    assert user.get(f"/job/{job}/result").json() == {"output": 7}
    assert user.get(f"/job/{job}/params").json() == {"a": 1, "result": "7", "output": {"y": "z"}}
    assert unzip(user.get(f"/job/{job}/output").content) == {"y": b"z"}
    assert "started attempt 1" in user.log(job)
    assert user.get("/job", repository_id=repository).json() == [job]
    assert repository in user.get("/repository").json()
    assert user.get(f"/repository/{repository}").json()["name"] == "Kept"
    assert unzip(user.get(f"/repository/{repository}/input").content) == {"x.csv": b"1,2\n"}
    assert outage.brief.get(f"/job/{outage.archived}/result").json() == {"output": 8}
    assert outage.brief.get(f"/job/{outage.archived}").json()["job_status"] == "finished"


@pytest.mark.parametrize("file", [None, ("x.csv", b"3,4\n")], ids=["json", "upload"])
def test_a_job_that_could_not_be_created_is_refused_and_removed(outage, file):
    platform, user = outage.world.platform, outage.user
    before = platform.jobs_on_volume(user)
    answer = user.execute(params={"result": "1"}, file=file, repository_id=outage.repository)
    assert answer.status_code == 503, answer.text
    assert {"error": answer.json()["error"]} == AWAY
    assert int(answer.headers["Retry-After"]) > 0
    # If it is unknown whether the API server got the request, the folder stays, marked, for the controller.
    left = platform.jobs_on_volume(user) - before
    assert all((platform.job_folder(job) / "deleted").exists() for job in left), "no client got its id, so it must not run"
    assert user.get("/job", repository_id=outage.repository).json() == [outage.finished]


def test_nothing_is_deleted_that_may_still_run(outage):
    user = outage.user
    for path in (f"/job/{outage.finished}", f"/repository/{outage.repository}"):
        answer = user.delete(path)
        assert (answer.status_code, answer.json()["error"]) == (503, AWAY["error"])
        assert int(answer.headers["Retry-After"]) > 0
        assert user.get(path).status_code == 200
    assert outage.near.get(f"/job/{outage.finished}/result").json() == {"output": 7}


def test_a_repository_needs_no_kubernetes(outage):
    repository = outage.user.repository(params={"b": 2})
    assert outage.near.get(f"/repository/{repository}/params").json() == {"b": 2}


def test_work_goes_on_afterwards(outage):
    assert outage.user.execute(params={}).status_code == 503
    outage.proxy.mend()
    answer = wait_until("a job is taken again", lambda: [
        answer for answer in [outage.user.execute(params={"result": "9"})] if answer.status_code == 201])[0]
    job = answer.json()["job_id"]
    assert outage.near.wait(job)["job_status"] == "finished"
    assert outage.near.get(f"/job/{job}/result").json() == {"output": 9}

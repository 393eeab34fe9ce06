"""One tenant with a job in every state, for the tests of the contract."""

import pytest
from described import Described
from platform_client import wait_until
from tenants import make_job_with_kubectl


class World:
    """Objects that the tests of the contract only read. `lead`, `dev` and `stake` are users of one Client."""

    PARAMS = {"a": 10, "b": 20, "hyperparam": "Hyperparam_Example", "result": '{"value": 600, "more_results": "So long"}',
              "output": {"table.csv": "x,y\n1,2\n", "sub/deep.txt": "deep"}, "log": "my own words"}
    METADATA = {"name": "Test Repository", "more_data": 42}

    def __init__(self, platform, tenants, probe):
        self.platform = platform
        users = tenants.team("Probe", lead="leader", dev="developer", stake="stakeholder")
        self.lead, self.dev, self.stake = users["lead"], users["dev"], users["stake"]
        self.repository = self.lead.repository(params=self.PARAMS, metadata=self.METADATA,
                                               file=("data_input.csv", b"a,b\n1,2\n"))
        self.waiting_repository = self.lead.repository(params={"wait": True})
        self.empty_repository = self.lead.repository()
        self.finished = self.lead.start(repository_id=self.repository)
        self.failed = self.lead.start(repository_id=self.repository, params={"exit": 7, "say": "why it failed"})
        self.started = self.lead.start(repository_id=self.waiting_repository)
        self.queued = make_job_with_kubectl(platform, self.lead, suspend=True, repositoryId=self.empty_repository)
        wait_until("one job runs", lambda: "started attempt 1" in self.lead.log(self.started))
        # From here on these objects do not change on any replica.
        for what, job, holds in (("one is said to run", self.started, lambda info: info.get("reason") == "Running"),
                                 ("one is finished", self.finished, lambda info: info["job_status"] == "finished"),
                                 ("one has failed", self.failed, lambda info: info["job_status"] == "failed")):
            wait_until(what, lambda: platform.everywhere(self.lead, lambda user: holds(user.get(f"/job/{job}").json())))

    def end(self):
        self.platform.release(self.waiting_repository)


@pytest.fixture(scope="session")
def world(platform, tenants, probe):
    made = World(platform, tenants, probe)
    yield made
    made.end()


@pytest.fixture(scope="session")
def described(world):
    """The OpenAPI document of the server, which needs no key."""
    answer = world.lead.call("GET", "/openapi.json", dict.fromkeys(world.lead.identity.headers()))
    assert answer.status_code == 200, answer.text
    return Described(answer.json())

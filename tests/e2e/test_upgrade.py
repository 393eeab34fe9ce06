"""The chart is upgraded, removed and installed again while jobs run: nothing is lost, nothing runs twice."""

from pathlib import Path

import pytest
import requests
from platform_client import wait_until

pytestmark = pytest.mark.disruptive

CHART = str(Path(__file__).resolve().parent.parent.parent / "helm" / "vbrain")


@pytest.fixture
def running(platform, probe):
    """(job, its repository) while its application waits to be released."""
    repository = probe.repository(params={"wait": True, "result": "1"})
    job = probe.start(repository_id=repository)
    wait_until("it runs", lambda: "started attempt 1" in probe.log(job))
    return job, repository


def answers(rest, job, states):
    try:
        return rest.state(job) in states
    except (requests.RequestException, AssertionError):
        return False


def assert_ran_once(platform, rest, running):
    job, repository = running
    platform.release(repository)
    wait_until("the job ends", lambda: answers(rest, job, ("finished", "failed")))
    assert rest.state(job) == "finished"
    assert rest.get(f"/job/{job}/result").json() == {"output": 1}
    assert rest.log(job).count("started attempt") == 1
    assert platform.job(job)["status"]["attempts"] == 1


def test_upgrade_with_jobs_running(platform, probe, running):
    before = {pod["metadata"]["name"] for program in ("api-server", "controller") for pod in platform.program_pods(program)}
    platform.helm("upgrade", "vbrain", CHART, "--reuse-values", "--wait", "--timeout", "3m",
                  "--set", "apiServer.podAnnotations.e2e=upgraded", "--set", "controller.podAnnotations.e2e=upgraded")
    wait_until("all pods are new", lambda: not before & {
        pod["metadata"]["name"] for program in ("api-server", "controller") for pod in platform.program_pods(program)})
    wait_until("REST answers", lambda: answers(probe, running[0], ("started",)))
    assert_ran_once(platform, probe, running)


def test_uninstall_and_install_again(platform, probe, running, tmp_path):
    ended = probe.start(params={"result": "2"})
    probe.wait(ended)
    values = tmp_path / "values.yaml"
    values.write_text(platform.helm("get", "values", "vbrain", "-o", "yaml"))
    uid = platform.job(ended)["metadata"]["uid"]
    platform.helm("uninstall", "vbrain", "--wait", "--timeout", "2m")
    wait_until("the programs are gone", lambda: not platform.program_pods("api-server") + platform.program_pods("controller"))
    assert platform.job(ended)["metadata"]["uid"] == uid, "an uninstall keeps the Jobs"
    assert platform.job_folder(ended).exists()
    assert [pod["status"]["phase"] for pod in platform.pods_of(running[0])] == ["Running"]

    platform.helm("install", "vbrain", CHART, "-f", str(values), "--wait", "--timeout", "3m")
    service = platform.kube.get(platform.kube.core("services", "vbrain-api-server"))
    rest = probe.at(f"{service['spec']['clusterIP']}:8080")
    wait_until("REST answers", lambda: answers(rest, ended, ("finished",)))
    assert rest.get(f"/job/{ended}/result").json() == {"output": 2}
    assert_ran_once(platform, rest, running)

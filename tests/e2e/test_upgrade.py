"""The chart is upgraded, removed and installed again while jobs run: nothing is lost, nothing runs twice."""

import shutil
from pathlib import Path

import pytest
import requests
import yaml
from platform_client import wait_until

pytestmark = pytest.mark.disruptive

CHART = Path(__file__).resolve().parent.parent.parent / "helm" / "vbrain"


@pytest.fixture
def next_chart(tmp_path):
    """The chart of a later version."""
    later = tmp_path / "vbrain"
    shutil.copytree(CHART, later)
    file = later / "Chart.yaml"
    chart = yaml.safe_load(file.read_text())
    chart["version"] = "99.0.0"
    file.write_text(yaml.safe_dump(chart))
    return str(later)


@pytest.fixture
def running(platform, probe):
    """(job, its repository); its application waits to be released."""
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


def test_upgrade_with_jobs_under_way(platform, probe, running, next_chart, make_application, tenants):
    """One job that runs, one that waits for a slot, and one between two attempts."""
    make_application("UpgradeLine", maxConcurrentJobs=1)
    make_application("UpgradeRetry", backoffLimit=100)
    line, retry = tenants.make("UpgradeLine"), tenants.make("UpgradeRetry")
    first = line.execute(params={"wait": True}).json()
    wait_until("the only slot is in use", lambda: "started attempt 1" in line.log(first["job_id"]))
    waiting, trying = line.start(params={"result": "3"}), retry.start(params={"exit": 1})
    wait_until("one waits in line", lambda: platform.job(waiting)["status"].get("reason") == "ConcurrencyLimit")
    wait_until("one is tried again", lambda: platform.job(trying)["status"].get("attempts", 0) > 1)
    before = {pod["metadata"]["name"] for program in ("api-server", "controller") for pod in platform.program_pods(program)}
    platform.helm("upgrade", "vbrain", next_chart, "--reset-then-reuse-values", "--wait", "--timeout", "3m",
                  "--set", "apiServer.podAnnotations.e2e=upgraded", "--set", "controller.podAnnotations.e2e=upgraded")
    wait_until("all pods are new", lambda: not before & {
        pod["metadata"]["name"] for program in ("api-server", "controller") for pod in platform.program_pods(program)})
    wait_until("REST answers", lambda: answers(probe, running[0], ("started",)))
    assert_ran_once(platform, probe, running)

    tried = platform.job(trying)["status"]["attempts"]
    wait_until("it is tried on", lambda: platform.job(trying)["status"]["attempts"] > tried)
    platform.patch_job(trying, cancel=True)
    assert retry.wait(trying)["reason"] == "Cancelled"
    assert platform.job(waiting)["status"].get("attempts", 0) == 0
    platform.release(first["repository_id"])
    for job in (first["job_id"], waiting):
        assert line.wait(job)["job_status"] == "finished"
    assert platform.job(waiting)["status"]["startTime"] >= platform.job(first["job_id"])["status"]["completionTime"]


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

    platform.helm("install", "vbrain", str(CHART), "-f", str(values), "--wait", "--timeout", "3m")
    service = platform.kube.get(platform.kube.core("services", "vbrain-api-server"))
    platform.address = f"{service['spec']['clusterIP']}:8080"
    wait_until("REST answers", lambda: answers(probe, ended, ("finished",)))
    assert probe.get(f"/job/{ended}/result").json() == {"output": 2}
    assert_ran_once(platform, probe, running)

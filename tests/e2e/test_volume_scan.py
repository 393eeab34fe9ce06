"""The controller's scan of the volume: jobs without a resource, interrupted deletions, incomplete folders."""

import json
import os
import shutil
import uuid

import pytest
from platform_client import wait_until

# The scan handles only folders that have not changed for a minute.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("scan")]

SCAN = 150  # seconds: a minute, and time for the next scan


def own(path):
    """A folder with the owner and mode that the programs use."""
    os.chown(path, 65532, 2000)
    path.chmod(0o2770 if path.is_dir() else 0o660)


def restored(platform, job, attempts=()):
    """A copy of the job's folder under a new id, as on a restored volume: without status.json and without a resource."""
    folder = platform.job_folder(job)
    name = str(uuid.uuid4())
    copy = folder.parent / name
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("status.json", "attempts", "deleted"))
    file = copy / "job.json"
    file.write_text(file.read_text().replace(job, name))
    for attempt in attempts:
        shutil.copytree(folder / "attempts" / attempt, copy / "attempts" / attempt)
    record = json.loads(file.read_text())
    marker = folder.parent.parent / "repositories" / record["repository_id"] / "jobs" / name
    marker.touch()
    for path in [copy, *copy.rglob("*"), marker]:
        own(path)
    return name


def leftover(folder):
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "file").write_text("x")
    for path in (folder, folder / "sub", folder / "sub" / "file"):
        own(path)
    return folder


@pytest.fixture(scope="module")
def found(platform, probe):
    """Everything that the scan must find, created together, because a scan takes a while."""
    made = {"repository": probe.repository(params={"result": "5"})}
    made["model"] = probe.start(repository_id=made["repository"])
    probe.wait(made["model"])
    folder = platform.job_folder(made["model"])
    wait_until("its record is on the volume", lambda: (folder / "status.json").exists())
    made["orphan"] = restored(platform, made["model"])
    made["ended orphan"] = restored(platform, made["model"], attempts=["1"])
    made["deleted"] = restored(platform, made["model"])
    marker = platform.job_folder(made["deleted"]) / "deleted"
    marker.touch()
    own(marker)
    tenant = folder.parent.parent
    for name in (".staging", ".trash"):
        (tenant / name).mkdir(exist_ok=True)
        own(tenant / name)
    made["leftovers"] = [leftover(tenant / name / f"e2e-{uuid.uuid4()}") for name in (".staging", ".trash")]
    return made


def test_a_folder_without_a_resource_becomes_a_job_again(platform, probe, found):
    job = found["orphan"]
    wait_until("it is a Job again", lambda: platform.find_job(job), deadline=SCAN)
    info = probe.wait(job)
    assert (info["job_status"], info["repository_id"]) == ("finished", found["repository"])
    assert probe.get(f"/job/{job}/result").json() == {"output": 5}
    assert platform.job(job)["metadata"]["finalizers"] == ["vbrain.visagio.com/artifacts"]


def test_an_ended_job_without_a_resource_does_not_run_again(platform, probe, found):
    job = found["ended orphan"]
    wait_until("it is a Job again", lambda: platform.find_job(job), deadline=SCAN)
    assert probe.wait(job)["job_status"] == "finished"
    assert probe.get(f"/job/{job}/result").json() == {"output": 5}
    assert platform.pods_of(job) == []


def test_a_deletion_is_finished(platform, probe, found):
    wait_until("what was deleted is removed", lambda: not platform.job_folders(found["deleted"]), deadline=SCAN)
    assert platform.find_job(found["deleted"]) is None
    assert probe.get(f"/job/{found['deleted']}").status_code == 404


def test_leftovers_are_removed(found):
    wait_until("it is gone", lambda: not any(folder.exists() for folder in found["leftovers"]), deadline=SCAN)


def test_an_ended_job_stays_as_it_is(probe, found):
    assert probe.get(f"/job/{found['model']}/result").json() == {"output": 5}

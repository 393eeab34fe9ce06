"""The contract's table of roles, row by row, and which users have a role."""

import pytest
from tenants import ABSENT_JOB

pytestmark = pytest.mark.xdist_group("contract")

# Permission, the request that needs it, the roles that have it.
ROWS = {
    "create repository": ("POST", "/repository", {}, "leader developer"),
    "list repositories": ("GET", "/repository", {}, "leader developer stakeholder"),
    "read repository": ("GET", "/repository/{repository}", {}, "leader developer stakeholder"),
    "read repository input": ("GET", "/repository/{repository}/input", {}, "leader developer stakeholder"),
    "list input files": ("GET", "/repository/{repository}/input/files", {}, "leader developer stakeholder"),
    "list a job's input files": ("GET", "/job/{job}/input/files", {}, "leader developer"),
    "read a job's input file": ("GET", "/job/{job}/input/files/data_input.csv", {}, "leader developer"),
    "read input file": ("GET", "/repository/{repository}/input/files/data_input.csv", {}, "leader developer stakeholder"),
    "read repository params": ("GET", "/repository/{repository}/params", {}, "leader developer stakeholder"),
    "delete repository": ("DELETE", "/repository/{victim}", {}, "leader"),
    "create job": ("POST", "/job/execute", {"repository_id": "{parking}"}, "leader developer stakeholder"),
    "create job and repository": ("POST", "/job/execute", {}, "leader developer"),
    "create upload": ("POST", "/uploads", {"Tus-Resumable": "1.0.0", "Upload-Length": "0"}, "leader developer stakeholder"),
    "list jobs": ("GET", "/job", {"repository_id": "{repository}"}, "leader developer"),
    "read job": ("GET", "/job/{job}", {}, "leader developer"),
    "read job result": ("GET", "/job/{job}/result", {}, "leader developer"),
    "read job params": ("GET", "/job/{job}/params", {}, "leader developer"),
    "read job output": ("GET", "/job/{job}/output", {}, "leader developer"),
    "list output files": ("GET", "/job/{job}/output/files", {}, "leader developer"),
    "read output file": ("GET", "/job/{job}/output/files/table.csv", {}, "leader developer"),
    "read job logs": ("GET", "/job/{job}/logs", {}, "leader developer"),
    "stream job logs": ("GET", "/job/{job}/logs/stream", {}, "leader developer"),
    "read events of a job": ("GET", "/job/{job}/events", {}, "leader developer"),
    "read usage": ("GET", "/usage", {}, "leader developer stakeholder"),
    "read application": ("GET", "/application", {}, "leader developer stakeholder"),
    "list keys": ("GET", "/keys", {}, "leader"),
    "delete job": ("DELETE", "/job/{victim_job}", {}, "leader"),
    "suspend job": ("POST", "/job/{queued}/suspend", {}, "leader"),
    "retry job": ("POST", "/job/{failed}/retry", {}, "leader"),
}


@pytest.mark.parametrize("role", ["stakeholder", "developer", "leader"])
@pytest.mark.parametrize("row", ROWS)
def test_role(world, row, role):
    method, path, headers, allowed = ROWS[row]
    names = {"repository": world.repository, "job": world.finished, "parking": world.empty_repository,
             "queued": world.queued, "failed": world.failed}
    if method == "DELETE":
        names["victim"] = world.lead.repository()
        names["victim_job"] = world.lead.start(repository_id=names["victim"])
    user = {"leader": world.lead, "developer": world.dev, "stakeholder": world.stake}[role]
    answer = user.call(method, path.format(**names), {name: value.format(**names) for name, value in headers.items()})
    if role in allowed.split():
        assert answer.status_code in (200, 201), answer.text
        if row == "retry job":
            assert world.lead.delete(f"/job/{answer.json()['job_id']}").status_code == 200
    else:
        assert (answer.status_code, answer.json()["error"]) == (403, "Permission denied")
    if method == "DELETE" and role != "leader":
        assert world.lead.delete(f"/repository/{names['victim']}").status_code == 200


def test_a_refusal_does_not_show_what_exists(world):
    for part in ("", "/result", "/params", "/output", "/output/files", "/output/files/table.csv", "/logs", "/logs/stream", "/events"):
        there, absent = (world.stake.get(f"/job/{job}{part}") for job in (world.finished, ABSENT_JOB))
        assert (there.status_code, there.content) == (absent.status_code, absent.content)


def test_each_job_names_who_made_it(world):
    job = world.dev.start(repository_id=world.empty_repository)
    assert world.lead.get(f"/job/{job}").json()["created_by"] == "dev"
    assert world.lead.delete(f"/job/{job}").status_code == 200

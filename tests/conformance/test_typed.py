"""paramsSchema and resultSchema of an Application: at submit, for Jobs of kubectl, and at the end."""

import pytest
from platform_client import wait_until
from tenants import make_job_with_kubectl

pytestmark = pytest.mark.xdist_group("contract")

PARAMS = {"type": "object", "required": ["result"], "additionalProperties": False,
          "properties": {"result": {"type": "string"}, "say": {"type": "string", "maxLength": 20, "default": "by default"},
                         "exit": {"type": "integer", "enum": [0, 3]}}}
RESULT = {"type": "object", "properties": {"values": {"type": "array", "items": {"type": "number"}}}}


@pytest.fixture(scope="module")
def typed(platform, make_application, tenants):
    make_application("Typed", paramsSchema=PARAMS, resultSchema=RESULT)
    return tenants.make("Typed")


def test_the_schemas_are_shown(typed):
    answer = typed.get("/application")
    assert answer.status_code == 200
    assert answer.json() == {"application": "Typed", "params_schema": PARAMS, "result_schema": RESULT, "attempts": 1}
    assert typed.get("/application", **{"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_params_are_completed_and_checked(typed):
    repository = typed.repository(params={"result": '{"values": [1, 2.5]}'})
    answer = typed.execute(repository_id=repository, params={"exit": 1, "more": 1})
    assert (answer.status_code, answer.json()["error"]) == (400, "Invalid params")
    assert answer.json()["violations"] == [
        {"pointer": "/exit", "message": "must be one of 0, 3"},
        {"pointer": "/more", "message": 'is not known; known: "exit", "result", "say"'}]
    assert typed.get("/job", repository_id=repository).json() == []
    job = typed.start(repository_id=repository)
    assert typed.wait(job)["job_status"] == "finished"
    assert typed.get(f"/job/{job}/params").json() == {"result": '{"values": [1, 2.5]}', "say": "by default"}
    assert "by default" in typed.log(job), "the application sees the default"
    assert typed.get(f"/job/{job}/result").json() == {"output": {"values": [1, 2.5]}}


def test_a_batch_is_checked_whole(typed):
    repository = typed.repository()
    answer = typed.call("POST", "/job/batch", {"repository_id": repository}, json={"params": [{"result": "1"}, {}, {"result": 1}]})
    assert answer.status_code == 400
    assert answer.json()["violations"] == [{"index": 1, "pointer": "/result", "message": "is missing"},
                                           {"index": 2, "pointer": "/result", "message": "must be a string, is a number"}]
    assert typed.get("/job", repository_id=repository).json() == []


def test_a_result_that_does_not_match_fails_the_job(typed):
    info = typed.wait(typed.start(params={"result": '{"values": [1, "two"]}'}))
    assert (info["job_status"], info["reason"]) == ("failed", "InvalidResult")
    assert "/values/1: must be a number, is a string" in info["message"]


def test_a_job_of_kubectl_with_other_params_fails(platform, typed):
    job = make_job_with_kubectl(platform, typed, params={"result": "1", "say": 5})
    info = typed.wait(job)
    assert (info["job_status"], info["reason"]) == ("failed", "InvalidParams")
    assert "/say: must be a string, is a number" in info["message"] and "Remedy: " in info["message"]
    assert info["attempts"] <= 1


def test_a_schema_with_a_mistake_stops_new_jobs(platform, make_application, tenants):
    make_application("Mistyped", paramsSchema={"properties": {"a": {"type": "int"}}})
    user = tenants.make("Mistyped")
    ready = wait_until("the Application says so", lambda: [
        condition for condition in platform.kube.get(platform.kube.ours("applications", "mistyped")).get("status", {}).get("conditions", [])
        if condition["type"] == "Ready" and condition["status"] == "False"])
    assert ready[0]["reason"] == "InvalidSchema"
    assert "spec.paramsSchema can't be used: /properties/a/type must be " in ready[0]["message"]
    answer = user.execute()
    assert (answer.status_code, answer.json()["detail"]) == (503, ready[0]["message"])

"""Jobs through the official Python client of Kubernetes and kubectl, without REST."""

import uuid

import pytest
from kubernetes import client, config, watch
from kubernetes.client.rest import ApiException
from platform_client import unzip, wait_until
from tenants import ABSENT_REPOSITORY

pytestmark = pytest.mark.xdist_group("kubernetes")

WHERE = ("vbrain.visagio.com", "v1")


@pytest.fixture(scope="module")
def jobs(platform):
    """CustomObjectsApi, bound to Jobs of the installation."""
    config.load_kube_config(platform.kubeconfig)
    api = client.CustomObjectsApi()

    class Jobs:
        def create(self, job):
            return api.create_namespaced_custom_object(*WHERE, platform.namespace, "jobs", job)

        def get(self, name):
            return api.get_namespaced_custom_object(*WHERE, platform.namespace, "jobs", name)

        def patch(self, name, spec):
            return api.patch_namespaced_custom_object(*WHERE, platform.namespace, "jobs", name, {"spec": spec})

        def delete(self, name):
            return api.delete_namespaced_custom_object(*WHERE, platform.namespace, "jobs", name)

        def list(self, **selectors):
            return api.list_namespaced_custom_object(*WHERE, platform.namespace, "jobs", **selectors)["items"]

        def stream(self, **arguments):
            return watch.Watch().stream(api.list_namespaced_custom_object, *WHERE, platform.namespace, "jobs",
                                        timeout_seconds=120, **arguments)

    return Jobs()


@pytest.fixture(scope="module")
def user(tenants, probe):
    return tenants.make("Probe")


def a_job(user, **spec):
    identity = user.identity
    return {"apiVersion": "vbrain.visagio.com/v1", "kind": "Job", "metadata": {"name": str(uuid.uuid4())},
            "spec": {"organizationId": identity.organization_id, "applicationId": identity.application_id,
                     "clientId": identity.client_id, "username": identity.username, **spec}}


def has_started(user, name):
    # A replica sees objects of other clients a moment later.
    return user.get(f"/job/{name}").status_code != 404 and "started attempt 1" in user.log(name)


def conditions(job):
    return {part["type"]: part for part in job["status"].get("conditions", [])}


def test_create_and_watch_to_the_end(jobs, user):
    made = jobs.create(a_job(user, params={"result": "5", "output": {"a.txt": "A"}, "log": "mine"}))
    name = made["metadata"]["name"]
    phases = [made["status"]["phase"]]
    for event in jobs.stream(field_selector=f"metadata.name={name}", resource_version=made["metadata"]["resourceVersion"]):
        phase = event["object"]["status"]["phase"]
        phases += [phase] if phases[-1:] != [phase] else []
        if phase in ("Finished", "Failed"):
            break
    # One that ends at once may never be shown as started.
    assert phases in (["Queued", "Started", "Finished"], ["Queued", "Finished"])
    job = jobs.get(name)
    status = job["status"]
    assert (status["reason"], status["attempts"], status["acceptedAttempt"], status["exitCode"]) == ("Completed", 1, 1, 0)
    assert status["startTime"] <= status["completionTime"]
    complete = conditions(job)["Complete"]
    assert (complete["status"], complete["reason"]) == ("True", "Completed")
    assert "observedGeneration" not in complete and "observedGeneration" not in status, "kubectl wait would pass over the end"
    assert "vbrain.visagio.com/artifacts" in job["metadata"]["finalizers"]
    # REST reads a Job that was not created by REST, too.
    info = user.wait(name)
    assert (info["job_status"], info["params"], info["created_by"]) == ("finished", True, "ana")
    assert user.get(f"/job/{name}/result").json() == {"output": 5}
    assert unzip(user.get(f"/job/{name}/output").content) == {"a.txt": b"A"}
    assert user.log(name, "own.log") == "mine"


def test_list_by_fields(jobs, user):
    name = jobs.create(a_job(user, suspend=True))["metadata"]["name"]
    for selector in (f"spec.clientId={user.identity.client_id}", "status.phase=Queued", "spec.applicationId=Probe",
                     "spec.username=ana", "spec.organizationId=acme"):
        assert name in [job["metadata"]["name"] for job in jobs.list(field_selector=selector)]
    assert name not in [job["metadata"]["name"] for job in jobs.list(field_selector="status.phase=Finished")]
    jobs.delete(name)


def test_suspend_and_resume(jobs, user, platform):
    name = jobs.create(a_job(user, suspend=True, params={"result": "1"}))["metadata"]["name"]
    wait_until("the reason shows", lambda: jobs.get(name)["status"].get("reason") == "Suspended")
    suspended = conditions(jobs.get(name)).get("Suspended")
    assert suspended is None or suspended["status"] == "True"
    assert user.state(name) == "queued"
    assert platform.pods_of(name) == []
    jobs.patch(name, {"suspend": False})
    assert user.wait(name)["job_status"] == "finished"
    assert conditions(jobs.get(name)).get("Suspended", {"status": "False"})["status"] == "False"


def test_cancel_a_running_one(jobs, user):
    name = jobs.create(a_job(user, params={"wait": True}))["metadata"]["name"]
    wait_until("it runs", lambda: has_started(user, name))
    jobs.patch(name, {"cancel": True})
    wait_until("it ends", lambda: jobs.get(name)["status"]["phase"] == "Failed")
    job = jobs.get(name)
    assert job["status"]["reason"] == "Cancelled"
    assert conditions(job)["Failed"]["reason"] == "Cancelled"
    assert "told to stop" in user.log(name)


def test_cancel_is_one_way(jobs, user):
    name = jobs.create(a_job(user, suspend=True))["metadata"]["name"]
    jobs.patch(name, {"cancel": True})
    for value in (False, None):
        with pytest.raises(ApiException) as refused:
            jobs.patch(name, {"cancel": value})
        assert refused.value.status == 422
    wait_until("it ends", lambda: jobs.get(name)["status"].get("reason") == "Cancelled")


def test_priority_may_change(jobs, user):
    name = jobs.create(a_job(user, suspend=True))["metadata"]["name"]
    assert jobs.patch(name, {"priority": 7})["spec"]["priority"] == 7
    jobs.delete(name)


@pytest.mark.parametrize("change", [
    {"organizationId": "x"}, {"applicationId": "x"}, {"clientId": "x"}, {"username": "x"}, {"repositoryId": ABSENT_REPOSITORY},
    {"params": {"a": 2}}, {"params": None}, {"metadata": {"name": "x"}}, {"organizationId": None}],
    ids=["organization", "application", "client", "username", "repository added", "params", "params removed",
         "metadata added", "organization removed"])
def test_the_rest_of_the_spec_is_immutable(jobs, user, change):
    job = jobs.create(a_job(user, suspend=True, params={"a": 1}))
    with pytest.raises(ApiException) as refused:
        jobs.patch(job["metadata"]["name"], change)
    assert refused.value.status == 422
    assert jobs.get(job["metadata"]["name"])["spec"] == job["spec"]
    jobs.delete(job["metadata"]["name"])


@pytest.mark.parametrize(("name", "spec"), [
    ("not-a-uuid", {}), (None, {"organizationId": ""}), (None, {"repositoryId": "7"}), (None, {"params": [1]}),
    (None, {"username": "a\nb"}), (None, {"priority": "high"})],
    ids=["name", "empty organization", "repository id", "params list", "control character", "priority"])
def test_invalid_jobs_are_refused(jobs, user, name, spec):
    job = a_job(user, **spec)
    job["metadata"]["name"] = name or job["metadata"]["name"]
    with pytest.raises(ApiException) as refused:
        jobs.create(job)
    assert refused.value.status == 422


def test_delete_a_running_one(jobs, user, platform):
    name = jobs.create(a_job(user, params={"wait": True}))["metadata"]["name"]
    wait_until("it runs", lambda: has_started(user, name))
    jobs.delete(name)
    wait_until("all of it is gone", lambda: platform.find_job(name) is None and not platform.pods_of(name)
               and not platform.job_folders(name))
    assert user.get(f"/job/{name}").status_code == 404


def test_kubectl_wait(user, platform):
    done, failed = user.start(params={}), user.start(params={"exit": 1})
    platform.kubectl("wait", "--for=condition=Complete", f"vjob/{done}", "--timeout=120s")
    platform.kubectl("wait", "--for=condition=Failed", f"vjob/{failed}", "--timeout=120s")
    platform.kubectl("wait", "--for=jsonpath={.status.phase}=Finished", f"vjob/{done}", "--timeout=5s")
    platform.kubectl("delete", "vjob", done, failed, "--timeout=60s")
    platform.kubectl("wait", "--for=delete", f"vjob/{done}", "--timeout=5s")

"""Deadlines, images, memory, nodes and quotas: a job that waits or fails shows the real reason."""

import json
import uuid

import pytest
from platform_client import wait_until


def failure(rest, job):
    info = rest.wait(job)
    assert info["job_status"] == "failed", info
    return info


def test_active_deadline(make_application, tenants):
    """The test sets the deadline when the application runs, because a pod's start may take longer on a busy machine."""
    make_application("ActiveDeadline")
    rest = tenants.make("ActiveDeadline")
    job = rest.start(params={"wait": True})
    wait_until("it runs", lambda: "started attempt 1" in rest.log(job))
    make_application("ActiveDeadline", activeDeadlineSeconds=1)
    info = failure(rest, job)
    assert info["reason"] == "DeadlineExceeded"
    assert "activeDeadlineSeconds" in info["message"]
    assert "told to stop" in rest.log(job), "SIGTERM comes first"


def test_active_deadline_counts_all_attempts(platform, make_application, tenants):
    make_application("SharedDeadline", activeDeadlineSeconds=3, backoffLimit=100)
    rest = tenants.make("SharedDeadline")
    info = failure(rest, rest.start(params={"exit": 1}))
    assert info["reason"] == "DeadlineExceeded"


@pytest.mark.parametrize(("name", "image", "policy"), [
    ("InvalidImageName", "Not A Name:x", "IfNotPresent"), ("ErrImageNeverPull", "vbrain.invalid/none:1", "Never")])
def test_unavailable_images_fail_at_once(platform, make_application, tenants, name, image, policy):
    make_application(f"Image-{name}", image=image, preRunningDeadlineSeconds=3600, container={"imagePullPolicy": policy})
    rest = tenants.make(f"Image-{name}")
    job = rest.start(params={})
    info = failure(rest, job)
    assert info["reason"] == name
    assert info["message"]
    wait_until("its pod is gone", lambda: not platform.pods_of(job))


@pytest.mark.slow
def test_an_image_that_cannot_be_pulled_fails_at_the_deadline(platform, make_application, tenants):
    make_application("NoImage", image="vbrain.invalid/none:1", preRunningDeadlineSeconds=3600)
    rest = tenants.make("NoImage")
    job = rest.start(params={})
    wait_until("the reason shows while it waits", lambda: platform.job(job)["status"].get("reason") in
               ("ErrImagePull", "ImagePullBackOff"))
    wait_until("it is shown as started", lambda: rest.state(job) == "started")
    make_application("NoImage", image="vbrain.invalid/none:1", preRunningDeadlineSeconds=1)
    info = failure(rest, job)
    assert info["reason"] in ("ErrImagePull", "ImagePullBackOff")
    said = "the image can't be pulled: not running after preRunningDeadlineSeconds of the Application, 1 s. Remedy: "
    assert said in info["message"], "what the user of the job needs"
    assert "vbrain.invalid/none:1" in platform.job(job)["status"]["message"], "what the operator needs"


@pytest.mark.slow
def test_unschedulable_fails_at_the_deadline(platform, make_application, tenants):
    nowhere = {"nodeSelector": {"e2e": "no-such-node"}}
    make_application("Unschedulable", preRunningDeadlineSeconds=3600, pod=nowhere)
    rest = tenants.make("Unschedulable")
    job = rest.start(params={})
    wait_until("the reason shows while it waits", lambda: platform.job(job)["status"].get("reason") == "NoNodeFits")
    assert "affinity/selector" in platform.job(job)["status"]["message"], "the message of the scheduler"
    make_application("Unschedulable", preRunningDeadlineSeconds=1, pod=nowhere)
    info = failure(rest, job)
    assert info["reason"] == "NoNodeFits"
    assert "correct its nodeSelector" in info["message"]
    wait_until("its pod is gone", lambda: not platform.pods_of(job))


def test_unschedulable_runs_once_there_is_a_node(platform, make_application, tenants):
    label = f"e2e-{uuid.uuid4()}"
    make_application("LateNode", pod={"nodeSelector": {label: "yes"}})
    rest = tenants.make("LateNode")
    job = rest.start(params={"result": "1"})
    wait_until("the reason shows", lambda: platform.job(job)["status"].get("reason") == "NoNodeFits")
    node = platform.kube.get("/api/v1/nodes")["items"][0]["metadata"]["name"]
    platform.kube.merge(f"/api/v1/nodes/{node}", {"metadata": {"labels": {label: "yes"}}})
    assert rest.wait(job)["job_status"] == "finished"


def test_out_of_memory(platform, make_application, tenants):
    make_application("OutOfMemory")
    rest = tenants.make("OutOfMemory")
    job = rest.start(params={"memory": 200})
    assert failure(rest, job)["reason"] == "OOMKilled"
    assert platform.job(job)["status"]["attemptHistory"][0]["memoryLimit"] == "64Mi"
    assert "started attempt 1" in rest.log(job)


@pytest.mark.slow
def test_memory_grows_after_out_of_memory(platform, make_application, tenants):
    make_application("MemoryGrows", backoffLimit=2, memoryGrowth={"factor": "8", "limit": "400Mi"})
    rest = tenants.make("MemoryGrows")
    job = rest.start(params={"memory": 200, "result": "1"})
    assert rest.wait(job)["job_status"] == "finished"
    history = platform.job(job)["status"]["attemptHistory"]
    assert [record["reason"] for record in history] == ["OOMKilled", "Completed"]
    assert history[0]["memoryLimit"] == "64Mi"
    limit = history[1]["memoryLimit"]
    assert limit in ("400Mi", str(400 << 20)), limit


def test_a_job_waits_for_a_quota(platform, make_application, tenants):
    """A quota for pods of one priority only, so that other tests' pods do not count."""
    kube = platform.kube
    name = f"e2e-{uuid.uuid4()}"
    kube.request("POST", "/apis/scheduling.k8s.io/v1/priorityclasses",
                 {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name},
                  "value": 1})
    kube.create(kube.core("resourcequotas"), {
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name},
        "spec": {"hard": {"pods": "0"}, "scopeSelector": {"matchExpressions": [
            {"scopeName": "PriorityClass", "operator": "In", "values": [name]}]}}})
    wait_until("the quota counts", lambda: kube.get(kube.core("resourcequotas", name)).get("status", {}).get("hard"))
    make_application("Quota", pod={"priorityClassName": name})
    rest = tenants.make("Quota")
    job = rest.start(params={"result": "1"})
    wait_until("the refusal shows", lambda: "quota" in platform.job(job)["status"].get("message", ""))
    assert platform.pods_of(job) == []
    kube.merge(kube.core("resourcequotas", name), {"spec": {"hard": {"pods": "10"}}})
    assert rest.wait(job)["job_status"] == "finished"
    assert platform.job(job)["status"]["attempts"] == 1


def test_a_template_that_reaches_for_others_files_is_refused(platform, make_application, tenants):
    make_application("Greedy", pod={"volumes": [{"name": "all", "persistentVolumeClaim": {"claimName": "vbrain-volume"}}]},
                     container={"volumeMounts": [{"name": "all", "mountPath": "/all"}]})
    rest = tenants.make("Greedy")
    job = rest.start(params={})
    assert failure(rest, job)["reason"] == "InvalidTemplate"
    assert platform.pods_of(job) == []


def test_the_pod_is_restricted(platform, probe):
    job = probe.start(params={})
    pod = wait_until("its pod", lambda: platform.pods_of(job))[0]
    spec = pod["spec"]
    assert spec["automountServiceAccountToken"] is False and spec["serviceAccountName"] == "vbrain-job"
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    main = spec["containers"][0]
    assert main["securityContext"]["allowPrivilegeEscalation"] is False
    assert main["securityContext"]["capabilities"]["drop"] == ["ALL"]
    shared = [mount for mount in main["volumeMounts"] if mount["name"] == "vbrain-shared"]
    assert shared and all(job in mount["subPath"] or "/repositories/" in mount["subPath"] or mount["subPath"].startswith("bin/")
                          for mount in shared)
    assert not any("token" in json.dumps(volume) for volume in spec["volumes"])
    assert probe.wait(job)["job_status"] == "finished"

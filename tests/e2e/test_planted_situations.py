"""What people do wrong, and what clusters do to them: each ends with cause and remedy in `kubectl describe`, in an event and at REST.

All situations are planted at once, side by side. The words are those of the table in docs/operations.md, which is the table of the code."""

import re
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from platform_client import wait_until
from tenants import application, job_that_waits

# One process plants them all.
pytestmark = [pytest.mark.xdist_group("planted"), pytest.mark.slow]

ROOT = Path(__file__).resolve().parent.parent.parent
NO_IMAGE = "vbrain.invalid/none:1"


def words_of_the_page():
    """reason: (cause, remedy), of docs/operations.md."""
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|[^|]*\| ([^|]+) \| ?([^|]*?) ?\|$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    return {reason: (cause, remedy) for reason, cause, remedy in rows}


WORDS = words_of_the_page()


@dataclass
class Situation:
    reason: str
    application: dict = field(default_factory=dict)  # what differs from a good one
    params: dict = field(default_factory=dict)
    says: str = ""  # the detail that describe shows
    rest_says: str = ""  # the detail that REST shows
    ends: bool = True
    ready: str = "Accepted"  # the reason of the Application's condition Ready
    also: tuple = ()  # other reasons that the kubelet may give
    after: int = 0  # seconds between the first sign of it in the cluster and the end of a deadline


def volume(**source):
    return {"pod": {"volumes": [{"name": "extra", **source}]}, "container": {"volumeMounts": [{"name": "extra", "mountPath": "/extra"}]}}


WAITS = {"preRunningDeadlineSeconds": 3600}
CONFIG_MAP = {"configMap": {"name": "no-such-map"}}
SITUATIONS = {
    "an image that does not exist": Situation("ErrImagePull", {"image": NO_IMAGE, **WAITS}, says=NO_IMAGE, ends=False, also=("ImagePullBackOff",)),
    "an image that does not come in time": Situation(
        "ErrImagePull", {"image": NO_IMAGE, "preRunningDeadlineSeconds": 4}, says="preRunningDeadlineSeconds of the Application, 4 s",
        also=("ImagePullBackOff",), after=4),
    "an image whose name is not valid": Situation("InvalidImageName", {"image": "Not A Name:x"}),
    "an image that must not be pulled": Situation("ErrImageNeverPull", {"image": NO_IMAGE, "container": {"imagePullPolicy": "Never"}}),
    "a command that is not in the image": Situation("CommandNotStarted", {"command": ["/no/such/program"]}, says="/no/such/program",
                                                    rest_says="/no/such/program"),
    "more memory than any node has": Situation("NoNodeFits", {"memory": "64Ti", **WAITS}, says="Insufficient memory", ends=False),
    "a nodeSelector that no node has": Situation("NoNodeFits", {"pod": {"nodeSelector": {"e2e": "no-such-node"}}, **WAITS},
                                                 says="affinity/selector", ends=False),
    "a scheduling gate": Situation("SchedulingGated", {"pod": {"schedulingGates": [{"name": "e2e.example.com/gate"}]}, **WAITS}, ends=False),
    "a ConfigMap that is not there, as a volume": Situation("FailedMount", {**volume(**CONFIG_MAP), **WAITS}, says='configmap "no-such-map" not found',
                                                            ends=False),
    "a ConfigMap that is not there, for a variable": Situation(
        "CreateContainerConfigError", {"container": {"envFrom": [{"configMapRef": {"name": "no-such-map"}}]}, **WAITS},
        says='configmap "no-such-map" not found', ends=False),
    "an init container that fails": Situation(
        "InitContainerFailed", {"pod": {"initContainers": [{"name": "prepare", "image": "", "command": ["python3", "-c", "exit('no such host')"]}]}},
        says="no such host"),
    "a Secret that templates may not use": Situation("InvalidTemplate", volume(secret={"secretName": "others"}), says="controller.templateSecrets",
                                                     ready="InvalidTemplate"),
    "a folder of the node": Situation("InvalidTemplate", volume(hostPath={"path": "/etc"}), says="hostPath", ready="InvalidTemplate"),
    "a quantity that is none": Situation("InvalidTemplate", {"container": {"resources": {"limits": {"memory": "1GB"}}}},
                                         says="resources.limits.memory", ready="InvalidTemplate"),
    "a field that pods do not have": Situation("InvalidTemplate", {"pod": {"nodeSelectorr": {"a": "b"}}}, says="nodeSelectorr",
                                               ready="InvalidTemplate"),
    "a PriorityClass that is not there": Situation("PodForbidden", {"pod": {"priorityClassName": "no-such-class"}, **WAITS}, says="no-such-class",
                                                   ends=False, ready="PodForbidden"),
    "a lack of memory": Situation("OOMKilled", params={"memory": 200}, rest_says="memory limit was reached"),
    "an exit code": Situation("NonZeroExit", params={"exit": 3}, says="a line for stderr", rest_says="exit code 3"),
    "a result that is not JSON": Situation("InvalidResult", params={"result": '{"a": NaN}'}, says="NaN", rest_says="/a"),
    "an output that is too large": Situation("OutputTooLarge", {"outputLimit": "1Ki"}, {"output": {"large": "x" * 4000}}, says="outputLimit",
                                             rest_says="outputLimit"),
    "an application that takes too long": Situation("DeadlineExceeded", {"activeDeadlineSeconds": 4}, {"wait": True}, says="activeDeadlineSeconds",
                                                    rest_says="4 s"),
}
TELLS_WITHIN = 10  # seconds


@dataclass
class Planted:
    situation: Situation
    application: str
    rest: object
    job: str


def name_of(number):
    return f"Planted-{number}"


def plant(platform, make_application, tenants, number, situation):
    spec = {**situation.application}
    for container in spec.get("pod", {}).get("initContainers", []):
        container["image"] = platform.tutorial_image
    make_application(name_of(number), **spec)
    rest = tenants.make(name_of(number))
    return Planted(situation, name_of(number).lower(), rest, rest.start(params=situation.params))


@pytest.fixture(scope="module")
def planted(platform, make_application, tenants):
    begin = time.monotonic()
    all_of_them = {name: plant(platform, make_application, tenants, number, situation)
                   for number, (name, situation) in enumerate(SITUATIONS.items())}
    print(f"planted {len(all_of_them)} situations in {time.monotonic() - begin:.1f} s")
    yield all_of_them
    for each in all_of_them.values():
        platform.kube.delete(platform.kube.ours("jobs", each.job))


def condition(thing, kind):
    return next((item for item in thing.get("status", {}).get("conditions", []) if item["type"] == kind), {})


def time_of(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def shown_at(platform, job):
    """When the cluster itself first showed the trouble. How long a node takes to get there, with all situations at once on
    it, is not the platform's affair."""
    name = f"{job['metadata']['name']}-1"
    pod = platform.kube.get(platform.kube.core("pods", name), check=False) or {}
    ends = [state["finishedAt"] for kind in ("initContainerStatuses", "containerStatuses") for container in pod.get("status", {}).get(kind, [])
            if (state := container["state"].get("terminated"))]
    warnings = [event.get("firstTimestamp") or event["eventTime"] for event in platform.events_of(name) if event["type"] == "Warning"]
    first = max(ends, default=None) or min(warnings, default=None) or job["metadata"]["creationTimestamp"]
    return time_of(first)


def node_names(platform):
    return [node["metadata"]["name"] for node in platform.kube.get("/api/v1/nodes")["items"]]


def assert_tells(platform, rest, job, reason, says="", rest_says=""):
    """The reason, its cause and its remedy, in the status, in an event and at REST."""
    cause, remedy = WORDS[reason]
    wait_until(f"an event: {reason}", lambda: any(event["reason"] == reason for event in platform.events_of(job)))
    description = platform.kubectl("describe", "vjob", job)
    assert f"Remedy: {remedy}" in description and says in description, description
    assert re.search(rf"^  (Warning|Normal) +{reason} ", description, re.MULTILINE), description
    if not rest:
        return
    # The watch of an api-server may be a moment behind.
    message = wait_until(f"REST tells {reason}", lambda: (
        found := rest.get(f"/job/{job}").json()["message"]) and f"Remedy: {remedy}" in found and found)
    assert (rest_says or cause) in message, message
    assert not any(name in message for name in node_names(platform)), f"REST names a node: {message}"


@pytest.mark.parametrize("name", SITUATIONS)
def test_of_a_job(platform, planted, name):
    each = planted[name]
    situation = each.situation
    wanted = (situation.reason, *situation.also)

    def status():
        status = platform.job(each.job)["status"]
        ended = status["phase"] in ("Finished", "Failed")
        return status if status["reason"] in wanted and ended == situation.ends else None

    seen = wait_until(f"{name}: {' or '.join(wanted)}", status)
    job = platform.job(each.job)
    kind = "Ended" if situation.ends else "Waiting"
    assert condition(job, kind).get("status") == "True", job["status"]
    assert_tells(platform, each.rest, each.job, seen["reason"], situation.says, situation.rest_says)
    told = min(time_of(event["eventTime"]) for event in platform.events_of(each.job) if event["reason"] in wanted)
    waited, since_creation = ((told - since).total_seconds() for since in (
        shown_at(platform, job), time_of(job["metadata"]["creationTimestamp"])))
    print(f"{name}: told {waited:.1f} s after the cluster showed it, {since_creation:.1f} s after the job's creation")
    assert waited <= TELLS_WITHIN + situation.after, "from the first sign in the cluster to the event, by their own times"


@pytest.mark.parametrize("name", SITUATIONS)
def test_of_its_application(platform, planted, name):
    """What a dry run can know of the template stands at the Application before a job needs it."""
    each = planted[name]
    wanted = each.situation.ready
    path = platform.kube.ours("applications", each.application)
    ready = wait_until(f"{name}: Ready {wanted}", lambda: (
        found := condition(platform.kube.get(path), "Ready")).get("reason") == wanted and found)
    assert ready["status"] == ("True" if wanted == "Accepted" else "False")
    if wanted != "Accepted":
        assert each.situation.says in ready["message"] and f"Remedy: {WORDS[wanted][1]}" in ready["message"]
        wait_until("an event", lambda: wanted in platform.kubectl("events", "--for", f"vapp/{each.application}"))


# --- Situations that need more than an Application and a job.

class PrivateRegistry(BaseHTTPRequestHandler):
    """Answers like a registry to a client without a password (OCI distribution specification, "Authentication")."""

    def do_HEAD(self):
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="private"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *_):
        """Nothing to the terminal."""


@pytest.fixture
def private_registry():
    server = ThreadingHTTPServer(("127.0.0.1", 0), PrivateRegistry)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_image_of_a_private_registry(platform, make_application, tenants, private_registry):
    make_application("Planted-Private", image=f"{private_registry}/team/model:1", **WAITS)
    rest = tenants.make("Planted-Private")
    job = rest.start(params={})
    reason = wait_until("it waits", lambda: (
        found := platform.job(job)["status"]["reason"]) in ("ErrImagePull", "ImagePullBackOff") and found)
    assert_tells(platform, rest, job, reason, says="401 Unauthorized")
    platform.kube.delete(platform.kube.ours("jobs", job))



def object_of(kind, name, spec):
    return {"apiVersion": "vbrain.visagio.com/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def client_of(name, application_id, client_id, *members):
    return object_of("Client", name, {"organizationId": "acme", "applicationId": application_id, "clientId": client_id, "members": list(members)})


def assert_not_ready(platform, plural, name, reason, says):
    path = platform.kube.ours(plural, name)
    ready = wait_until(f"{name} is not ready: {reason}", lambda: (
        found := condition(platform.kube.get(path), "Ready")).get("reason") == reason and found)
    assert ready["status"] == "False" and says in ready["message"], ready
    assert f"Remedy: {WORDS[reason][1]}" in ready["message"], ready
    short = {"applications": "vapp", "clients": "vclient"}[plural]
    description = platform.kubectl("describe", short, name)
    assert ready["message"] in re.sub(r"\s+", " ", description), description
    wait_until("an event", lambda: reason in platform.kubectl("events", "--for", f"{short}/{name}"))
    assert "False" in platform.kubectl("get", short, name), "the column READY"


def test_two_applications_of_one_id(platform, make_application):
    """The older one counts; of the same second, the first by name."""
    path, other = (platform.kube.ours("applications", name) for name in ("planted-twin", "planted-twin-2"))
    platform.kube.delete(other)  # of an earlier run
    make_application("Planted-Twin")
    twin = application("Planted-Twin", platform.tutorial_image, ["true"])
    twin["metadata"]["name"] = "planted-twin-2"
    platform.apply(twin)
    assert_not_ready(platform, "applications", "planted-twin-2", "DuplicateId", "'planted-twin'")
    assert condition(platform.kube.get(path), "Ready")["status"] == "True", "this one counts"
    platform.kube.delete(path)
    wait_until("the other one counts", lambda: condition(platform.kube.get(other), "Ready").get("status") == "True")
    platform.kube.delete(other)


def test_two_clients_with_one_key_id(platform, tenants, probe):
    _, entry = tenants.keygen("ana", "leader")
    for name in ("planted-key-1", "planted-key-2"):
        platform.apply(client_of(name, "Probe", name, entry))
    assert_not_ready(platform, "clients", "planted-key-1", "KeyIdTaken", "'planted-key-2'")
    assert_not_ready(platform, "clients", "planted-key-2", "KeyIdTaken", entry["keys"][0]["id"])


def test_a_key_that_has_expired(platform, tenants, probe):
    key, entry = tenants.keygen("ana", "leader")
    entry["keys"][0]["expiresAt"] = "2020-01-01T00:00:00Z"
    platform.apply(client_of("planted-expired", "Probe", "expired", entry))
    assert_not_ready(platform, "clients", "planted-expired", "NoKey", "all keys have expired")
    answer = probe.call("GET", f"/job/{uuid.uuid4()}", {"client_id": "expired", "x-api-key": key})
    assert (answer.status_code, answer.json()["error"]) == (401, "Invalid x-api-key")
    wait_until("the log of an api-server says why", lambda: "the key expired at 2020-01-01" in "".join(
        platform.kubectl("logs", pod["metadata"]["name"]) for pod in platform.ready_pods("api-server")))


def test_a_client_of_no_application(platform, tenants):
    _, entry = tenants.keygen("ana", "leader")
    platform.apply(client_of("planted-lonely", "Planted-Nothing", "lonely", entry))
    assert_not_ready(platform, "clients", "planted-lonely", "UnknownApplication", "'Planted-Nothing'")


def test_an_application_that_was_deleted(platform, make_application, tenants):
    make_application("Planted-Gone")
    rest = tenants.make("Planted-Gone")
    platform.kube.delete(platform.kube.ours("applications", "planted-gone"))
    job = job_that_waits(platform, rest, "UnknownApplication")
    assert_tells(platform, rest, job, "UnknownApplication", "'Planted-Gone'", "'Planted-Gone'")
    platform.kube.delete(platform.kube.ours("jobs", job))


def test_a_quota_that_is_full(platform, make_application, tenants):
    """A quota for pods of one priority only, so that other tests' pods do not count."""
    kube = platform.kube
    name = f"planted-{uuid.uuid4()}"
    kube.request("POST", "/apis/scheduling.k8s.io/v1/priorityclasses",
                 {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": 1})
    kube.create(kube.core("resourcequotas"), {
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name},
        "spec": {"hard": {"pods": "0", "limits.memory": "32Mi"}, "scopeSelector": {"matchExpressions": [
            {"scopeName": "PriorityClass", "operator": "In", "values": [name]}]}}})
    wait_until("the quota counts", lambda: kube.get(kube.core("resourcequotas", name)).get("status", {}).get("hard"))
    make_application("Planted-Quota", pod={"priorityClassName": name}, memory="16Mi")
    rest = tenants.make("Planted-Quota")
    job = rest.start(params={})
    wait_until("it waits", lambda: platform.job(job)["status"]["reason"] == "QuotaExceeded")
    assert_tells(platform, rest, job, "QuotaExceeded")
    make_application("Planted-Quota", pod={"priorityClassName": name}, memory="64Mi", **WAITS)
    wait_until("it asks for more than the whole quota", lambda: platform.job(job)["status"]["reason"] == "QuotaTooSmall")
    assert_tells(platform, rest, job, "QuotaTooSmall", f"exceeded quota: {name}")
    assert_not_ready(platform, "applications", "planted-quota", "QuotaTooSmall", name)
    kube.delete(kube.ours("jobs", job))


def test_a_job_that_waits_for_its_turn(platform, make_application, tenants):
    make_application("Planted-Turn", maxConcurrentJobs=1)
    rest = tenants.make("Planted-Turn")
    first = rest.start(params={"wait": True})
    second = rest.start(params={"wait": True})
    wait_until("it waits", lambda: platform.job(second)["status"]["reason"] == "ConcurrencyLimit")
    assert condition(platform.job(second), "Waiting")["status"] == "True"
    assert_tells(platform, rest, second, "ConcurrencyLimit", *2 * ["as its maxConcurrentJobs allows, 1"])
    for job in (second, first):
        platform.kube.delete(platform.kube.ours("jobs", job))


def test_a_running_job_that_is_suspended(platform, probe):
    job = probe.start(params={"wait": True})
    wait_until("it runs", lambda: platform.job(job)["status"]["reason"] == "Running")
    platform.patch_job(job, suspend=True)
    wait_until("it is said", lambda: condition(platform.job(job), "Suspended").get("status") == "True")
    assert "no further attempt starts until spec.suspend is false" in platform.kubectl("describe", "vjob", job)
    assert platform.job(job)["status"]["reason"] == "Running"
    assert re.search(r" true ", platform.kubectl("get", "vjob", job, "-o", "wide")), "the column SUSPENDED"
    platform.kube.delete(platform.kube.ours("jobs", job))


def test_a_pod_that_somebody_deletes(platform, probe):
    job = probe.start(params={"wait": True})
    wait_until("it runs", lambda: platform.job(job)["status"]["reason"] == "Running")
    platform.kube.delete(platform.kube.core("pods", f"{job}-1"))
    history = wait_until("the attempt has ended", lambda: platform.job(job)["status"].get("attemptHistory"))
    assert history[0]["reason"] == "PodDeleted"
    event = wait_until("an event", lambda: next((event for event in platform.events_of(job) if event["reason"] == "Retrying"), None))
    assert WORDS["PodDeleted"][1] in event["message"]
    platform.kube.delete(platform.kube.ours("jobs", job))


def test_an_attempt_that_is_followed_by_another(platform, make_application, tenants):
    make_application("Planted-Retry", backoffLimit=1)
    rest = tenants.make("Planted-Retry")
    job = rest.start(params={"exit": 3})
    info = rest.wait(job)
    assert (info["reason"], platform.job(job)["status"]["startedAttempts"]) == ("NonZeroExit", 2)
    assert any(event["reason"] == "Retrying" and "exit code 3" in event["message"] for event in platform.events_of(job))
    assert_tells(platform, rest, job, "NonZeroExit", "exit code 3", "exit code 3")


def job_of(platform, namespace, **spec):
    """Creates a Job in a namespace, and returns it as the API server stored it."""
    path = f"/apis/vbrain.visagio.com/v1/namespaces/{namespace}/jobs"
    return platform.kube.create(path, {**object_of("Job", str(uuid.uuid4()), {
        "organizationId": "acme", "applicationId": "Probe", "clientId": "nobody", "username": "ana", **spec})})


def test_a_job_of_no_client(platform, probe):
    job = job_of(platform, platform.namespace)["metadata"]["name"]
    wait_until("it ends", lambda: condition(platform.job(job), "Ended").get("status") == "True")
    assert condition(platform.job(job), "ClientFound")["reason"] == "UnknownClient"
    assert platform.job(job)["status"]["reason"] == "Completed"
    assert_tells(platform, None, job, "UnknownClient", WORDS["UnknownClient"][0])
    platform.kube.delete(platform.kube.ours("jobs", job))


def test_a_job_in_a_namespace_without_an_installation(platform, probe):
    job = job_of(platform, "default")
    assert job["status"]["reason"] == "NotObserved"
    description = platform.kubectl("-n", "default", "describe", "vjob", job["metadata"]["name"])
    assert "{}. Remedy: {}".format(*WORDS["NotObserved"]) in re.sub(r"\s+", " ", description), description
    platform.kube.delete(f"/apis/vbrain.visagio.com/v1/namespaces/default/jobs/{job['metadata']['name']}")

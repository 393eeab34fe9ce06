"""Renders the chart and counts checks, for the Python tests of this folder. Needs $HELM, no cluster."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "vbrain"
HELM = os.environ["HELM"]
KUBE_VERSION = "1.34.0"

MODES = {
    "existing claim": ["volume.existingClaim=shared"],
    "host path": ["volume.hostPath.path=/srv/vbrain"],
    "storage class": ["volume.storageClass=nfs"],
}
# Volumes that Pod Security "restricted" admits.
RESTRICTED_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}

passed = failed = skipped = 0


def finish():
    """Prints the counts; returns the exit status of the script."""
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def check(name, problem):
    """Passes if `problem` is empty or None; else `problem` describes the failure."""
    global passed, failed
    if problem:
        failed += 1
        print(f"FAIL  {name}\n      {problem}")
    else:
        passed += 1
        print(f"ok    {name}")


def refusal(name, sentence, *settings):
    """Passes if the chart refuses these values with a message that contains `sentence`."""
    try:
        render(*settings)
    except RuntimeError as problem:
        check(name, None if sentence in str(problem) else f"want {sentence!r}\n      got  {problem}")
    else:
        check(name, "was accepted")


def skip(name):
    global skipped
    skipped += 1
    print(f"skip  {name}")


def expect(name, want, got):
    check(name, None if want == got else f"want {want!r}\n      got  {got!r}")


def helm(*arguments):
    return subprocess.run([HELM, *map(str, arguments)], capture_output=True, text=True, check=False)


def render(*settings, release="vbrain", namespace="vbrain"):
    flags = [flag for setting in settings for flag in ("--set-json" if "={" in setting or "=[" in setting else "--set", setting)]
    answer = helm("template", release, CHART, "--namespace", namespace, "--kube-version", KUBE_VERSION, *flags)
    if answer.returncode:
        raise RuntimeError(answer.stderr)
    return [document for document in yaml.safe_load_all(answer.stdout) if document]


def notes(*settings):
    """What an installation with these values says (NOTES.txt), without a cluster, which `helm install` would need."""
    with tempfile.TemporaryDirectory() as folder:
        chart = Path(folder) / "vbrain"
        shutil.copytree(CHART, chart)
        (chart / "templates" / "notes.yaml").write_text('text: |\n{{ include (print $.Template.BasePath "/NOTES.txt") . | indent 2 }}\n')
        flags = [flag for setting in settings for flag in ("--set", setting)]
        answer = helm("template", "vbrain", chart, "--kube-version", KUBE_VERSION, "--show-only", "templates/notes.yaml", *flags)
        if answer.returncode:
            raise RuntimeError(answer.stderr)
        return yaml.safe_load(answer.stdout)["text"]


def of_kind(objects, kind):
    return [item for item in objects if item["kind"] == kind]


def named(objects, kind, name):
    found = [item for item in of_kind(objects, kind) if item["metadata"]["name"] == name]
    if len(found) != 1:
        raise LookupError(f"{len(found)} objects {kind}/{name}")
    return found[0]


def pod_of(objects, deployment):
    return named(objects, "Deployment", deployment)["spec"]["template"]["spec"]


def environment(pod):
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in pod["containers"][0]["env"]}


def restricted_violations(pod):
    """Pod Security Standards, level restricted, and further requirements of this project."""
    wrong = [field for field in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace") if pod.get(field)]
    context = pod.get("securityContext", {})
    wrong += [] if context.get("runAsNonRoot") is True and context.get("runAsUser", 0) > 0 else ["runAsNonRoot"]
    wrong += [] if context.get("seccompProfile", {}).get("type") == "RuntimeDefault" else ["seccompProfile"]
    for volume in pod.get("volumes", []):
        wrong += [f"volume {volume['name']}"] if set(volume) - {"name"} - RESTRICTED_VOLUMES else []
    for container in pod["containers"] + pod.get("initContainers", []):
        own = container.get("securityContext", {})
        wrong += [] if own.get("allowPrivilegeEscalation") is False else ["allowPrivilegeEscalation"]
        wrong += [] if own.get("capabilities") == {"drop": ["ALL"]} else ["capabilities"]
        wrong += [] if own.get("readOnlyRootFilesystem") is True else ["readOnlyRootFilesystem"]
        wrong += ["privileged"] if own.get("privileged") else []
        wrong += ["hostPort"] if any(port.get("hostPort") for port in container.get("ports", [])) else []
        resources = container.get("resources", {})
        wrong += [] if {"cpu", "memory"} <= set(resources.get("requests", {})) else ["requests"]
        wrong += [] if "memory" in resources.get("limits", {}) else ["memory limit"]
        wrong += [] if re.search(r":(?!latest$)[\w.-]+$", container["image"]) else ["image without a version"]
    return ", ".join(wrong)

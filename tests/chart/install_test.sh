#!/usr/bin/env bash
# The chart on a real API server: install, upgrade, uninstall, install again; what stays, what changes, access rights.
# There are no nodes: Pod Security admission checks the pod templates, but no pod runs.
# Uses its own control plane, or the cluster of $VBRAIN_CHART_TEST_KUBECONFIG.
set -euo pipefail
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
ROOT="$(cd "$HERE/../.." && pwd)"
. "$HERE/lib.bash"
HELM="$("$ROOT/scripts/find-helm.sh")"
use_cluster install
CHART="$ROOT/helm/vbrain"
VALUES=(--set "volume.hostPath.path=/srv/$NAMESPACE" --set tutorial.enabled=true --set apiServer.replicas=2)

helm() { "$HELM" --namespace "$NAMESPACE" "$@" 2>&1; }

# works NAME COMMAND…: passes if the command succeeds. If it fails, the test ends, because later checks depend on it.
works() {
  local name="$1" answer
  shift
  if answer="$("$@")"; then
    pass "$name"
  else
    fail "$name" "$answer"
    finish
    exit 1
  fi
}

tutorial() { k get vapp tutorial -o jsonpath='{.metadata.uid} {.spec.template.spec.containers[0].image}'; }
live_definition() { "$KUBECTL" get crd jobs.vbrain.visagio.com -o jsonpath='{.metadata.uid}'; }

# allowed ACCOUNT VERB RESOURCE[/NAME] [SUBRESOURCE]: yes or no.
allowed() { k auth can-i "$2" "$3" --subresource="${4:-}" --as "system:serviceaccount:$NAMESPACE:$1" | tail -n 1; }

installation() {
  "$KUBECTL" create namespace "$NAMESPACE" >/dev/null
  "$KUBECTL" label namespace "$NAMESPACE" pod-security.kubernetes.io/{enforce,warn}=restricted >/dev/null
  local answer
  # The API server needs a moment before it serves a kind that was just defined. Where no pod runs, --wait can't give it,
  # so this takes the other way that the value tutorial.enabled names.
  if answer="$(helm install vbrain "$CHART" "${VALUES[@]}")"; then
    :
  elif [[ "$answer" == *"no matches for kind \"Application\""* ]]; then
    kinds_are_served || fail "the new kinds are served"
    works "an upgrade completes an installation whose kinds were not served yet" helm upgrade vbrain "$CHART" "${VALUES[@]}"
  else
    fail "the chart installs" "$answer"
    finish
    exit 1
  fi
  pass "the chart installs"
  expect "Pod Security has nothing to say" "" "$(grep -i "would violate" <<<"$answer" || true)"
  kinds_are_served || fail "the new kinds are served"
  expect_match "the tutorial came with its definition" " vbrain/tutorial:[0-9.]+$" "$(tutorial)"
  expect_match "a Job can be made right away" created "$(k create -f "$ROOT/crds/examples/job.yaml")"
  expect "claim and volume chose each other" "$NAMESPACE-vbrain-volume vbrain-volume" "$(
    k get pvc vbrain-volume -o jsonpath='{.spec.volumeName} ')$(
    "$KUBECTL" get pv "$NAMESPACE-vbrain-volume" -o jsonpath='{.spec.claimRef.name}')"
  local deployment
  for deployment in vbrain-api-server vbrain-controller; do
    works "a pod of $deployment passes Pod Security restricted" as_pod "$deployment"
  done
}

as_pod() {
  k get deployment "$1" -o json | python3 -c '
import json, sys
template = json.load(sys.stdin)["spec"]["template"]
template["metadata"] = {"name": "probe", "labels": template["metadata"]["labels"]}
json.dump({"apiVersion": "v1", "kind": "Pod", **template}, sys.stdout)' | k create --dry-run=server -f -
}

rights() {
  expect "the REST server creates Jobs" yes "$(allowed vbrain-api-server create jobs.vbrain.visagio.com)"
  expect "it writes no status" no "$(allowed vbrain-api-server update jobs.vbrain.visagio.com status)"
  expect "it makes no pods" no "$(allowed vbrain-api-server create pods)"
  expect "the controller makes pods" yes "$(allowed vbrain-controller create pods)"
  expect "it writes the status" yes "$(allowed vbrain-controller update jobs.vbrain.visagio.com status)"
  expect "it does not change a Job's spec in one piece" no "$(allowed vbrain-controller update jobs.vbrain.visagio.com)"
  expect "it cannot touch another Lease" no "$(allowed vbrain-controller update leases.coordination.k8s.io/other)"
  expect "it can touch its own" yes "$(allowed vbrain-controller update leases.coordination.k8s.io/vbrain-controller)"
  local account
  for account in vbrain-api-server vbrain-controller vbrain-job; do
    expect "$account reads no Secrets" no "$(allowed "$account" get secrets)"
    expect "$account runs no commands in pods" no "$(allowed "$account" create pods exec)"
  done
  expect "a job's account may not even list Jobs" no "$(allowed vbrain-job list jobs.vbrain.visagio.com)"
}

# current HELM-ARGUMENTS...: would `make up` leave the release unchanged?
current() {
  # shellcheck disable=SC2016  # expanded by the inner shell
  KUBECTL="$KUBECTL" HELM="$HELM" SPACE="$NAMESPACE" bash -c '
    . "$0/scripts/lib.sh"
    . "$0/scripts/release.sh"
    NAMESPACE="$SPACE"
    inside() { "$@"; }
    release_is_current "$@"' "$ROOT" "$@" >/dev/null 2>&1 && echo yes || echo no
}

upgrades() {
  local before step
  before="$(tutorial)"
  # Who follows examples/tutorial/README.md after `make up` must not replace the chart's Application.
  step="$(sed -nE 's/.*kubectl -n vbrain ([a-z]+) -f application.yaml.*/\1/p' "$ROOT/examples/tutorial/README.md")"
  expect_match "the tutorial's README does not overwrite the chart's Application" AlreadyExists \
    "$(k "$step" -f "$ROOT/examples/tutorial/application.yaml" || true)"
  expect "which stays as it is" "$before" "$(tutorial)"
  expect "the same chart and values again are seen to change nothing" yes "$(current "${VALUES[@]}")"
  expect "another value is seen" no "$(current "${VALUES[@]}" --set apiServer.logLevel=debug)"
  expect "another image of the tutorial, which is a hook, is seen" no "$(current "${VALUES[@]}" --set-string tutorial.image.tag=2)"
  k delete service vbrain-controller-metrics >/dev/null
  expect "an object that somebody has deleted is seen" no "$(current "${VALUES[@]}")"
  works "an upgrade" helm upgrade vbrain "$CHART" "${VALUES[@]}"
  expect "leaves an unchanged Application alone" "$before" "$(tutorial)"
  works "an upgrade to another image" helm upgrade vbrain "$CHART" "${VALUES[@]}" --set-string tutorial.image.tag=2
  expect_match "arrives in the Application" " vbrain/tutorial:2$" "$(tutorial)"
}

uninstall_and_return() {
  local definition application
  definition="$(live_definition)"
  application="$(tutorial)"
  works "the chart uninstalls" helm uninstall vbrain --no-hooks
  expect "the Deployments are gone" "" "$(k get deployment -o name)"
  expect "definitions stay" "$definition" "$(live_definition)"
  expect "Jobs stay" job.vbrain.visagio.com/01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d "$(k get vjob -o name)"
  expect "Applications stay" "$application" "$(tutorial)"
  expect "the claim stays" persistentvolumeclaim/vbrain-volume "$(k get pvc -o name)"
  works "the chart comes back over them" helm install vbrain "$CHART" "${VALUES[@]}" --set-string tutorial.image.tag=2
  expect "and takes them over" "$definition $application" "$(live_definition) $(tutorial)"

  helm uninstall vbrain --no-hooks >/dev/null
  "$KUBECTL" patch crd jobs.vbrain.visagio.com --type=json \
    -p '[{"op":"replace","path":"/spec/versions/0/schema/openAPIV3Schema/description","value":"an older one"}]' >/dev/null
  # An older version did not have this kind.
  "$KUBECTL" delete crd keys.vbrain.visagio.com >/dev/null
  local refused
  refused="$(helm install vbrain "$CHART" "${VALUES[@]}" || true)"
  expect_match "an installation over older definitions is refused" "jobs.vbrain.visagio.com: already in the cluster, from another version" "$refused"
  works "the commands of the message" as_told "$refused"
  works "bring them up to date, and the kind that was missing, for the release" helm install vbrain "$CHART" "${VALUES[@]}"
}

# as_told TEXT: runs the commands that the chart's refusal TEXT names.
as_told() {
  local commands
  commands="$(sed -n 's/^ *kubectl /"$KUBECTL" /p' <<<"$1")"
  [[ -n "$commands" ]] || { echo "no command in: $1"; return 1; }
  (cd "$ROOT" && eval "$commands") 2>&1
}

# Definitions that no release, or another one, has made.
other_owners() {
  local refused
  # As the remedy of the servers says, for definitions that miss a kind: kubectl makes it, without Helm's marks.
  "$KUBECTL" delete crd keys.vbrain.visagio.com >/dev/null
  "$KUBECTL" apply --server-side --force-conflicts -f "$CHART/files/crds" >/dev/null
  refused="$(helm upgrade vbrain "$CHART" "${VALUES[@]}" || true)"
  expect_match "an upgrade names a definition that kubectl made" "- keys.vbrain.visagio.com: already in the cluster, and not of this release" "$refused"
  works "and the commands" as_told "$refused"
  works "hand it over" helm upgrade vbrain "$CHART" "${VALUES[@]}"

  helm uninstall vbrain --no-hooks >/dev/null
  refused="$(helm install other "$CHART" "${VALUES[@]}" || true)"
  expect_match "a release of another name is told whose the definitions are" "the release vbrain in namespace $NAMESPACE. If that one is still there, set crds.install=false" "$refused"
  works "and how to take them" as_told "$refused"
  # The claim is that of vbrain, and stays.
  works "which it can then" helm install other "$CHART" --set volume.existingClaim=vbrain-volume
  helm uninstall other --no-hooks >/dev/null
  works "the page's commands hand them back" page "Definitions"
}

# page SECTION [NUMBER]: runs blocks of docs/operations.md for this namespace. No pod runs here, so nothing is waited for.
page() {
  local blocks
  blocks="$(PYTHONPATH="$ROOT/tests/support" python3 -c '
import sys
from pathlib import Path
from page_blocks import shell_blocks
for block in shell_blocks(Path(sys.argv[1]).read_text()):
    if not block.not_run and block.section == sys.argv[2] and sys.argv[3:] in ([], [str(block.number)]):
        print(block.text)' "$ROOT/docs/operations.md" "$@" | grep -v 'rollout status')"
  [[ -n "$blocks" ]] || { echo "docs/operations.md has no block $*"; return 1; }
  blocks="${blocks//-n vbrain/-n $NAMESPACE}"
  mkdir -p "$WORK/page/bin"
  ln -sfn "$ROOT/helm" "$WORK/page/helm"
  ln -sf "$KUBECTL" "$WORK/page/bin/kubectl"
  ln -sf "$HELM" "$WORK/page/bin/helm"
  (cd "$WORK/page" && PATH="$WORK/page/bin:$PATH" bash -euo pipefail -c "${blocks//release-namespace=vbrain/release-namespace=$NAMESPACE}") 2>&1
}

# What the page saves comes back: values, Secrets, Applications and Clients.
backup_and_restore() {
  local tls=(--set apiServer.tls.secretName=own) certificate
  works "an installation with settings of its own" helm install vbrain "$CHART" "${VALUES[@]}" "${tls[@]}"
  k create secret generic own --from-literal=tls.crt=certificate --from-literal=tls.key=key >/dev/null
  k create configmap terms --from-literal=text=x >/dev/null
  kinds_are_served || fail "the new kinds are served"
  k create -f "$ROOT/crds/examples/client.yaml" >/dev/null
  works "a backup as the page has it" page "Backup and restore" 1
  expect "no other may read it" 600 "$(stat -c %a "$WORK/page/vbrain-secrets.json")"
  expect "Helm's own Secrets, and what the cluster makes, are not in it" "own terms" "$(jq -r '[.items[].metadata.name] | sort | join(" ")' "$WORK/page/vbrain-secrets.json")"
  helm uninstall vbrain --no-hooks >/dev/null
  k delete secret own >/dev/null
  k delete configmap terms >/dev/null
  k delete vclient,vapp --all >/dev/null
  works "the restore of the page" page "Backup and restore" 2
  certificate="$(k get deployment vbrain-api-server -o jsonpath='{.spec.template.spec.volumes[?(@.name=="rest-certificate")].secret.secretName}')"
  expect "brings the settings back" own "$certificate"
  expect "and the Secrets" certificate "$(k get secret own -o jsonpath='{.data.tls\.crt}' | base64 -d)"
  expect_match "and the Clients" client.vbrain "$(k get vclient -o name)"
}

# What `make up CLUSTER=existing` says of definitions that it does not install.
older_definitions() {
  expect "definitions of this version lack nothing" "" "$(lacking)"
  expect "kubectl diff shows nothing, as the page says" "" "$(differences)"
  "$KUBECTL" get crd clients.vbrain.visagio.com -o json |
    jq 'del(.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.webhook)' | "$KUBECTL" replace -f - >/dev/null
  "$KUBECTL" delete crd keys.vbrain.visagio.com >/dev/null
  expect "older ones lack fields and kinds" "spec.webhook of Client"$'\n'"spec.webhook.url of Client"$'\n'"the kind Key" "$(lacking)"
  expect_match "and kubectl diff shows them" "webhook" "$(differences)"
  "$KUBECTL" apply --server-side --force-conflicts -f "$ROOT/crds" >/dev/null
}
differences() { "$KUBECTL" diff --server-side --force-conflicts -f "$CHART/files/crds" 2>&1 || true; }
lacking() {
  # shellcheck disable=SC2016  # expanded by the inner shell
  KUBECTL="$KUBECTL" bash -c '. "$0/scripts/lib.sh"; . "$0/scripts/release.sh"; definitions_lack' "$ROOT"
}

# On a foreign cluster the test must not change definitions that are in use.
if [[ "$HAD_DEFINITIONS" == yes ]]; then
  skip "the cluster has the definitions already"
else
  installation
  rights
  upgrades
  uninstall_and_return
  other_owners
  backup_and_restore
  helm uninstall vbrain --no-hooks >/dev/null
  older_definitions
  "$KUBECTL" delete pv "$NAMESPACE-vbrain-volume" --wait=false >/dev/null
fi
finish

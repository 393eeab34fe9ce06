#!/usr/bin/env bash
# Several releases on a real API server, with names that YAML takes for something else; what NOTES.txt says to each; rights
# of people. There are no nodes. Skipped on a cluster that is not the test's own, because it makes namespaces called 123.
set -euo pipefail
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
ROOT="$(cd "$HERE/../.." && pwd)"
. "$HERE/lib.bash"
HELM="$("$ROOT/scripts/find-helm.sh")"
use_cluster second
CHART="$ROOT/helm/vbrain"

# release NAME HELM-ARGUMENTS...: installs the release NAME in a namespace of this name, with - for a dot.
release() {
  local space="${1//./-}"
  "$KUBECTL" create namespace "$space" >/dev/null 2>&1 || true
  "$HELM" install "$1" "$CHART" --namespace "$space" --set "volume.hostPath.path=/srv/$1" "${@:2}" 2>&1
}

first_release() {
  local answer
  answer="$(release first --set-json 'rbac.operators=[{"kind":"User","name":"olga"}]' --set rbac.operatorSecrets=true --set apiServer.tls.secretName=vbrain-tls)" || { fail "a release installs" "$answer"; return; }
  NAMESPACE=first kinds_are_served || fail "the new kinds are served"
  expect_match "the release with the definitions says how to remove them" "kubectl delete crd jobs.vbrain" "$answer"
  expect_match "after a look at the other namespaces" "get vjob,vapp,vclient -A" "$answer"
  expect_match "and how to get a key" "exec deployment/first-api-server -- /usr/local/bin/api-server keygen" "$answer"
}

# The install command of README.md, with a name for each <…>, in a cluster without the namespace.
readme() {
  local command answer
  command="$(grep -E '^helm install vbrain ' "$ROOT/README.md" | sed -E 's/<[^>]*>/nfs/g; s/^helm //')"
  # shellcheck disable=SC2086  # words of a command
  if answer="$(cd "$ROOT" && "$HELM" $command --set crds.install=false 2>&1)"; then
    pass "README's install command works in a cluster without the namespace"
  else
    fail "README's install command works in a cluster without the namespace" "$answer"
  fi
  expect "and leaves nothing to prepare but the class" nfs "$("$KUBECTL" -n vbrain get pvc -o jsonpath='{.items[*].spec.storageClassName}')"
}

further_releases() {
  local name space answer
  for name in 123 yes off n 1e3 a.b; do
    if ! answer="$(release "$name" --set crds.install=false --set apiServer.replicas=2 --set networkPolicy.servers.enabled=true)"; then
      fail "a release called $name installs" "$answer"
      continue
    fi
    pass "a release called $name installs"
    space="${name//./-}"
    expect "its notes tell nobody to delete the definitions" "" "$(grep "delete crd" <<<"$answer" || true)"
    expect "$name: a Service finds its Deployment" \
      "$("$KUBECTL" -n "$space" get service -l app.kubernetes.io/component=controller -o jsonpath='{.items[0].spec.selector}')" \
      "$("$KUBECTL" -n "$space" get deployment -l app.kubernetes.io/component=controller -o jsonpath='{.items[0].spec.selector.matchLabels}')"
    answer="$("$HELM" uninstall "$name" --namespace "$space" --no-hooks 2>&1)" || fail "$name uninstalls" "$answer"
  done
}

# may USER VERB RESOURCE: yes or no, in the namespace of the first release.
may() { "$KUBECTL" -n first auth can-i "$2" "$3" --subresource="${4:-}" --as "$1" 2>/dev/null | tail -n 1; }

people() {
  local role
  for role in view edit admin; do
    "$KUBECTL" -n first create rolebinding "test-$role" --clusterrole="vbrain-$role" --user="$role" >/dev/null
  done
  expect "a viewer reads Jobs" yes "$(may view list jobs.vbrain.visagio.com)"
  expect "a viewer makes none" no "$(may view create jobs.vbrain.visagio.com)"
  expect "a viewer sees no Clients" no "$(may view list clients.vbrain.visagio.com)"
  expect "and no Keys" no "$(may view list keys.vbrain.visagio.com)"
  expect "an editor makes Jobs" yes "$(may edit create jobs.vbrain.visagio.com)"
  expect "an editor gives nobody access" no "$(may edit update clients.vbrain.visagio.com)"
  expect "not by a Key either" no "$(may edit create keys.vbrain.visagio.com)"
  expect "an admin does" yes "$(may admin update clients.vbrain.visagio.com)"
  expect "nobody writes a status" no "$(may admin update jobs.vbrain.visagio.com status)"
  expect "an operator does" yes "$(may olga update clients.vbrain.visagio.com)"
  expect "and reads the logs of pods" yes "$(may olga get pods log)"
  expect "and sees who leads" yes "$(may olga list leases.coordination.k8s.io)"
  expect "but no Secrets" no "$(may olga get secrets)"
  replaced_certificate
}

# An operator with operatorSecrets replaces the certificate by the command of docs/operations.md, and does nothing else with Secrets.
replaced_certificate() {
  local command folder="$WORK/certificate" answer
  mkdir -p "$folder"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=new -keyout "$folder/tls.key" -out "$folder/tls.crt" 2>/dev/null
  "$KUBECTL" -n first create secret generic vbrain-tls --type=kubernetes.io/tls --from-literal=tls.crt=old --from-literal=tls.key=old >/dev/null 2>&1
  "$KUBECTL" -n first create secret generic another --from-literal=a=b >/dev/null
  command="$(sed -n 's/^ *kubectl create secret tls \(.*\) | kubectl -n vbrain apply \(.*\)$/\1\n\2/p' "$ROOT/docs/operations.md")"
  # shellcheck disable=SC2086  # words of the page's command
  if answer="$(cd "$folder" && "$KUBECTL" create secret tls $(sed -n 1p <<<"$command") | "$KUBECTL" -n first --as olga apply $(sed -n 2p <<<"$command") 2>&1)"; then
    pass "an operator replaces the certificate, as the page says"
  else
    fail "an operator replaces the certificate, as the page says" "$answer"
  fi
  expect "it is the new one" "$(base64 -w0 "$folder/tls.crt")" "$("$KUBECTL" -n first get secret vbrain-tls -o jsonpath='{.data.tls\.crt}')"
  expect "and may not read it" no "$(may olga get secrets/vbrain-tls)"
  expect "or write another Secret" no "$(may olga patch secrets/another)"
}

if [[ "$OWN_CONTROL_PLANE" == no || "$HAD_DEFINITIONS" == yes ]]; then
  skip "the cluster is not the test's own"
else
  first_release
  readme
  further_releases
  people
fi
finish

#!/usr/bin/env bash
# The definitions on a real API server: defaults, refusals, and the output of kubectl. Uses its own control plane, or
# the cluster of $VBRAIN_CHART_TEST_KUBECONFIG.
set -euo pipefail
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
ROOT="$(cd "$HERE/../.." && pwd)"
. "$HERE/lib.bash"

use_cluster crd

# variant EXAMPLE [FIELD=VALUE…]: prints a Job, Application, Client or Key: an example with FIELDs replaced or (if VALUE is
# null) removed. FIELD is a path with dots, VALUE is JSON.
variant() {
  local example="$1"
  shift
  k create -f "$ROOT/crds/examples/$example.yaml" --dry-run=client -o json | python3 -c '
import json, sys
document = json.load(sys.stdin)
for assignment in sys.argv[1:]:
    path, _, value = assignment.partition("=")
    at, *rest = path.split(".")
    node = document
    while rest:
        node = node[int(at)] if isinstance(node, list) else node.setdefault(at, {})
        at, *rest = rest
    value = json.loads(value)
    if value is None:
        node.pop(at, None)
    else:
        node[at] = value
json.dump(document, sys.stdout)' "$@"
}

# accepted NAME EXAMPLE [FIELD=VALUE…] / refused NAME PATTERN EXAMPLE [FIELD=VALUE…]: checks a create, with a dry run.
accepted() {
  local name="$1" answer
  shift
  if answer="$(variant "$@" | k create --dry-run=server -f -)"; then pass "$name"; else fail "$name" "$answer"; fi
}
refused() {
  local name="$1" pattern="$2" answer
  shift 2
  if answer="$(variant "$@" | k create --dry-run=server -f -)"; then
    fail "$name" "was accepted"
  else
    expect_match "$name" "$pattern" "$answer"
  fi
}

# patch_accepted NAME OBJECT JSON-PATCH [FLAG…] / patch_refused NAME PATTERN OBJECT JSON-PATCH [FLAG…]
patch_accepted() {
  local name="$1" object="$2" patch="$3" answer
  shift 3
  if answer="$(k patch "$object" --type=json -p "$patch" "$@")"; then pass "$name"; else fail "$name" "$answer"; fi
}
patch_refused() {
  local name="$1" pattern="$2" object="$3" patch="$4" answer
  shift 4
  if answer="$(k patch "$object" --type=json -p "$patch" "$@")"; then
    fail "$name" "was accepted"
  else
    expect_match "$name" "$pattern" "$answer"
  fi
}

LONG="\"$(printf 'x%.0s' {1..256})\""
JOB=vjob/01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d

definitions() {
  local answer
  if ! answer="$("$KUBECTL" apply --server-side --force-conflicts -f "$ROOT/crds" 2>&1)"; then
    fail "the API server takes the definitions" "$answer"
    finish
    exit 1
  fi
  pass "the API server takes the definitions"
  "$KUBECTL" create namespace "$NAMESPACE" >/dev/null
  kinds_are_served || { fail "the new kinds are served"; finish; exit 1; }
  expect "no structural-schema complaints" "" \
    "$("$KUBECTL" get crd -o jsonpath='{range .items[?(@.spec.group=="vbrain.visagio.com")]}{.status.conditions[?(@.type=="NonStructuralSchema")].message}{end}')"
  if answer="$(k create -f "$ROOT/crds/examples" -f "$ROOT/examples/tutorial/application.yaml")"; then
    pass "the examples are accepted"
  else
    fail "the examples are accepted" "$answer"
    finish
    exit 1
  fi
}

defaults() {
  expect "a new Job is Queued without a write" '0 0 Queued NotObserved' \
    "$(k get "$JOB" -o jsonpath='{.status.attempts} {.status.disruptions} {.status.phase} {.status.reason}')"
  expect "and says what is wrong where nobody looks at it, in the words of lib/job/causes.cpp" \
    "$(sed -n 's/^| `NotObserved` | Queued | | \(.*\) | \(.*\) |$/\1. Remedy: \2/p' "$ROOT/docs/operations.md")" \
    "$(k get "$JOB" -o jsonpath='{.status.message}')"
  expect "a new Job is neither suspended nor cancelled, priority 0" "false false 0" \
    "$(k get "$JOB" -o jsonpath='{.spec.suspend} {.spec.cancel} {.spec.priority}')"
  expect "a status in a create does not count" Queued \
    "$(variant job 'metadata.name="01939c3e-7a61-7c0e-9f7e-000000000001"' 'status={"phase":"Finished"}' | k create --dry-run=server -o jsonpath='{.status.phase}' -f -)"
  expect "an Application's limits have defaults" "[\"*\"] 0 3600 86400" \
    "$(variant application spec.organizations=null spec.backoffLimit=null spec.preRunningDeadlineSeconds=null \
      spec.ttlSecondsAfterFinished=null 'metadata.name="d"' | k create --dry-run=server -f - -o \
      jsonpath='{.spec.organizations} {.spec.backoffLimit} {.spec.preRunningDeadlineSeconds} {.spec.ttlSecondsAfterFinished}')"
  expect "what vBrain does not know of a pod is kept" '{"accelerator":"a100"}' \
    "$(variant application 'spec.template.spec.nodeSelector={"accelerator":"a100"}' 'metadata.name="d"' |
      k create --dry-run=server -f - -o jsonpath='{.spec.template.spec.nodeSelector}')"
  expect "params keep numbers, nesting, nulls and accents" '{"b":null,"á":[1,{"x":1.5}]}' \
    "$(variant job 'spec.params={"á":[1,{"x":1.5}],"b":null}' 'metadata.name="01939c3e-7a61-7c0e-9f7e-000000000001"' |
      k create --dry-run=server -f - -o jsonpath='{.spec.params}')"
}

job_creation() {
  local id='metadata.name="01939c3e-7a61-7c0e-9f7e-000000000001"'
  accepted "a Job in a repository" job "$id" 'spec.repositoryId="202009231629398695"'
  accepted "names with accents, blanks and slashes" job "$id" 'spec.organizationId="Operações / Norte"'
  accepted "a name of 255 characters" job "$id" "spec.clientId=${LONG/x/}"
  refused "a Job's name that is no UUID" "lowercase UUID" job 'metadata.name="my-job"'
  refused "a Job's name that is too long" "metadata.name" job 'metadata.name="01939c3e-7a61-7c0e-9f7e-0000000000012"'
  refused "an uppercase UUID" "lowercase RFC 1123|lowercase UUID" job 'metadata.name="01939C3E-7A61-7C0E-9F7E-000000000001"'
  refused "no spec" "spec: Required" job "$id" spec=null
  local field
  for field in organizationId applicationId clientId username; do
    refused "no $field" "spec.$field: Required" job "$id" "spec.$field=null"
    refused "an empty $field" "spec.$field" job "$id" "spec.$field=\"\""
    refused "a $field of 256 characters" "spec.$field: Too long" job "$id" "spec.$field=$LONG"
    refused "a line break in $field" "spec.$field" job "$id" "spec.$field=\"a\\nb\""
  done
  refused "a repositoryId that is a path" "spec.repositoryId" job "$id" 'spec.repositoryId="../../../../etc/sh"'
  refused "a priority out of range" "spec.priority" job "$id" spec.priority=1001
  refused "params that are a list" "spec.params" job "$id" 'spec.params=[1]'
  refused "an image in a Job" "unknown field \"spec.image\"" job "$id" 'spec.image="evil"'
}

job_changes() {
  patch_accepted "priority can be changed" "$JOB" '[{"op":"replace","path":"/spec/priority","value":5}]'
  patch_accepted "a Job can be suspended" "$JOB" '[{"op":"replace","path":"/spec/suspend","value":true}]'
  patch_accepted "and resumed" "$JOB" '[{"op":"replace","path":"/spec/suspend","value":false}]'
  local field
  for field in organizationId applicationId clientId username; do
    patch_refused "$field cannot be changed" "$field cannot be changed" "$JOB" "[{\"op\":\"replace\",\"path\":\"/spec/$field\",\"value\":\"other\"}]"
  done
  patch_refused "repositoryId cannot be added" "cannot be added or removed" "$JOB" '[{"op":"add","path":"/spec/repositoryId","value":"202009231629398695"}]'
  patch_refused "metadata cannot be added" "cannot be added or removed" "$JOB" '[{"op":"add","path":"/spec/metadata","value":{"name":"x"}}]'
  patch_refused "params cannot be removed" "cannot be added or removed" "$JOB" '[{"op":"remove","path":"/spec/params"}]'
  patch_refused "a param cannot be changed" "params cannot be changed" "$JOB" '[{"op":"replace","path":"/spec/params/a","value":11}]'
  patch_refused "a param cannot be added" "params cannot be changed" "$JOB" '[{"op":"add","path":"/spec/params/c","value":1}]'
  patch_accepted "a Job can be cancelled" "$JOB" '[{"op":"replace","path":"/spec/cancel","value":true}]'
  patch_refused "a cancelled Job stays cancelled" "stays cancelled" "$JOB" '[{"op":"replace","path":"/spec/cancel","value":false}]'
  patch_refused "also when the field is removed" "stays cancelled" "$JOB" '[{"op":"remove","path":"/spec/cancel"}]'
}

job_status() {
  local started='{"phase":"Started","reason":"Running","attempts":1,"disruptions":0,"podName":"01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d-1","nodeName":"node1","startTime":"2026-01-01T00:00:00.123Z","nextAttemptTime":null,"applicationGeneration":3,"observedGeneration":1}'
  local ended='{"phase":"Finished","reason":"Completed","message":"exit code 0 after 1.2 s","conditions":[{"type":"Complete","status":"True","reason":"Completed","message":"","lastTransitionTime":"2026-01-01T00:00:01.000Z"},{"type":"Ended","status":"True","reason":"Completed","message":"","lastTransitionTime":"2026-01-01T00:00:01.000Z"}],"attempts":1,"startedAttempts":1,"runningTime":"2026-01-01T00:00:00.500Z","acceptedAttempt":1,"disruptions":0,"applicationGeneration":3,"startTime":"2026-01-01T00:00:00.000Z","completionTime":"2026-01-01T00:00:01.200Z","duration":"1.2s","podName":"01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d-1","nodeName":"node1","exitCode":0,"artifacts":{"outputBytes":12,"outputSha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","logBytes":34,"resultBytes":9},"attemptHistory":[{"attempt":1,"podUid":"0b2f0d4c-8c57-4c5d-9d5a-3a3f0f3e3c55","nodeName":"node1","startTime":"2026-01-01T00:00:00.000Z","completionTime":"2026-01-01T00:00:01.200Z","exitCode":0,"reason":"Completed","message":"","memoryLimit":"64Mi"}]}'
  patch_accepted "a status of a started job" "$JOB" "[{\"op\":\"replace\",\"path\":\"/status\",\"value\":$started}]" --subresource=status
  patch_refused "attempts never goes back" "never goes back" "$JOB" '[{"op":"replace","path":"/status/attempts","value":0}]' --subresource=status
  patch_refused "an unknown phase" "status.phase" "$JOB" '[{"op":"replace","path":"/status/phase","value":"Done"}]' --subresource=status
  patch_refused "two conditions of one type" "Duplicate value" "$JOB" '[{"op":"add","path":"/status/conditions","value":[
    {"type":"Failed","status":"True","reason":"A","message":"","lastTransitionTime":"2026-01-01T00:00:01Z"},
    {"type":"Failed","status":"False","reason":"A","message":"","lastTransitionTime":"2026-01-01T00:00:01Z"}]}]' --subresource=status
  patch_refused "eleven attempts in the history" "attemptHistory: Too many" "$JOB" "[{\"op\":\"add\",\"path\":\"/status/attemptHistory\",\"value\":[$(
    printf '{"attempt":%d},' {1..10}){\"attempt\":11}]}]" --subresource=status
  patch_accepted "the status of the formats page" "$JOB" "[{\"op\":\"replace\",\"path\":\"/status\",\"value\":$ended}]" --subresource=status
  expect_match "it is kept field by field" '"acceptedAttempt":1.*"outputBytes":12.*"memoryLimit":"64Mi".*"duration":"1.2s".*"phase":"Finished"' \
    "$(k get "$JOB" -o json | python3 -c '
import json, sys
status = json.load(sys.stdin)["status"]
order = ["acceptedAttempt", "artifacts", "attemptHistory", "duration", "phase"]
print(json.dumps({key: status[key] for key in order}, separators=(",", ":")))')"
  expect "the API server keeps one owner for the whole status" '{"f:status":{}}' "$(k get "$JOB" -o json --show-managed-fields | python3 -c '
import json, sys
entries = json.load(sys.stdin)["metadata"]["managedFields"]
print(json.dumps(next(entry["fieldsV1"] for entry in entries if entry.get("subresource") == "status"), separators=(",", ":")))')"
  patch_refused "a job that has ended stays as it ended" "stays as it ended" "$JOB" '[{"op":"replace","path":"/status/phase","value":"Started"}]' --subresource=status
  patch_refused "an accepted attempt cannot be removed" "stays accepted" "$JOB" '[{"op":"remove","path":"/status/acceptedAttempt"}]' --subresource=status
  patch_refused "or changed" "stays accepted" "$JOB" '[{"op":"replace","path":"/status/acceptedAttempt","value":2}]' --subresource=status
  patch_accepted "a spec that changes after the end" "$JOB" '[{"op":"add","path":"/spec/priority","value":77}]'
  expect "kubectl wait sees the condition" "job.vbrain.visagio.com/${JOB#vjob/} condition met" \
    "$(k wait --for=condition=Complete --timeout=5s "$JOB")"
  expect "and the one of either end" "job.vbrain.visagio.com/${JOB#vjob/} condition met" \
    "$(k wait --for=condition=Ended --timeout=5s "$JOB")"
}

applications_and_clients() {
  local name='metadata.name="other"' main=spec.template.spec.containers
  accepted "a pod with a helper container beside main" application "$name" \
    "$main=[{\"name\":\"proxy\",\"image\":\"p\"},{\"name\":\"main\",\"image\":\"i\",\"command\":[\"x\"]}]"
  refused "no container called main" "must be called main" application "$name" "$main.0.name=\"app\""
  refused "two containers called main" "Duplicate value" application "$name" \
    "$main=[{\"name\":\"main\",\"image\":\"i\",\"command\":[\"x\"]},{\"name\":\"main\",\"image\":\"i\",\"command\":[\"x\"]}]"
  refused "main without a command" "must name its command" application "$name" "$main.0.command=null"
  refused "main with an empty command" "must name its command" application "$name" "$main.0.command=[]"
  refused "main without an image" "image: Required" application "$name" "$main.0.image=null"
  refused "no containers" "containers" application "$name" "$main=[]"
  local field
  for field in hostNetwork hostPID hostIPC shareProcessNamespace automountServiceAccountToken; do
    refused "$field in a template" "$field: Unsupported value" application "$name" "spec.template.spec.$field=true"
  done
  refused "another restartPolicy" "restartPolicy: Unsupported value" application "$name" 'spec.template.spec.restartPolicy="Always"'
  refused "another service account" "serviceAccountName: Unsupported value" application "$name" 'spec.template.spec.serviceAccountName="default"'
  refused "a backoffLimit below 0" "backoffLimit" application "$name" spec.backoffLimit=-1
  refused "a deadline of 0" "activeDeadlineSeconds" application "$name" spec.activeDeadlineSeconds=0
  refused "memory that does not grow" "above 1" application "$name" 'spec.memoryGrowth={"factor":"1.0","limit":"1Gi"}'
  refused "an output limit that is no quantity" "outputLimit" application "$name" 'spec.outputLimit="10 GB"'
  refused "a typo" 'unknown field "spec.backofLimit"' application "$name" spec.backofLimit=1
  patch_refused "an Application keeps its id" "applicationId cannot be changed" vapp/tutorial '[{"op":"replace","path":"/spec/applicationId","value":"x"}]'

  local client=vclient/acme-tutorial-north member=spec.members.0
  accepted "a Client without members" client "$name" spec.members=null
  refused "an unknown role" "role: Unsupported value" client "$name" "$member.role=\"admin\""
  refused "a member without a role" "role: Required" client "$name" "$member.role=null"
  refused "one username twice" "Duplicate value" client "$name" 'spec.members=[{"username":"ana","role":"leader"},{"username":"ana","role":"developer"}]'
  refused "a key's id in capitals" "keys\[0\].id" client "$name" "$member.keys.0.id=\"K3V9\""
  refused "a key's id of 17" "keys\[0\].id" client "$name" "$member.keys.0.id=\"abcdefghijklmnopq\""
  refused "a hash that is too short" "keys\[0\].sha256" client "$name" "$member.keys.0.sha256=\"00ff\""
  refused "a secret in place of its hash" 'unknown field "spec.members\[0\].keys\[0\].secret"' client "$name" "$member.keys.0.secret=\"s\""
  refused "an expiry that is no time" "keys\[0\].expiresAt" client "$name" "$member.keys.0.expiresAt=\"next year\""
  for field in organizationId applicationId clientId; do
    patch_refused "a Client keeps its $field" "$field cannot be changed" "$client" "[{\"op\":\"replace\",\"path\":\"/spec/$field\",\"value\":\"x\"}]"
  done
  patch_accepted "a key is revoked by removing it" "$client" '[{"op":"remove","path":"/spec/members/0/keys/0"}]'
}

keys() {
  local name='metadata.name="abcd1234"' key=vkey/q7m2x9k4w1ab field
  accepted "a Key without expiry, maker and description" key "$name" spec.expiresAt=null spec.createdBy=null spec.description=null
  refused "a Key whose name is no id of a key" "id of its key" key 'metadata.name="my-key"'
  refused "a name that is too long for an id" "metadata.name" key 'metadata.name="abcdefghijklmnopq"'
  for field in organizationId applicationId clientId username sha256; do
    refused "a Key without $field" "spec.$field: Required" key "$name" "spec.$field=null"
    patch_refused "a Key keeps its $field" "cannot be changed|spec.$field" "$key" "[{\"op\":\"replace\",\"path\":\"/spec/$field\",\"value\":\"$(printf 'a%.0s' {1..64})\"}]"
  done
  refused "a secret in place of its hash" 'unknown field "spec.secret"' key "$name" 'spec.secret="s"'
  refused "a hash that is too short" "spec.sha256" key "$name" 'spec.sha256="00ff"'
  refused "an expiry that is no time" "spec.expiresAt" key "$name" 'spec.expiresAt="next year"'
  refused "a line break in a description" "spec.description" key "$name" 'spec.description="a\nb"'
  patch_refused "a Key expires no later than it was made to" "cannot be changed" "$key" '[{"op":"replace","path":"/spec/expiresAt","value":"2099-01-01T00:00:00Z"}]'
  patch_refused "nor never" "cannot be changed" "$key" '[{"op":"remove","path":"/spec/expiresAt"}]'
  patch_accepted "the hour of its last use" "$key" '[{"op":"add","path":"/status","value":{"lastUsedTime":"2026-01-01T10:00:00Z"}}]' --subresource=status
  patch_accepted "a later one" "$key" '[{"op":"replace","path":"/status/lastUsedTime","value":"2026-01-01T11:00:00Z"}]' --subresource=status
  patch_refused "an earlier one" "never goes back" "$key" '[{"op":"replace","path":"/status/lastUsedTime","value":"2026-01-01T09:00:00Z"}]' --subresource=status
  patch_refused "or none" "never goes back" "$key" '[{"op":"remove","path":"/status/lastUsedTime"}]' --subresource=status
  expect "Keys are found by their user" "key.vbrain.visagio.com/q7m2x9k4w1ab" \
    "$(k get vkey --field-selector spec.organizationId=acme,spec.applicationId=Tutorial,spec.clientId=north,spec.username=ana -o name)"
  k create -f - >/dev/null < <(variant key "$name" 'spec.username="a,b=c\\d"')
  # As api-server/api_keys/key_rules.cpp writes it.
  expect "also with all characters that a selector uses" "key.vbrain.visagio.com/abcd1234" \
    "$(k get vkey --field-selector 'spec.username=a\,b\=c\\d' -o name)"
  k delete vkey/abcd1234 >/dev/null
}

what_kubectl_shows() {
  local columns="STATE +REASON +APPLICATION +ORGANIZATION +CLIENT +ATTEMPTS +DURATION +AGE"
  expect_match "columns of a Job" "^NAME +$columns\$" "$(k get vjob | sed 's/ *$//')"
  expect_match "more with -o wide" "^NAME +$columns +STARTED +SUSPENDED +POD +NODE +EXIT +MESSAGE\$" "$(k get vjob -o wide | sed 's/ *$//')"
  expect_match "and their values" "Finished +Completed +Tutorial +acme +north +1 +1\.2s +[0-9a-z]+ +[0-9a-z]+ +false +${JOB#vjob/}-1 +node1 +0 +exit code 0 after 1\.2 s\$" \
    "$(k get vjob -o wide | sed 's/ *$//')"
  expect_match "columns of an Application" "tutorial +Tutorial +vbrain/tutorial" "$(k get vapp)"
  expect_match "columns of a Client" "acme +Tutorial +north +10 +100Gi" "$(k get vclient)"
  expect_match "columns of a Key" "q7m2x9k4w1ab +acme +Tutorial +north +ana +2027-01-01T00:00:00Z +2026-01-01T11:00:00Z +[0-9a-z]+ +ana +nightly import" "$(k get vkey -o wide)"
  local object
  for object in vapp/tutorial vclient/acme-tutorial-north; do
    local ready='{"type":"Ready","status":"False","reason":"NoKey","message":"why and what to do","lastTransitionTime":"2026-01-01T00:00:00Z","observedGeneration":1}'
    patch_accepted "a status of $object" "$object" "[{\"op\":\"add\",\"path\":\"/status\",\"value\":{\"observedGeneration\":1,\"conditions\":[$ready]}}]" --subresource=status
    expect_match "its columns" "READY.* +False .* NoKey +why and what to do\$" "$(k get "$object" -o wide | tr '\n' ' ' | sed 's/ *$//')"
    patch_accepted "a write of $object does not change its status" "$object" '[{"op":"remove","path":"/status"}]'
    expect "so it is still there" False "$(k get "$object" -o jsonpath='{.status.conditions[0].status}')"
  done
  expect_match "one word lists them all" "job.vbrain.visagio.com/.*" "$(k get vbrain -o name)"
  expect "jobs are found by their fields" "job.vbrain.visagio.com/${JOB#vjob/}" \
    "$(k get vjob --field-selector spec.clientId=north,status.phase=Finished -o name)"
  local kind
  for kind in vjob vapp vclient vkey; do
    local explained
    explained="$(k explain "$kind" --recursive)"
    expect_match "kubectl explain $kind" "spec" "$explained"
    expect "every field of $kind is described" "" "$("$KUBECTL" get --raw /openapi/v3/apis/vbrain.visagio.com/v1 | python3 -c '
import json, sys
schemas = json.load(sys.stdin)["components"]["schemas"]
kind = {"vjob": "Job", "vapp": "Application", "vclient": "Client", "vkey": "Key"}[sys.argv[1]]
def walk(path, schema):
    for name, child in schema.get("properties", {}).items():
        if path == kind and name == "metadata":
            continue
        if not child.get("description"):
            print(path + "." + name)
        walk(path + "." + name, child)
    if isinstance(schema.get("items"), dict):
        walk(path + "[]", schema["items"])
walk(kind, schemas["com.visagio.vbrain.v1." + kind])' "$kind")"
  done
}

definitions
defaults
job_creation
job_changes
job_status
applications_and_clients
keys
what_kubectl_shows
finish

#!/usr/bin/env bash
# Runs the Tutorial application (a·b) through the REST API and shows each step.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/scripts/demo-client.sh"
[[ -f "$DEMO_ENV" ]] || fail "nothing is installed here: run make up"
# A port-forward ends with its pod, so open it again.
if [[ -f "$LOCAL/existing/answers.json" ]]; then "$ROOT/scripts/existing.sh" open; fi
. "$DEMO_ENV"

headers=(-H "username: $VBRAIN_USERNAME" -H "organization_id: $VBRAIN_ORGANIZATION_ID"
  -H "application_id: $VBRAIN_APPLICATION_ID" -H "client_id: $VBRAIN_CLIENT_ID" -H "x-api-key: $VBRAIN_API_KEY")
body="$(mktemp)"
trap 'rm -f "$body"' EXIT

# call METHOD PATH [curl arguments]: sends a request; sets $status and $answer.
call() {
  local method="$1" path="$2"
  shift 2
  status="$(curl -s -o "$body" -w '%{http_code}' --max-time 30 -X "$method" "${headers[@]}" "$@" "$VBRAIN_URL/api/v1$path")" ||
    fail "no answer from $VBRAIN_URL (make status shows what runs)"
  answer="$(tr -d "\000" <"$body")"  # bash variables can't hold the NUL bytes of archives
}
field() { python3 -c 'import json, sys; print(json.loads(sys.argv[1]).get(sys.argv[2], ""))' "$answer" "$1"; }
show() { printf '  %s\n' "$@"; }

a="${1:-10}" b="${2:-20}"
printf '\nThe Tutorial application through the REST API:\n'
call POST /job/execute -H 'content-type: application/json' -d "{\"params\": {\"a\": $a, \"b\": $b}}"
show "POST /api/v1/job/execute  {\"params\": {\"a\": $a, \"b\": $b}}" "  → $status $answer"
[[ "$status" == 201 ]] || fail "the job was not accepted"
job="$(field job_id)"

last=""
deadline=$((SECONDS + 120))
while :; do
  call GET "/job/$job"
  state="$(field job_status)"
  if [[ "$state" != "$last" ]]; then
    show "GET /api/v1/job/$job  → $status job_status=$state"
    last="$state"
  fi
  [[ "$state" == finished || "$state" == failed ]] && break
  ((SECONDS < deadline)) || fail "the job is still $state after 120 s: kubectl -n $VBRAIN_NAMESPACE describe vjob $job"
  sleep 0.2
done
show "kubectl -n $VBRAIN_NAMESPACE get vjob $job"
kubectl -n "$VBRAIN_NAMESPACE" get vjob "$job" | sed 's/^/    /'
call GET "/job/$job/result"
show "GET /api/v1/job/$job/result  → $status $answer"
[[ "$status" == 200 ]] || fail "the job did not finish"
call GET "/job/$job/logs"
show "GET /api/v1/job/$job/logs  → $status, $(stat -c %s "$body") bytes of zip"

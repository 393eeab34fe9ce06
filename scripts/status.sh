#!/usr/bin/env bash
# Shows what `make up` left running: the cluster's components, the platform's pods, the REST address, the last jobs.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/scripts/local.sh"
. "$ROOT/scripts/demo-client.sh"

if [[ -f "$LOCAL/existing/answers.json" ]]; then
  "$ROOT/scripts/existing.sh" status
elif [[ ! -d "$CLUSTER_STATE" ]]; then
  say "nothing is installed by this clone: run make up"
  exit 0
elif ! cluster status; then
  say "" "not everything runs: make up starts the missing parts and continues with the data"
fi
if [[ -f "$DEMO_ENV" ]]; then
  . "$DEMO_ENV"
  say ""
  if curl -s -o /dev/null --max-time 3 "$VBRAIN_URL/api/v1/job"; then say "REST  $VBRAIN_URL  answers"; else say "REST  $VBRAIN_URL  does not answer"; fi
  say ""
  kubectl --request-timeout=5s -n "$VBRAIN_NAMESPACE" get pods -l 'app.kubernetes.io/component!=job' 2>/dev/null || say "the API server does not answer"
  say ""
  kubectl --request-timeout=5s -n "$VBRAIN_NAMESPACE" get vjob --sort-by=.metadata.creationTimestamp 2>/dev/null | (sed -u 1q; tail -n 5) || true
fi

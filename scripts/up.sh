#!/usr/bin/env bash
# `make up`: from a fresh clone to a finished job on a real one-node Kubernetes, which stays running. A second run
# changes only what differs. With CLUSTER=existing it uses the cluster of the current kubeconfig context (existing.sh).
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/scripts/local.sh"
. "$ROOT/scripts/demo-client.sh"

mkdir -p "$LOCAL"
exec 8>"$LOCAL/up.lock"
flock -n 8 || fail "another make up or make down of this clone is under way"

prepare_local_demo() {
  KUBECTL="$(deployment kubectl)" HELM="$(deployment helm)"
  export KUBECONFIG="$CLUSTER_STATE/host.kubeconfig"
  install_forecast "$(deployment forecastImage)"
  create_demo_client
}

up_local() {
  [[ ! -f "$LOCAL/existing/answers.json" ]] || fail "this clone has vBrain on an existing cluster: CLUSTER=existing continues with it, make purge removes it"
  step "Installing system packages" "run as root on Debian 12, with its package archive reachable" \
    "$ROOT/scripts/install-packages.sh"
  step "Building the cluster's programs (first time about 6 minutes)" \
    "the Go module proxy must be reachable; run make up again, it continues where it stopped" "$ROOT/cluster/build.sh" all
  step "Building vBrain (first time a few minutes)" "read the compiler's first error in the log" \
    "$ROOT/scripts/build.sh" release
  step "Starting the local cluster" "make status shows which component is missing; its log is named above" \
    "$ROOT/cluster/cluster.sh" up --state "$CLUSTER_STATE" --name "$CLUSTER_NAME"
  step "Loading the images and installing the chart" "make status; the end of the log has pods, events and logs" \
    "$ROOT/scripts/deploy.sh" --state "$CLUSTER_STATE" --name "$CLUSTER_NAME" --out "$DEPLOYMENT"
  step "Opening the REST port" "another program may use the port: set VBRAIN_PORT and run make up again" open_rest_port
  step "Installing the Application Forecast and the demo client" "kubectl -n $NAMESPACE get vapp,vclient -o wide" prepare_local_demo
}

case "${CLUSTER:-local}" in
  local) up_local ;;
  existing) "$ROOT/scripts/existing.sh" up ;;
  *) fail "CLUSTER=$CLUSTER: must be local (default) or existing" ;;
esac
"$ROOT/scripts/demo.sh"
. "$DEMO_ENV"

cat <<TEXT

vBrain runs. Commands to try next (copy and paste):

  . .local/demo.env
  curl -s "\$VBRAIN_URL/api/v1/job/execute" -H "username: \$VBRAIN_USERNAME" -H "organization_id: \$VBRAIN_ORGANIZATION_ID" \\
    -H "application_id: \$VBRAIN_APPLICATION_ID" -H "client_id: \$VBRAIN_CLIENT_ID" -H "x-api-key: \$VBRAIN_API_KEY" \\
    -H 'content-type: application/json' -d '{"params": {"a": 6, "b": 7}}' -w '\\n'
  kubectl -n \$VBRAIN_NAMESPACE get vjob
  kubectl -n \$VBRAIN_NAMESPACE get events
  kubectl explain vjob.status

  The page for people with a browser:  $VBRAIN_URL/
    organization $VBRAIN_ORGANIZATION_ID, application $VBRAIN_APPLICATION_ID, client $VBRAIN_CLIENT_ID, user $VBRAIN_USERNAME; the key is VBRAIN_API_KEY in .local/demo.env

  make demo      the same job again, step by step        make status    what runs
  make demo-load users, jobs and failures to look at     make down      stop it; the data stays
  make purge     stop it and remove all data
TEXT

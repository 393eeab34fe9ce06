#!/usr/bin/env bash
# `make down` stops what `make up` started. etcd's data and the volume stay for the next `make up`. With --purge (`make
# purge`) it also removes the release, the resource definitions, the claim and all data.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/scripts/local.sh"
. "$ROOT/scripts/demo-client.sh"

if [[ ! -d "$CLUSTER_STATE" && ! -f "$LOCAL/existing/answers.json" ]]; then
  say "nothing is installed by this clone"
  exit 0
fi
exec 8>"$LOCAL/up.lock"
flock -n 8 || fail "another make up or make down of this clone is under way"
if [[ -f "$LOCAL/existing/answers.json" ]]; then
  exec "$ROOT/scripts/existing.sh" "$([[ "${1:-}" == --purge ]] && echo purge || echo down)"
fi

purge_release() {
  local kubectl helm
  kubectl="$(deployment kubectl)" helm="$(deployment helm)"
  export KUBECONFIG="$CLUSTER_STATE/host.kubeconfig"
  "$kubectl" --request-timeout=5s get --raw /readyz >/dev/null 2>&1 || return 0
  # The controller must still run while Jobs are deleted: it removes their folders and finalizers.
  "$kubectl" -n "$NAMESPACE" delete jobs.vbrain.visagio.com --all --ignore-not-found --timeout=90s || true
  "$helm" -n "$NAMESPACE" uninstall vbrain --ignore-not-found --wait --timeout 2m || true
  "$kubectl" delete crd {jobs,applications,clients,keys}.vbrain.visagio.com --ignore-not-found --timeout=60s || true
  "$kubectl" -n "$NAMESPACE" delete pvc -l app.kubernetes.io/instance=vbrain --ignore-not-found --timeout=60s || true
  "$kubectl" delete pv -l app.kubernetes.io/instance=vbrain --ignore-not-found --timeout=60s || true
}

if [[ "${1:-}" == --purge ]]; then
  [[ -f "$DEPLOYMENT" ]] && step "Removing the release, its resource definitions and its claim" "kubectl get vjob" purge_release
fi
step "Stopping the local cluster" "make status; then run make down again" \
  "$ROOT/cluster/cluster.sh" down --state "$CLUSTER_STATE" --name "$CLUSTER_NAME"
rm -f "$LOCAL/rest.address" "$LOCAL/rest.target"
if [[ "${1:-}" == --purge ]]; then
  rm -rf --one-file-system "$CLUSTER_STATE" "$LOCAL/logs" "$LOCAL/bin" "$DEPLOYMENT" "$DEMO_ENV"
  say "all data of the local installation is removed"
else
  say "the data is in .local/cluster; make up continues with it, make purge removes it"
fi

#!/usr/bin/env bash
# After a change of versions.env: updates the Go modules of this folder. Commit go.mod and go.sum.
set -euo pipefail
PROGRAM=cluster/tools/update.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
GO="$("$CLUSTER_DIR/go.sh")"
export GOTOOLCHAIN=local GOFLAGS=-mod=mod GOWORK=off

update() { # update FOLDER MODULE VERSION
  say "$2 $3"
  cd "$CLUSTER_DIR/tools/$1"
  "$GO" mod edit -require "$2@$3"
  # A module file of an earlier version would keep its newer indirect requirements, so start from the single
  # requirement.
  "$GO" mod edit -json | jq -r '.Require[]? | select(.Path != "'"$2"'") | .Path' | while read -r path; do
    "$GO" mod edit -droprequire "$path"
  done
  rm -f go.sum
}

update kubernetes k8s.io/kubernetes "$KUBERNETES_VERSION"
# k8s.io/kubernetes names its staging modules without a version. Their versions follow its own, v1.34.4 -> v0.34.4.
"$GO" mod download -json "k8s.io/kubernetes@$KUBERNETES_VERSION" | jq -r .GoMod | xargs cat |
  awk '$2 == "v0.0.0" && $1 ~ /^k8s\.io\// {print $1}' | sort -u | while read -r path; do
  "$GO" mod edit -replace "$path=$path@v0${KUBERNETES_VERSION#v1}"
done
"$GO" mod tidy
update etcd go.etcd.io/etcd/server/v3 "$ETCD_VERSION"
"$GO" mod tidy
update helm helm.sh/helm/v3 "$HELM_VERSION"
"$GO" mod tidy
update rules-test github.com/prometheus/prometheus "$PROMETHEUS_VERSION"
"$GO" mod tidy
update kwok sigs.k8s.io/kwok "$KWOK_VERSION"
"$GO" mod tidy

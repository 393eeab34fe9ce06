# Images and chart, shared by deploy.sh and existing.sh. Sourced after lib.sh. The caller sets KUBECTL and HELM, and a
# function `inside` that runs a command where these reach the cluster.
# shellcheck shell=bash

BIN="$ROOT/build/release/bin"
BUNDLE="$ROOT/build/release/bundle"
IMAGES=(api-server controller tutorial forecast)

# The tag is a hash of the content, so pods of an unchanged image are not restarted.
image_tag() {
  local content
  content="$(cat "$BIN/api-server" "$BIN/controller" "$BUNDLE/runner" "$ROOT"/examples/tutorial/{main.py,Dockerfile} \
    "$ROOT"/examples/forecast/{main.py,model.py,chart.py,Dockerfile} | sha256sum | cut -c1-12)"
  printf '%s-%s\n' "$VERSION" "$content"
}

# build_images DIR TAG
build_images() {
  say "building images with tag $2"
  "$ROOT/scripts/images/build.sh" --bin "$BIN" --bundle "$BUNDLE" --out "$1" --version "$2"
}

# A helm that is killed during an upgrade leaves the release pending, and later helm runs refuse to work.
remove_pending_revisions() {
  local pending
  pending="$(inside "$HELM" -n "$NAMESPACE" list --pending --filter '^vbrain$' --output json 2>/dev/null | jq -r '.[].revision' || true)"
  [[ -n "$pending" ]] || return 0
  say "an earlier installation was interrupted: removing its pending revision $pending"
  inside "$KUBECTL" -n "$NAMESPACE" delete secret "sh.helm.release.v1.vbrain.v$pending" --ignore-not-found
}

# release_is_current HELM-ARGUMENTS...: true if the chart with these values renders the installed manifest, no hook of an upgrade has to run,
# and the cluster's objects equal the manifest.
release_is_current() {
  local wanted installed
  [[ "$(inside "$HELM" -n "$NAMESPACE" status vbrain --output json 2>/dev/null | jq -r .info.status)" == deployed ]] || return 1
  installed="$(inside "$HELM" -n "$NAMESPACE" get manifest vbrain)" || return 1
  wanted="$(inside "$HELM" upgrade vbrain "$ROOT/helm/vbrain" --namespace "$NAMESPACE" --dry-run=server --output json "$@")" || return 1
  [[ "$(jq '[.hooks // [] | .[] | select(.events - ["pre-delete", "post-delete", "test"] != [])] | length' <<<"$wanted")" == 0 ]] || return 1
  [[ "$(jq -r .manifest <<<"$wanted")" == "$installed" ]] || return 1
  inside "$KUBECTL" -n "$NAMESPACE" diff -f - <<<"$installed" >/dev/null
}

# Kinds and fields of crds/ that the definitions in the cluster do not have, one on each line, at most five. A newer definition has more and lacks
# nothing.
definitions_lack() {
  local file
  for file in "$ROOT"/crds/*.yaml; do
    jq -nr --slurpfile wanted <("$KUBECTL" create --dry-run=client --validate=false -o json -f "$file") \
      --slurpfile there <("$KUBECTL" get crd --ignore-not-found -o json "$(basename "$file" .yaml)s.vbrain.visagio.com") '
      # Paths of fields, as spec.webhook.url: what stands below "properties".
      def fields: [.spec.versions[] | select(.name == "v1") | .schema.openAPIV3Schema | paths | select(.[-2] == "properties")
        | map(select(type == "string" and . != "properties" and . != "items" and . != "additionalProperties")) | join(".")] | unique;
      $wanted[0].spec.names.kind as $kind
      | if $there == [] then "the kind \($kind)" else (($wanted[0] | fields) - ($there[0] | fields))[] | "\(.) of \($kind)" end'
  done | sed -n 1,5p
}

roll_out() {
  local program
  for program in api-server controller; do
    inside "$KUBECTL" -n "$NAMESPACE" rollout status "deployment/vbrain-$program" --timeout=3m || return 1
  done
}

# install_chart HELM-ARGUMENTS...: installs or upgrades the release if it differs. Returns when the programs are
# ready, or fails and shows pods, events and logs.
install_chart() {
  local program
  remove_pending_revisions
  if release_is_current "$@"; then
    say "the release is up to date: nothing to upgrade"
    roll_out && return 0
  else
    say "installing the chart"
    inside "$HELM" upgrade --install vbrain "$ROOT/helm/vbrain" --namespace "$NAMESPACE" --wait --timeout 3m "$@" && return 0
  fi
  say "--- pods, events and logs of namespace $NAMESPACE"
  inside "$KUBECTL" -n "$NAMESPACE" get pods,pvc -o wide || true
  inside "$KUBECTL" -n "$NAMESPACE" get events --sort-by=.lastTimestamp | tail -n 20 || true
  for program in api-server controller; do
    say "--- log of $program"
    inside "$KUBECTL" -n "$NAMESPACE" logs "deployment/vbrain-$program" --tail=15 || true
  done
  fail "the chart did not become ready"
}

# The manifest of the namespace, with Pod Security level restricted, which all pods of vBrain meet.
namespace_manifest() {
  cat <<NAMESPACE
apiVersion: v1
kind: Namespace
metadata:
  name: $NAMESPACE
  labels:
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/enforce-version: latest
NAMESPACE
}

#!/usr/bin/env bash
# deploy.sh --state DIR --name NAME --out FILE [--set KEY=VALUE]...: builds the images from build/release, loads them
# into the local cluster and installs or upgrades the chart. Changes only what differs. FILE gets, as JSON, where
# things are; for tests and for `make up`.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

state="" name="" out="" sets=()
while (($#)); do
  case "$1" in
    --state) state="$(realpath -m "$2")" ;;
    --name) name="$2" ;;
    --out) out="$2" ;;
    --set) sets+=(--set "$2") ;;
    *) fail "usage: deploy.sh --state DIR --name NAME --out FILE [--set KEY=VALUE]..." ;;
  esac
  shift 2
done
[[ -n "$state" && -n "$name" && -n "$out" ]] || fail "deploy.sh needs --state, --name and --out"

cluster() { "$ROOT/cluster/cluster.sh" "$1" --state "$state" --name "$name" "${@:2}"; }
inside() { cluster exec -- "$@"; }
KUBECTL="$("$ROOT/cluster/build.sh" --path kubectl)"
HELM="$("$ROOT/cluster/build.sh" --path helm)"
export KUBECONFIG="$state/admin.kubeconfig"
volume="$state/volume"

# The tag follows the content: an image that did not change keeps its tag, and then its pods are left alone.
bin="$ROOT/build/release/bin"
bundle="$ROOT/build/release/bundle"
content="$(cat "$bin/api-server" "$bin/controller" "$bundle/runner" "$ROOT"/examples/tutorial/{main.py,Dockerfile} |
  sha256sum | cut -c1-12)"
tag="$VERSION-$content"
say "building images with tag $tag"
"$ROOT/scripts/images/build.sh" --bin "$bin" --bundle "$bundle" --out "$state/images" --version "$tag"
for image in api-server controller tutorial; do
  say "loading vbrain/$image:$tag"
  cluster load "$state/images/$image.tar"
done

say "preparing the volume"
mkdir -p "$volume"
chown 65532:2000 "$volume"
chmod 2770 "$volume"

# A helm that was killed in the middle leaves the release pending, and then every later one refuses to work.
pending="$(inside "$HELM" -n "$NAMESPACE" list --pending --filter '^vbrain$' --output json 2>/dev/null | jq -r '.[].revision' || true)"
if [[ -n "$pending" ]]; then
  say "an earlier installation was cut off: taking back its revision $pending"
  inside "$KUBECTL" -n "$NAMESPACE" delete secret "sh.helm.release.v1.vbrain.v$pending" --ignore-not-found
fi

say "installing the chart"
inside "$KUBECTL" apply -f - <<NAMESPACE
apiVersion: v1
kind: Namespace
metadata:
  name: $NAMESPACE
  labels:
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/enforce-version: latest
NAMESPACE
if ! inside "$HELM" upgrade --install vbrain "$ROOT/helm/vbrain" --namespace "$NAMESPACE" --wait --timeout 3m \
  --set apiServer.image.tag="$tag" --set controller.image.tag="$tag" \
  --set tutorial.enabled=true --set tutorial.image.tag="$tag" \
  --set volume.hostPath.path="$volume" "${sets[@]}"; then
  say "--- pods, events and logs of namespace $NAMESPACE"
  inside "$KUBECTL" -n "$NAMESPACE" get pods,pvc -o wide || true
  inside "$KUBECTL" -n "$NAMESPACE" get events --sort-by=.lastTimestamp | tail -n 20 || true
  for program in api-server controller; do
    say "--- log of $program"
    inside "$KUBECTL" -n "$NAMESPACE" logs "deployment/vbrain-$program" --tail=15 || true
  done
  fail "the chart did not become ready"
fi

address="$(inside "$KUBECTL" -n "$NAMESPACE" get service vbrain-api-server -o jsonpath='{.spec.clusterIP}')"
cat >"$out.new" <<JSON
{"namespace": "$NAMESPACE", "kubeconfig": "$KUBECONFIG", "kubectl": "$KUBECTL", "helm": "$HELM", "volume": "$volume",
 "apiServer": "$address:8080", "metrics": "$address:9090", "apiServerProgram": "$bin/api-server", "tag": "$tag",
 "tutorialImage": "vbrain/tutorial:$tag", "images": "$state/images", "state": "$state", "name": "$name"}
JSON
mv "$out.new" "$out"

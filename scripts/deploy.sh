#!/usr/bin/env bash
# deploy.sh --state DIR --name NAME --out FILE [--set KEY=VALUE]...: builds the images from build/release, loads them
# into the local cluster, and installs or upgrades the chart. It changes only what differs. It writes addresses and
# paths of the installation to FILE as JSON, for tests and for `make up`.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/scripts/release.sh"

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

tag="$(image_tag)"
build_images "$state/images" "$tag"
for image in "${IMAGES[@]}"; do
  say "loading vbrain/$image:$tag"
  cluster load "$state/images/$image.tar"
done

say "preparing the volume"
mkdir -p "$volume"
chown 65532:2000 "$volume"
chmod 2770 "$volume"

namespace_manifest | inside "$KUBECTL" apply -f -
install_chart --set apiServer.image.tag="$tag" --set controller.image.tag="$tag" \
  --set tutorial.enabled=true --set tutorial.image.tag="$tag" \
  --set volume.hostPath.path="$volume" "${sets[@]}"

address="$(inside "$KUBECTL" -n "$NAMESPACE" get service vbrain-api-server -o jsonpath='{.spec.clusterIP}')"
# The pods are ready shortly before the node routes the Service's address to them.
inside curl --silent --show-error --output /dev/null --max-time 5 --retry 60 --retry-delay 1 --retry-all-errors "http://$address:8080/api/v1" ||
  fail "the REST server does not answer at the address of its Service, $address:8080"
cat >"$out.new" <<JSON
{"namespace": "$NAMESPACE", "kubeconfig": "$KUBECONFIG", "kubectl": "$KUBECTL", "helm": "$HELM", "volume": "$volume",
 "apiServer": "$address:8080", "metrics": "$address:9090", "apiServerProgram": "$BIN/api-server", "tag": "$tag",
 "tutorialImage": "vbrain/tutorial:$tag", "forecastImage": "vbrain/forecast:$tag", "images": "$state/images", "state": "$state", "name": "$name"}
JSON
mv "$out.new" "$out"

# Images of the cluster, loaded from files (OCI layout tars). Source node.sh first.
# shellcheck shell=bash

readonly PAUSE_IMAGE=docker.io/vbrain/pause:1

image_digest() { # of a loaded image; empty if there is none
  run_ctr images list "name==$1" 2>/dev/null | awk 'NR == 2 {print $3}'
}
image_is_known_to_kubelet() { # containerd's CRI service sees a new image shortly after the import
  run_ctr images list "name==$1" 2>/dev/null | awk 'NR == 2' | grep -q 'io.cri-containerd.image=managed'
}

# load_image FILE: does nothing if the same content is already loaded under the same name.
load_image() {
  local file="$1" index name digest output
  [[ -f "$file" ]] || fail "$file: no such file"
  index="$(tar -xOf "$file" index.json 2>/dev/null)" || fail "$file is not an OCI layout tar"
  name="$(jq -r '.manifests[0].annotations["io.containerd.image.name"] // empty' <<<"$index")"
  digest="$(jq -r '.manifests[0].digest // empty' <<<"$index")"
  [[ -n "$name" && -n "$digest" ]] || fail "$file has no image name (annotation io.containerd.image.name)"
  if [[ "$(image_digest "$name")" == "$digest" ]]; then
    say "$name is already loaded"
    return
  fi
  output="$(run_ctr images import --snapshotter "$SNAPSHOTTER" "$(realpath "$file")" 2>&1)" || {
    printf '%s\n' "$output" >&2
    fail "could not load $file; is the disk full? (containerd's log: $LOGS/containerd.log)"
  }
  wait_until 20 image_is_known_to_kubelet "$name" || fail "containerd's CRI service does not show $name ($LOGS/containerd.log)"
  say "$name is loaded"
}

load_pause_image() {
  [[ "$(image_digest "$PAUSE_IMAGE")" == "" ]] || return 0
  "$CLUSTER_DIR/../scripts/images/build.sh" --only pause --out "$STATE/images" || fail "could not build the pause image"
  load_image "$STATE/images/pause.tar"
}

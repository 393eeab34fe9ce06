#!/usr/bin/env bash
# Copies the definitions (crds/) and the tutorial's Application into the chart, because Helm packages only files of the
# chart's folder. `--check` changes nothing and fails if a copy differs.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
FILES="${CHART_FILES:-$ROOT/helm/vbrain/files}"

case "${1:-}" in
  "")
    mkdir -p "$FILES/crds" "$FILES/tutorial"
    rm -f "$FILES"/crds/*.yaml
    cp "$ROOT"/crds/*.yaml "$FILES/crds/"
    cp "$ROOT/examples/tutorial/application.yaml" "$FILES/tutorial/"
    ;;
  --check)
    status=0
    diff -r --exclude=examples "$ROOT/crds" "$FILES/crds" || status=1
    diff "$ROOT/examples/tutorial/application.yaml" "$FILES/tutorial/application.yaml" || status=1
    ((status == 0)) || echo "the chart's copies differ from their sources; run scripts/sync-chart.sh" >&2
    exit "$status"
    ;;
  *)
    echo "usage: scripts/sync-chart.sh [--check]" >&2
    exit 2
    ;;
esac

#!/usr/bin/env bash
# The checks of `make verify` for the chart: copies equal their sources, values match their schema, helm lint passes.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"

"$ROOT/scripts/sync-chart.sh" --check
helm="$("$ROOT/scripts/find-helm.sh")"
if ! report="$("$helm" lint --strict "$ROOT/helm/vbrain" 2>&1)"; then
  printf '%s\n' "$report" >&2
  exit 1
fi

#!/usr/bin/env bash
# What `make verify` asks of the chart: its copies are those of their sources, its values pass their schema, helm finds no fault.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

"$ROOT/scripts/sync-chart.sh" --check
helm="$("$ROOT/scripts/find-helm.sh")"
if ! report="$("$helm" lint --strict "$ROOT/helm/vbrain" 2>&1)"; then
  printf '%s\n' "$report" >&2
  exit 1
fi

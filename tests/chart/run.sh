#!/usr/bin/env bash
# The chart without a cluster: lint, and the rendered objects for many values.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
export HELM="${HELM:-$("$ROOT/scripts/find-helm.sh")}"
exec python3 "$ROOT/tests/chart/chart_test.py"

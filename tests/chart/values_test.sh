#!/usr/bin/env bash
# Names, values that cannot work, what parent charts and platforms set. Without a cluster.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
export HELM="${HELM:-$("$ROOT/scripts/find-helm.sh")}"
exec python3 "$ROOT/tests/chart/values_test.py"

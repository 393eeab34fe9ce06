#!/usr/bin/env bash
# What Helm says after an installation. Without a cluster.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
export HELM="${HELM:-$("$ROOT/scripts/find-helm.sh")}"
exec python3 "$ROOT/tests/chart/notes_test.py"

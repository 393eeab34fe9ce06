#!/usr/bin/env bash
# The alert rules that the chart ships, with Prometheus' own engine (cluster/tools/rules-test). $PROMTOOL may name a promtool to
# use instead.
set -euo pipefail
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
ROOT="$(cd "$HERE/../.." && pwd)"
. "$HERE/lib.bash"

if [[ -n "${PROMTOOL:-}" ]]; then
  if answer="$("$PROMTOOL" test rules "$HERE/alerts.test.yaml" 2>&1)"; then
    pass "the alerts fire when they should, and only then"
  else
    fail "the alerts fire when they should, and only then" "$answer"
  fi
else
  "$ROOT/cluster/build.sh" rules-test
  counts="$("$("$ROOT/cluster/build.sh" --path rules-test)" "$HERE/alerts.test.yaml")" || true
  sed '$d' <<<"$counts"
  read -r PASSED _ FAILED _ <<<"$(tail -n 1 <<<"$counts")"
fi

# An alert without a test, or on a metric that the programs do not have, would be a promise that nobody checks.
alerts="$ROOT/helm/vbrain/files/monitoring/alerts.yaml"
expect "every alert is tested, firing" "$(sed -n 's/^ *- alert: //p' "$alerts" | sort -u)" \
  "$(grep -oE 'exp_annotations: &[A-Za-z]+' "$HERE/alerts.test.yaml" | sed 's/.*&//' | sort -u)"
in_code="$(grep -rhoE '"(vbrain|process)_[a-z_]+"' "$ROOT"/{api-server,controller,lib} --include='*.cpp' --include='*.hpp' | tr -d '"' | sort -u)"
used="$(cat "$alerts" "$ROOT/helm/vbrain/files/monitoring/dashboard.json" | grep -oE '\b(vbrain|process)_[a-z_]+' | sed 's/_bucket$//' | sort -u)"
expect "alerts and dashboard use metrics that exist" "" "$(comm -13 <(printf '%s\n' "$in_code") <(printf '%s\n' "$used"))"
finish

#!/usr/bin/env bash
# `make demo-load`: fills the platform that `make up` started with users, forecasts, a sweep, and jobs that wait and fail for
# each reason. A second run makes only what is missing. It removes nothing, and ends with the commands that do.
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
. "$ROOT/scripts/demo-client.sh"
[[ -f "$DEMO_ENV" ]] || fail "nothing is installed here: run make up"
# A port-forward ends with its pod, so open it again.
if [[ -f "$LOCAL/existing/answers.json" ]]; then "$ROOT/scripts/existing.sh" open; fi
. "$DEMO_ENV"
/usr/bin/python3 -c 'import httpx, openpyxl, yaml' 2>/dev/null ||
  fail "python3-httpx, python3-openpyxl and python3-yaml are needed: apt-get install them"
PYTHONPATH="$ROOT/clients/python/src:$ROOT/examples/forecast" exec /usr/bin/python3 "$ROOT/scripts/demo/load.py" "$LOCAL/demo-load.json"

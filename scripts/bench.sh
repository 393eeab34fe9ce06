#!/usr/bin/env bash
# Prints the times of one job on a cluster of its own. It asserts nothing.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
"$ROOT/scripts/install-packages.sh"
exec /usr/bin/python3 "$ROOT/tests/run.py" bench

#!/usr/bin/env bash
# Prints the figures of one job on a cluster of its own; nothing is asserted.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
"$ROOT/scripts/install-packages.sh"
exec /usr/bin/python3 "$ROOT/tests/run.py" bench

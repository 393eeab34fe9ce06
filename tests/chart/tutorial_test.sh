#!/usr/bin/env bash
# The tutorial's program alone, with the files and variables that a job gives it.
set -euo pipefail
exec python3 "$(dirname "${BASH_SOURCE[0]}")/tutorial_test.py"

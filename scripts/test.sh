#!/usr/bin/env bash
# test.sh [unit|chart|integration|conformance|e2e]...: installs what is missing, then runs the suites (default: all of them).
# E2E=off counts what needs a cluster as skipped. The last line is `N passed, N failed, N skipped`.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$ROOT/scripts/install-packages.sh" $([[ "${E2E:-on}" == off ]] && printf -- '--e2e=off')
# Debian's Python: the packages that the tests need are installed for that one.
exec /usr/bin/python3 "$ROOT/tests/run.py" "$@"

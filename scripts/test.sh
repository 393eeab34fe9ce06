#!/usr/bin/env bash
# test.sh [unit|chart|integration|conformance|fault|e2e]...: installs what is missing, then runs the suites (default: all of
# them). E2E=off counts what needs a cluster as skipped. The last line is `N passed, N failed, N skipped`.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

packages=()
if [[ "${E2E:-on}" == off ]]; then packages=(--e2e=off); fi
"$ROOT/scripts/install-packages.sh" "${packages[@]}" || {
  say "0 passed, 1 failed, 0 skipped"
  exit 1
}
# Debian's Python: the packages that the tests need are installed for that one.
exec /usr/bin/python3 "$ROOT/tests/run.py" "$@"

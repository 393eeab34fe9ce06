#!/usr/bin/env bash
# test.sh [unit|chart|integration|web|conformance|fault|e2e]...: installs missing packages, then runs the suites (default:
# all). E2E=off counts the suites that need a cluster as skipped. The last line is `N passed, N failed, N skipped`.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

packages=()
if [[ "${E2E:-on}" == off ]]; then packages=(--e2e=off); fi
"$ROOT/scripts/install-packages.sh" "${packages[@]}" || {
  say "0 passed, 1 failed, 0 skipped"
  exit 1
}
# Debian's Python, because the packages of the tests are installed for it.
exec /usr/bin/python3 "$ROOT/tests/run.py" "$@"

#!/usr/bin/env bash
# Prints the folder with the files of Swagger UI: $VBRAIN_SWAGGER_UI (an unpacked swagger-ui-dist of npm, for example), or
# the cache folder, which is filled from PyPI at the first use. Both are compared with the digests below.
set -euo pipefail
PROGRAM=api-server/openapi/page/fetch.sh
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
VBRAIN_CACHE="${VBRAIN_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/vbrain}"
DIGESTS='050bc415ee7048dcd881682678f720264e7da5e373f7461d7c58c755305255f7  swagger-ui-bundle.js
1ac324f7dcd27e4b9386b4bd6421271ec147e922a22c05ba24b11515e9aa6321  swagger-ui.css
cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30  LICENSE'

say() { printf '%s: %s\n' "$PROGRAM" "$*" >&2; }
fail() { say "$*"; exit 1; }
is_whole() { (cd "$1" 2>/dev/null && sha256sum --check --quiet --strict <<<"$DIGESTS" >&2); }

if [[ -n "${VBRAIN_SWAGGER_UI:-}" ]]; then
  is_whole "$VBRAIN_SWAGGER_UI" || fail "\$VBRAIN_SWAGGER_UI does not have the files of swagger-ui-dist 5.33.1"
  printf '%s\n' "$VBRAIN_SWAGGER_UI"
  exit 0
fi

made="$VBRAIN_CACHE/swagger-ui-$(sha256sum "$HERE/swagger-ui.txt" | cut -c1-16)"
mkdir -p "$VBRAIN_CACHE"
exec 9>"$made.lock"
flock 9
if [[ ! -d "$made" ]]; then
  say "taking Swagger UI from PyPI into $made (once)"
  work="$(mktemp -d "$made.XXXXXX")"
  trap 'rm -rf "$work"' EXIT
  { python3 -m venv "$work/venv" &&
    "$work/venv/bin/pip" install --disable-pip-version-check --no-deps --require-hashes --target "$work/package" \
      -r "$HERE/swagger-ui.txt"; } >"$made.log" 2>&1 || {
    tail -n 15 "$made.log" | sed 's/^/    /' >&2
    fail "Swagger UI could not be fetched. Install python3-venv, check the access to PyPI, or set VBRAIN_SWAGGER_UI to an unpacked swagger-ui-dist 5.33.1"
  }
  mkdir "$work/files"
  (cd "$work/package/drf_spectacular_sidecar/static/drf_spectacular_sidecar/swagger-ui-dist" &&
    cp swagger-ui-bundle.js swagger-ui.css LICENSE "$work/files/")
  mv -T "$work/files" "$made"
fi
is_whole "$made" || fail "the files in $made are not those of swagger-ui-dist 5.33.1; remove the folder"
printf '%s\n' "$made"

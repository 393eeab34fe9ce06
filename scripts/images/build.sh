#!/usr/bin/env bash
# Builds the container images as files, without a registry, a daemon or root. See README.md in this folder.
set -euo pipefail
PROGRAM=scripts/images/build.sh
IMAGES="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

say() { printf '%s: %s\n' "$PROGRAM" "$*" >&2; }
fail() { say "$*"; exit 1; }

usage() {
  cat <<USAGE
usage: build.sh --bin DIR [--bundle DIR] --out DIR --version V [--only NAME[,NAME]...]
  api-server, controller   from DIR of --bin; the controller carries the runner (--bundle, default: --bin)
  tutorial                 examples/tutorial on a Python of this machine's Debian packages
  pause                    the sandbox of pods (needs neither --bin nor --version)
Writes OUT/NAME.tar; what has not changed is not written again. Default: all but pause.
USAGE
}

BIN="" BUNDLE="" OUT="" VERSION="" ONLY="api-server,controller,tutorial"
while (($#)); do
  case "$1" in
    --bin) BIN="$2"; shift 2 ;;
    --bundle) BUNDLE="$2"; shift 2 ;;
    --out) OUT="$2"; shift 2 ;;
    --version) VERSION="$2"; shift 2 ;;
    --only) ONLY="$2"; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done
[[ -n "$OUT" ]] || { usage >&2; exit 2; }
mkdir -p "$OUT"
WORK="$(mktemp -d)"
trap 'rm -rf "$WORK"' EXIT

build_pause() {
  mkdir -p "$WORK/pause"
  gcc -O2 -static -s -Wall -Wextra -Werror -o "$WORK/pause/pause" "$IMAGES/pause/pause.c" ||
    fail "pause does not compile; gcc and libc6-dev are needed (scripts/install-packages.sh)"
  "$IMAGES/oci_image.py" --name vbrain/pause:1 --out "$OUT/pause.tar" --layer "$WORK/pause" --entrypoint '["/pause"]'
}

IFS=, read -ra NAMES <<<"$ONLY"
for name in "${NAMES[@]}"; do
  case "$name" in
    pause) build_pause ;;
    *) fail "unknown image $name" ;;
  esac
done

#!/usr/bin/env bash
# Builds the container images as files, without a registry, a daemon or root. See README.md in this folder.
set -euo pipefail
PROGRAM=scripts/images/build.sh
IMAGES="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
EXAMPLES="$IMAGES/../../examples"
VBRAIN_CACHE="${VBRAIN_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/vbrain}"
umask 022

say() { printf '%s: %s\n' "$PROGRAM" "$*" >&2; }
fail() { say "$*"; exit 1; }

# shellcheck source=root_tree.sh
. "$IMAGES/root_tree.sh"

usage() {
  cat <<USAGE
usage: build.sh --bin DIR [--bundle DIR] --out DIR (--version V | --trees) [--only NAME[,NAME]...]
  api-server, controller   from DIR of --bin; the controller carries the runner (--bundle, default: --bin)
  tutorial, forecast       examples/… on a Python of this machine's Debian packages
  pause                    the sandbox of pods (needs neither --bin nor --version)
Writes OUT/NAME.tar; what has not changed is not written again. With --trees: OUT/NAME, the content of the images of our
programs as a folder, for the Dockerfiles. Default: all but pause.
USAGE
}

BIN="" BUNDLE="" OUT="" VERSION="" TREES="" ONLY="api-server,controller,tutorial,forecast"
while (($#)); do
  case "$1" in
    --bin) BIN="$2"; shift 2 ;;
    --bundle) BUNDLE="$2"; shift 2 ;;
    --out) OUT="$2"; shift 2 ;;
    --version) VERSION="$2"; shift 2 ;;
    --trees) TREES=yes; shift ;;
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

oci_image() { # oci_image NAME LIMIT-MB ENTRYPOINT LAYER...
  local name="$1" limit="$2" entrypoint="$3" layer layers=()
  shift 3
  for layer in "$@"; do layers+=(--layer "$layer"); done
  "$IMAGES/oci_image.py" --name "vbrain/$name:$VERSION" --out "$OUT/$name.tar" "${layers[@]}" --entrypoint "$entrypoint" \
    --limit-mb "$limit" --label "org.opencontainers.image.title=vbrain/$name" \
    --label "org.opencontainers.image.version=$VERSION"
}

check_hardening() { # check_hardening FILE...: programs of ours that were built without cmake/hardening.cmake do not ship
  "$IMAGES/check-hardening.sh" "$@" || fail "build the programs by scripts/build.sh release"
}

make_api_server_root() {
  new_root "$1"
  check_hardening "$BIN/api-server"
  add_program "$1" "$BIN/api-server" /usr/local/bin/api-server
}

make_controller_root() {
  new_root "$1"
  check_hardening "$BIN/controller" "$BUNDLE/runner"
  add_program "$1" "$BIN/controller" /usr/local/bin/controller
  add_bundle "$1" "$BUNDLE" /opt/vbrain/bin
  add_authorities "$1" # webhooks
}

build_program() { # build_program NAME LIMIT-MB
  if [[ -n "$TREES" ]]; then
    "make_${1//-/_}_root" "$OUT/$1"
  else
    "make_${1//-/_}_root" "$WORK/$1"
    oci_image "$1" "$2" "[\"/usr/local/bin/$1\"]" "$WORK/$1"
  fi
}

# The Dockerfiles of examples start from images of Docker Hub. Here the base with Python is built from Debian's packages and
# cached. Sets PYTHON_BASE.
make_python_base() {
  local packages
  packages="$(basename "$(realpath /usr/bin/python3)")"
  PYTHON_BASE="$VBRAIN_CACHE/images/python-$({
    dpkg-query -W "lib$packages-minimal" "lib$packages-stdlib" "$packages-minimal" libc6 zlib1g libexpat1
    cat "$IMAGES/root_tree.sh"
  } | sha256sum | cut -c1-16)"
  if [[ ! -d "$PYTHON_BASE" ]]; then
    say "making the base of Python images (once)"
    mkdir -p "$(dirname "$PYTHON_BASE")"
    make_python_root "$WORK/python"
    rm -rf "$PYTHON_BASE.$$"
    cp -r --preserve=mode,links "$WORK/python" "$PYTHON_BASE.$$"
    mv -T "$PYTHON_BASE.$$" "$PYTHON_BASE" 2>/dev/null || rm -rf "$PYTHON_BASE.$$" # another run was quicker
  fi
}

build_tutorial() {
  make_python_base
  install -D -m 644 "$EXAMPLES/tutorial/main.py" "$WORK/tutorial/app/main.py"
  oci_image tutorial 40 '["python3", "/app/main.py"]' "$PYTHON_BASE" "$WORK/tutorial"
}

build_forecast() {
  local libraries="$WORK/forecast-libraries"
  make_python_base
  add_python_packages "$libraries" python3-cairo python3-openpyxl python3-et-xmlfile
  add_font "$libraries" /usr/share/fonts/truetype/dejavu/DejaVuSans{,-Bold}.ttf
  remove_known "$libraries" "$PYTHON_BASE"
  install -D -m 644 -t "$WORK/forecast/app" "$EXAMPLES"/forecast/{main,model,chart}.py
  oci_image forecast 55 '["python3", "/app/main.py"]' "$PYTHON_BASE" "$libraries" "$WORK/forecast"
}

IFS=, read -ra NAMES <<<"$ONLY"
for name in "${NAMES[@]}"; do
  if [[ "$name" != pause ]]; then [[ -n "$VERSION$TREES" ]] || { usage >&2; exit 2; }; fi
  case "$name" in
    pause) build_pause ;;
    tutorial | forecast) "build_$name" ;;
    api-server | controller)
      [[ -n "$BIN" ]] || { usage >&2; exit 2; }
      BUNDLE="${BUNDLE:-$BIN}"
      case "$name" in api-server) build_program "$name" 40 ;; controller) build_program "$name" 55 ;; esac ;;
    *) fail "unknown image $name" ;;
  esac
done

#!/usr/bin/env bash
# Installs the Debian packages for building, testing and running. Does nothing if all are installed.
#   install-packages.sh [--e2e=off | --existing | --build | --bench | --fuzz]
# --e2e=off leaves out packages that only the local cluster needs. --existing does so too and adds the tools that push images
# to a registry. --build installs only the compiler and the libraries, for the build stage of the Dockerfiles. --bench adds
# the programs beside which `make bench` measures. --fuzz installs what `make fuzz` needs, which nothing else does: clang.
set -euo pipefail
PROGRAM=scripts/install-packages.sh
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

say() { printf '%s: %s\n' "$PROGRAM" "$*" >&2; }
fail() { say "$*"; exit 1; }

BUILD=(make g++ cmake ninja-build ccache clang-format binutils libcpprest-dev libboost1.74-dev libyaml-cpp-dev
  nlohmann-json3-dev rapidjson-dev libsimdjson-dev libzip-dev libssl-dev zlib1g-dev libgtest-dev libgmock-dev pkg-config libexpected-dev
  libutf8proc-dev libre2-dev libcli11-dev prometheus-cpp-dev python3 python3-yaml python3-venv)
# python3-venv is for Swagger UI and the Go toolchain from PyPI, python3-yaml for the OpenAPI document. curl, jq and openssl start the API server of the integration tests.
# python3-cairo, python3-openpyxl and the font are parts of the image of examples/forecast.
TOOLS=(git ca-certificates openssl curl jq python3 python3-venv python3-yaml procps util-linux python3-cairo python3-openpyxl
  fonts-dejavu-core)
REGISTRY=(skopeo)
# libfuse3-dev and fuse3: the tests mount a file system of their own (tests/support/netfs). The Python packages are also
# needed without a cluster, to count the tests as skipped. The archivers make the archives of the tests of real writers. The JDK
# and Maven are for the clients that are generated from the OpenAPI document. Mono runs the example in C#.
TESTS=(libfuse3-dev fuse3 zip libarchive-tools p7zip-full json-schema-test-suite python3-pytest python3-pytest-xdist
  python3-requests python3-kubernetes python3-jsonschema python3-httpx python3-tqdm python3-setuptools python3-wheel openjdk-17-jdk-headless maven mono-mcs
  mono-runtime libmono-system-net-http4.0-cil)
# tests/web looks at the page with a browser.
BROWSER=(chromium)
CLUSTER=(containerd runc containernetworking-plugins iptables conntrack iproute2)
BENCH=(nghttp2-client nginx wrk)
# llvm has the program that names the lines of a stack trace.
FUZZ=(clang-19 libclang-rt-19-dev llvm-19)

case "${1:-}" in
  "") wanted=("${BUILD[@]}" "${TOOLS[@]}" "${TESTS[@]}" "${CLUSTER[@]}" "${BROWSER[@]}") ;;
  --e2e=off) wanted=("${BUILD[@]}" "${TOOLS[@]}" "${TESTS[@]}") ;;
  --existing) wanted=("${BUILD[@]}" "${TOOLS[@]}" "${REGISTRY[@]}") ;;
  --build) wanted=("${BUILD[@]}") ;;
  --bench) wanted=("${BUILD[@]}" "${TOOLS[@]}" "${TESTS[@]}" "${CLUSTER[@]}" "${BENCH[@]}") ;;
  --fuzz) wanted=("${BUILD[@]}" libfuse3-dev "${FUZZ[@]}") ;;
  *) say "usage: install-packages.sh [--e2e=off | --existing | --build | --bench | --fuzz]"; exit 2 ;;
esac

missing_packages() {
  local installed
  # dpkg-query fails if it does not know a name, and that is not an error here.
  installed=" $( (dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "${wanted[@]}" 2>/dev/null || true) | sed -n 's/^ii //p' | tr '\n' ' ')"
  local package
  for package in "${wanted[@]}"; do
    [[ "$installed" == *" $package "* ]] || printf '%s\n' "$package"
  done
}

install_missing() {
  local log policy=/usr/sbin/policy-rc.d made=0 status=0 pid waited=0
  log="$(mktemp)"
  # Keeps Debian's containerd service from starting: the cluster starts its own. If the file already exists, the
  # machine's administrator has made that decision.
  if [[ ! -e "$policy" ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    made=1
    # shellcheck disable=SC2064
    trap "rm -f '$policy'" EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  (
    apt-get update -q -o Acquire::Retries=3 &&
      apt-get install -q -y --no-install-recommends -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@"
  ) >"$log" 2>&1 </dev/null &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 1
    waited=$((waited + 1))
    ((waited % 20)) || say "  ${waited} s: $(tail -n 1 "$log" | cut -c1-100)"
  done
  wait "$pid" || status=$?
  if ((made)); then rm -f "$policy"; fi
  if ((status)); then
    tail -n 20 "$log" | sed 's/^/    /' >&2
    say "apt-get failed (log: $log). No network or no such package: check /etc/apt/sources.list (Debian 12 bookworm, main);" \
      "an interrupted installation: dpkg --configure -a. Then run it again."
    exit 1
  fi
  rm -f "$log"
}

if ! command -v dpkg-query >/dev/null; then
  say "this is not Debian: install the equivalents of these packages yourself: ${wanted[*]}"
  exit 3
fi
mapfile -t missing < <(missing_packages)
if ((${#missing[@]})); then
  if ((EUID != 0)); then
    say "these packages are missing and only root can install them. Run:"
    printf '    sudo apt-get update && sudo apt-get install --no-install-recommends %s\n' "${missing[*]}" >&2
    exit 3
  fi
  say "installing ${#missing[@]} packages: ${missing[*]}"
  install_missing "${missing[@]}"
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]} == 0)) || fail "still missing after the installation: ${missing[*]}"
  say "packages are installed"
fi

# The local control plane and cluster are Go programs.
[[ "${1:-}" == --build || "${1:-}" == --fuzz ]] || "$ROOT/cluster/go.sh" >/dev/null

# Counts the checks of the scripts in this folder: each check is one line, the last line is `N passed, N failed, N
# skipped`.
PASSED=0
FAILED=0
SKIPPED=0

pass() {
  PASSED=$((PASSED + 1))
  printf 'ok    %s\n' "$1"
}

# fail NAME [DETAIL]: counts a failure and continues.
fail() {
  FAILED=$((FAILED + 1))
  printf 'FAIL  %s\n' "$1"
  if [[ -n "${2:-}" ]]; then printf '%s\n' "$2" | head -n 20 | sed 's/^/      /'; fi
}

skip() {
  SKIPPED=$((SKIPPED + 1))
  printf 'skip  %s\n' "$1"
}

# expect NAME WANT GOT
expect() {
  if [[ "$3" == "$2" ]]; then pass "$1"; else fail "$1" "want: $2"$'\n'"got:  $3"; fi
}

# expect_match NAME PATTERN TEXT: TEXT must contain a match of the extended regular expression PATTERN.
expect_match() {
  if grep -qE -- "$2" <<<"$3"; then pass "$1"; else fail "$1" "want a match of: $2"$'\n'"got: $3"; fi
}

# finish: prints the last line and returns the status of the script.
finish() {
  printf '%d passed, %d failed, %d skipped\n' "$PASSED" "$FAILED" "$SKIPPED"
  ((FAILED == 0))
}

# use_cluster NAME: sets KUBECTL, NAMESPACE (not created yet) and WORK (a temporary folder). It starts a control plane,
# unless $VBRAIN_CHART_TEST_KUBECONFIG names a cluster to use. It does not use $KUBECONFIG, which may belong to a
# production cluster. At exit it removes the namespace, and the definitions unless the cluster had them before.
use_cluster() {
  NAMESPACE="vbrain-$1-test-$$"
  WORK="$(mktemp -d "${VBRAIN_TEST_STATE:-${TMPDIR:-/tmp}}/chart-$1.XXXXXX")"
  HAD_DEFINITIONS=no
  OWN_CONTROL_PLANE=no
  KUBECTL="${KUBECTL:-$("$ROOT/cluster/build.sh" --path kubectl)}"
  trap leave_cluster EXIT
  trap 'exit 130' INT TERM
  export KUBECONFIG="${VBRAIN_CHART_TEST_KUBECONFIG:-}"
  if [[ -z "$KUBECONFIG" ]]; then
    OWN_CONTROL_PLANE=yes
    "$ROOT/cluster/build.sh" control-plane >"$WORK/build.log" 2>&1 || { tail -n 20 "$WORK/build.log"; exit 1; }
    "$ROOT/cluster/control-plane.sh" start --state "$WORK/state" >"$WORK/start.log" 2>&1 || { tail -n 20 "$WORK/start.log"; exit 1; }
    KUBECONFIG="$WORK/state/admin.kubeconfig"
  fi
  [[ -x "$KUBECTL" ]] || KUBECTL=kubectl
  if "$KUBECTL" get crd jobs.vbrain.visagio.com >/dev/null 2>&1; then HAD_DEFINITIONS=yes; fi
}

leave_cluster() {
  local status=$? job
  trap - EXIT INT TERM
  if [[ "$OWN_CONTROL_PLANE" == yes ]]; then
    "$ROOT/cluster/control-plane.sh" stop --state "$WORK/state" >/dev/null 2>&1 || true
  else
    "$KUBECTL" delete namespace "$NAMESPACE" --ignore-not-found --wait=false >/dev/null 2>&1 || true
    # Without a controller-manager nothing empties the namespace, and without vBrain's controller nothing removes the
    # finalizers.
    k delete vjob,vapp,vclient,vkey --all --wait=false >/dev/null || true
    for job in $(k get vjob -o name 2>/dev/null); do
      k patch "$job" --type=merge -p '{"metadata":{"finalizers":null}}' >/dev/null || true
    done
    if [[ "$HAD_DEFINITIONS" == no ]]; then
      "$KUBECTL" delete -f "$ROOT/crds" --ignore-not-found --wait=false >/dev/null 2>&1 || true
    fi
  fi
  rm -rf "$WORK"
  exit "$status"
}

k() { "$KUBECTL" -n "$NAMESPACE" "$@" 2>&1; }

# The API server serves new kinds shortly after it accepts their definitions.
kinds_are_served() {
  local deadline=$((SECONDS + 30))
  until k get vjob,vapp,vclient,vkey >/dev/null; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}

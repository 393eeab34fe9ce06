#!/usr/bin/env bash
# CLUSTER=existing: installs vBrain on the cluster of the current kubeconfig context. The images go to a registry that
# the cluster's nodes can pull from. existing.sh up|down|purge|status|open, called by up.sh, down.sh, status.sh and
# demo.sh.
#
#   IMAGE_REGISTRY      host[:port][/prefix]; 127.0.0.1 and localhost, or IMAGE_REGISTRY_TLS=no, use no TLS
#   VOLUME_CLAIM        a PersistentVolumeClaim of the namespace, or
#   STORAGE_CLASS       a storage class that provides ReadWriteMany volumes
#   VBRAIN_NAMESPACE    default vbrain                    IMAGE_PULL_SECRETS  names, separated by commas
#   HELM_VALUES         a file with more chart values
#
# .local/existing stores these settings, the context, and what was created here. down and purge remove only that.
PROGRAM=scripts/existing.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cluster/lib/common.sh"
. "$CLUSTER_DIR/lib/process.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/scripts/release.sh"
. "$ROOT/scripts/demo-client.sh"

RECORD="$LOCAL/existing"
ANSWERS="$RECORD/answers.json" # {"registry": …, "claim": …, "class": …, "namespace": …, "secrets": …, "values": …}
MADE="$RECORD/made"            # one word per line: namespace, definitions, claim
KUBECONFIG_COPY="$RECORD/kubeconfig"
RUN="$RECORD" LOGS="$RECORD"
DEFINITIONS=({jobs,applications,clients,keys}.vbrain.visagio.com)

inside() { "$@"; }
answer() { jq -r --arg name "$1" '.[$name] // ""' "$ANSWERS" 2>/dev/null || true; }
made() { grep -qx "$1" "$MADE" 2>/dev/null; }
note_made() { made "$1" || printf '%s\n' "$1" >>"$MADE"; }

# kubectl and helm of this machine, because they know its credential plugins; else those of the local cluster.
find_tools() {
  KUBECTL="$(command -v kubectl || "$ROOT/cluster/build.sh" --path kubectl)"
  HELM="$(command -v helm || "$ROOT/cluster/build.sh" --path helm)"
}
build_tools() {
  local missing=()
  [[ -x "$KUBECTL" ]] || missing+=(kubectl)
  [[ -x "$HELM" ]] || missing+=(helm)
  ((${#missing[@]} == 0)) || "$ROOT/cluster/build.sh" "${missing[@]}"
}
use_record() {
  find_tools
  NAMESPACE="$(answer namespace)"
  export KUBECONFIG="$KUBECONFIG_COPY"
}
reachable() { "$KUBECTL" --request-timeout=10s get --raw /readyz >/dev/null 2>&1; }

# The settings of this run, of the last one, or the defaults. A missing setting is an error that names it.
ask() {
  local registry claim class
  registry="${IMAGE_REGISTRY:-$(answer registry)}"
  [[ -n "$registry" ]] || fail "CLUSTER=existing needs IMAGE_REGISTRY=host[:port][/prefix]: the registry from which the cluster's nodes pull images" \
    "(push rights are needed here: skopeo login host)"
  [[ "$registry" =~ ^([a-z0-9-]+(\.[a-z0-9-]+)+(:[0-9]+)?|[a-z0-9-]+:[0-9]+|localhost)(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$ ]] ||
    fail "IMAGE_REGISTRY=$registry is not host[:port][/prefix] such as registry.example.com/team (no https://, no / at the end)"
  if [[ -n "${VOLUME_CLAIM:-}" && -n "${STORAGE_CLASS:-}" ]]; then fail "VOLUME_CLAIM and STORAGE_CLASS are both set: choose one"; fi
  claim="${VOLUME_CLAIM:-}" class="${STORAGE_CLASS:-}"
  if [[ -z "$claim$class" ]]; then claim="$(answer claim)" class="$(answer class)"; fi
  NAMESPACE="${VBRAIN_NAMESPACE:-$(answer namespace)}"
  NAMESPACE="${NAMESPACE:-vbrain}"
  if [[ -n "${HELM_VALUES:-}" && ! -f "$HELM_VALUES" ]]; then fail "HELM_VALUES=$HELM_VALUES: no such file"; fi
  ASKED="$(jq -n --arg registry "$registry" --arg claim "$claim" --arg class "$class" --arg namespace "$NAMESPACE" \
    --arg secrets "${IMAGE_PULL_SECRETS-$(answer secrets)}" --arg values "$(realpath -m "${HELM_VALUES:-$(answer values)}" 2>/dev/null || true)" \
    --arg tls "${IMAGE_REGISTRY_TLS:-$(answer tls)}" \
    '{registry: $registry, claim: $claim, class: $class, namespace: $namespace, secrets: $secrets, values: $values, tls: $tls}')"
}

# A private copy of the kubeconfig of this context, so that `make down` uses the same cluster after a context switch.
pin_context() {
  local copy
  copy="$("$KUBECTL" config view --raw --minify --flatten 2>/dev/null)" ||
    fail "no current kubeconfig context: set KUBECONFIG, or kubectl config use-context NAME"
  if [[ -f "$ANSWERS" ]] && [[ "$(server_of <<<"$copy")" != "$(server_of <"$KUBECONFIG_COPY")" || "$NAMESPACE" != "$(answer namespace)" ]]; then
    fail "this clone has vBrain in namespace $(answer namespace) of $(server_of <"$KUBECONFIG_COPY"): run make down or make purge first" \
      "(after make down: rm -r $RECORD)"
  fi
  mkdir -p "$RECORD"
  # Without all settings there is no installation, so a missing one leaves no files behind.
  trap '[[ -f "$ANSWERS" ]] || rm -rf "$RECORD"' EXIT
  (umask 077 && printf '%s\n' "$copy" >"$KUBECONFIG_COPY")
  export KUBECONFIG="$KUBECONFIG_COPY"
  reachable || fail "the API server $(server_of <"$KUBECONFIG_COPY") does not answer: kubectl get --raw /readyz"
}
server_of() { sed -n 's/^ *server: //p' | head -n 1; }

examine_volume() {
  local claim class modes
  claim="$(jq -r .claim <<<"$ASKED")" class="$(jq -r .class <<<"$ASKED")"
  if [[ -n "$claim" ]]; then
    modes="$("$KUBECTL" -n "$NAMESPACE" get pvc "$claim" -o jsonpath='{.spec.accessModes}' 2>/dev/null)" ||
      fail "VOLUME_CLAIM=$claim: namespace $NAMESPACE has no such PersistentVolumeClaim. Create it first, with access mode ReadWriteMany"
    [[ "$modes" == *ReadWriteMany* || "$("$KUBECTL" get nodes -o name | wc -l)" == 1 ]] ||
      fail "VOLUME_CLAIM=$claim is $modes: servers and jobs of several nodes need a ReadWriteMany claim"
  elif [[ -n "$class" ]]; then
    "$KUBECTL" get storageclass "$class" >/dev/null 2>&1 || fail "STORAGE_CLASS=$class: the cluster has $(classes)"
  else
    fail "no volume for the files: set VOLUME_CLAIM=<a ReadWriteMany claim in namespace $NAMESPACE>, or STORAGE_CLASS=<a class that" \
      "gives ReadWriteMany volumes>; the cluster has $(classes)"
  fi
}
classes() {
  local names
  names="$("$KUBECTL" get storageclass -o jsonpath='{.items[*].metadata.name}' 2>/dev/null || true)"
  printf '%s\n' "${names:+the classes $names}" | sed 's/^$/no storage class/'
}

# All checks come before the first build or change. After them: existing objects do not belong to this installation.
examine_cluster() {
  local lacks
  pin_context
  examine_volume
  if [[ ! -f "$ANSWERS" ]] && "$HELM" -n "$NAMESPACE" status vbrain >/dev/null 2>&1; then
    fail "namespace $NAMESPACE has a release vbrain that this clone did not install: choose another VBRAIN_NAMESPACE"
  fi
  if [[ ! -f "$ANSWERS" ]]; then
    "$KUBECTL" get namespace "$NAMESPACE" >/dev/null 2>&1 || note_made namespace
    # An older version has fewer kinds.
    if [[ -n "$("$KUBECTL" get crd "${DEFINITIONS[@]}" --ignore-not-found -o name 2>/dev/null)" ]]; then
      say "the definitions are already in the cluster and are not changed"
    else
      note_made definitions
    fi
    "$KUBECTL" -n "$NAMESPACE" get pvc vbrain-volume >/dev/null 2>&1 || note_made claim
  fi
  if ! made definitions; then
    lacks="$(definitions_lack)"
    # The API server would drop what it does not know, without a word.
    [[ -z "$lacks" ]] || fail "the definitions in the cluster are older than this version; they lack ${lacks//$'\n'/, }. Upgrade the release that" \
      "installed them, or if none did: kubectl apply --server-side --force-conflicts -f helm/vbrain/files/crds"
  fi
  printf '%s\n' "$ASKED" >"$ANSWERS.new"
  mv "$ANSWERS.new" "$ANSWERS"
  say "context: $(server_of <"$KUBECONFIG_COPY"), namespace $NAMESPACE, images in $(answer registry)"
}

push_images() {
  local tag registry image reference tls=()
  tag="$(image_tag)" registry="$(answer registry)"
  if [[ "$(answer tls)" == no || "$registry" =~ ^(localhost|127\.[0-9.]+)(:|/|$) ]]; then tls=(--tls-verify=false); fi
  build_images "$RECORD/images" "$tag"
  for image in "${IMAGES[@]}"; do
    reference="docker://$registry/vbrain/$image:$tag"
    if skopeo inspect --raw "${tls[@]}" "$reference" >/dev/null 2>&1; then
      say "$registry/vbrain/$image:$tag is already there"
    else
      skopeo --insecure-policy copy "${tls[@]/#--tls/--dest-tls}" "oci-archive:$RECORD/images/$image.tar" "$reference"
    fi
  done
}

install_release() {
  local tag arguments
  tag="$(image_tag)"
  if made namespace; then namespace_manifest | "$KUBECTL" apply -f -; fi
  arguments=(--set "imageRegistry=$(answer registry)" --set "apiServer.image.tag=$tag" --set "controller.image.tag=$tag"
    --set tutorial.enabled=true --set "tutorial.image.tag=$tag"
    --set "volume.existingClaim=$(answer claim)" --set "volume.storageClass=$(answer class)")
  if [[ -n "$(answer secrets)" ]]; then arguments+=(--set "imagePullSecrets={$(answer secrets)}"); fi
  # Definitions that another release manages are not taken over.
  if ! made definitions; then arguments+=(--set crds.install=false); fi
  if [[ -n "$(answer values)" ]]; then arguments+=(--values "$(answer values)"); fi
  install_chart "${arguments[@]}"
}

# The REST server at 127.0.0.1 of this machine: $VBRAIN_PORT, 8080, or any free port. The port-forward ends with its
# pod.
open_port_forward() {
  local port="${VBRAIN_PORT:-8080}" log="$RECORD/port-forward.log"
  if process_lives port-forward && way_is_open; then
    say "already open: http://$(cat "$LOCAL/rest.address")"
    return
  fi
  stop_process port-forward 2
  port_is_free "$port" || port=""
  # shellcheck disable=SC2016  # expanded by the inner shell
  VB_FILE="$RUN/port-forward.pid" VB_BOOT="$BOOT_ID" setsid bash -c '
    read -r line </proc/$$/stat
    read -ra fields <<<"${line##*) }"
    printf "%s %s %s\n" $$ "${fields[19]}" "$VB_BOOT" >"$VB_FILE.new"
    mv "$VB_FILE.new" "$VB_FILE"
    exec 8>&- "$@"' port-forward "$KUBECTL" -n "$NAMESPACE" port-forward --address 127.0.0.1 service/vbrain-api-server "$port:8080" \
    </dev/null >"$log" 2>&1 &
  disown
  wait_until 20 grep -q '^Forwarding from' "$log" || { tail_log "$log"; fail "kubectl port-forward did not start"; }
  sed -n 's/^Forwarding from \(127[0-9.:]*\) .*/\1/p' "$log" | head -n 1 >"$LOCAL/rest.address"
  wait_until 10 way_is_open || { tail_log "$log"; fail "nothing answers at http://$(cat "$LOCAL/rest.address")"; }
  say "http://$(cat "$LOCAL/rest.address") forwards to service/vbrain-api-server"
}
port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
way_is_open() { curl -s -o /dev/null --max-time 5 "http://$(cat "$LOCAL/rest.address")/api/v1/job"; }

up() {
  mkdir -p "$LOCAL"
  [[ ! -e "$LOCAL/cluster/run/kube-apiserver.pid" ]] || fail "this clone's local cluster runs: run make down first"
  step "Installing system packages" "run as root on Debian 12, with its package archive reachable" \
    "$ROOT/scripts/install-packages.sh" --existing
  find_tools
  step "Looking for kubectl and helm" "install them, or make the Go module proxy reachable" build_tools
  ask
  examine_cluster
  step "Building vBrain (first time a few minutes)" "read the compiler's first error in the log" "$ROOT/scripts/build.sh" release
  step "Pushing the images to $(answer registry)" "skopeo login, or IMAGE_REGISTRY_TLS=no if the registry speaks plain HTTP" push_images
  step "Installing the chart" "the end of the log has pods, events and logs" install_release
  step "Opening the REST port" "another program may use the port: set VBRAIN_PORT and run make up again" open_port_forward
  step "Installing the Application Forecast" "kubectl -n $NAMESPACE get vapp forecast -o yaml" install_forecast "$(answer registry)/vbrain/forecast:$(image_tag)"
  step "Creating the demo client" "kubectl -n $NAMESPACE get vclient demo -o yaml" create_demo_client
}

take_down() {
  stop_process port-forward 2
  reachable || fail "the API server $(server_of <"$KUBECONFIG_COPY") does not answer; nothing was removed"
  "$HELM" -n "$NAMESPACE" uninstall vbrain --ignore-not-found --wait --timeout 2m
}

# A Job with the controller's finalizer would block the deletion of the definitions and the namespace. The chart's
# uninstall removes the finalizers (helm/vbrain/templates/release-jobs.yaml), but not if its pod could not run, or if
# somebody uninstalled the release with --no-hooks. Then this is the only remedy, and `make purge` must not need another.
release_jobs() {
  local job
  for job in $("$KUBECTL" -n "$NAMESPACE" get jobs.vbrain.visagio.com -o name 2>/dev/null); do
    "$KUBECTL" -n "$NAMESPACE" patch "$job" --type=merge -p '{"metadata":{"finalizers":null}}'
  done
}

take_all_away() {
  reachable || fail "the API server $(server_of <"$KUBECONFIG_COPY") does not answer; nothing was removed"
  # The controller must still run while Jobs are deleted: it removes their folders and finalizers.
  if "$HELM" -n "$NAMESPACE" status vbrain >/dev/null 2>&1; then
    "$KUBECTL" -n "$NAMESPACE" delete jobs.vbrain.visagio.com --all --ignore-not-found --timeout=90s || true
  fi
  take_down
  "$KUBECTL" -n "$NAMESPACE" delete jobs.vbrain.visagio.com --all --ignore-not-found --wait=false || true
  release_jobs
  "$KUBECTL" -n "$NAMESPACE" delete applications.vbrain.visagio.com/{tutorial,forecast} clients.vbrain.visagio.com/demo --ignore-not-found || true
  "$KUBECTL" -n "$NAMESPACE" delete applications.vbrain.visagio.com,clients.vbrain.visagio.com -l app.kubernetes.io/part-of=demo-load --ignore-not-found || true
  if made claim; then "$KUBECTL" -n "$NAMESPACE" delete pvc vbrain-volume --ignore-not-found --timeout=60s || true; fi
  if made definitions; then
    # Keys do not count: Kubernetes removes those of the demo client some moments after it.
    if [[ -z "$("$KUBECTL" get {jobs,applications,clients}.vbrain.visagio.com -A -o name 2>/dev/null)" ]]; then
      "$KUBECTL" delete crd "${DEFINITIONS[@]}" --ignore-not-found --timeout=60s
    else
      say "the definitions stay: other objects of these kinds are in the cluster"
    fi
  fi
  if made namespace; then "$KUBECTL" delete namespace "$NAMESPACE" --ignore-not-found --timeout=120s; fi
}

case "${1:-}" in
  up) up ;;
  open) use_record; open_port_forward >/dev/null ;;
  down)
    use_record
    step "Removing the release from namespace $NAMESPACE" "read the log; then run make down again" take_down
    rm -f "$LOCAL/rest.address"
    say "definitions, Jobs, Applications, Clients and the claim stay; make up CLUSTER=existing continues with them, make purge removes what it created" ;;
  purge)
    use_record
    step "Removing what was installed in namespace $NAMESPACE" "read the log; then run make purge again" take_all_away
    if ! made claim || [[ -n "$(answer claim)" ]]; then say "the claim was not created by make up and stays, with the files of repositories and archived jobs"; fi
    rm -rf --one-file-system "$RECORD" "$LOCAL/rest.address" "$DEMO_ENV" "$LOCAL/bin"
    say "everything that make up created is removed, except the images in the registry" ;;
  status)
    use_record
    say "cluster: $(server_of <"$KUBECONFIG_COPY"), namespace $NAMESPACE, images in $(answer registry)"
    "$HELM" -n "$NAMESPACE" list --filter '^vbrain$' || true ;;
  *) fail "usage: existing.sh up|down|purge|status|open" ;;
esac

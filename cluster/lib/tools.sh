# The binaries of the local cluster: sources, build and location. Source common.sh first.
# shellcheck shell=bash

# NAME -> folder of the Go module, main package.
declare -A TOOL_PACKAGE=(
  [etcd]="tools/etcd go.etcd.io/etcd/server/v3"
  [kube-apiserver]="tools/kubernetes k8s.io/kubernetes/cmd/kube-apiserver"
  [kubectl]="tools/kubernetes k8s.io/kubernetes/cmd/kubectl"
  [kube-controller-manager]="tools/kubernetes k8s.io/kubernetes/cmd/kube-controller-manager"
  [kube-scheduler]="tools/kubernetes k8s.io/kubernetes/cmd/kube-scheduler"
  [kubelet]="tools/kubernetes k8s.io/kubernetes/cmd/kubelet"
  [kube-proxy]="tools/kubernetes k8s.io/kubernetes/cmd/kube-proxy"
  [forward]="forward ."
  [helm]="tools/helm helm.sh/helm/v3/cmd/helm"
  [rules-test]="tools/rules-test ."
  [kwok]="tools/kwok sigs.k8s.io/kwok/cmd/kwok"
)
TOOLS_CONTROL_PLANE=(etcd kube-apiserver kubectl)
# rules-test and kwok are built only for the test and the benchmark that need them.
TOOLS_ALL=(etcd kube-apiserver kubectl kube-controller-manager kube-scheduler kubelet kube-proxy forward helm)

# Without -X the API server reports v0.0.0, which the kubeVersion checks of Helm charts refuse.
tool_ldflags() {
  local minor="${KUBERNETES_VERSION#v1.}" package flags="-s -w"
  case "$1" in
    kube*)
      for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        flags+=" -X $package.gitVersion=$KUBERNETES_VERSION -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}"
        flags+=" -X $package.gitCommit=$KUBERNETES_VERSION -X $package.gitTreeState=clean"
      done ;;
    helm)
      flags+=" -X helm.sh/helm/v3/internal/version.version=$HELM_VERSION"
      # `helm template` and `helm lint` have no cluster to ask. Without -X they assume Kubernetes 1.20, which charts refuse.
      for package in helm.sh/helm/v3/pkg/lint/rules helm.sh/helm/v3/pkg/chartutil; do
        flags+=" -X $package.k8sVersionMajor=1 -X $package.k8sVersionMinor=${minor%%.*}"
      done ;;
  esac
  printf '%s\n' "$flags"
}

# tool_key NAME: a hash of everything that affects the content of a binary.
tool_key() {
  local folder package
  read -r folder package <<<"${TOOL_PACKAGE[$1]}"
  {
    cat "$CLUSTER_DIR/$folder/go.mod"
    cat "$CLUSTER_DIR/$folder/go.sum" "$CLUSTER_DIR/$folder/main.go" 2>/dev/null || true
    printf '%s %s %s\n' "$package" "$(tool_ldflags "$1")" "$HOSTTYPE"
  } | sha256sum | cut -c1-16
}

# The folder of the binaries is named by the keys of all of them, so a change of versions, flags or sources never runs
# old binaries. Unchanged ones are linked from the store beside it instead of built again.
bin_dir() {
  local key
  key="$(cd "$CLUSTER_DIR" && {
    cat tools/*/go.mod tools/*/go.sum tools/*/main.go forward/go.mod forward/main.go
    printf '%s\n' "$(tool_ldflags kube)" "$(tool_ldflags helm)" "$HOSTTYPE"
  } | sha256sum | cut -c1-16)"
  printf '%s\n' "$VBRAIN_CACHE/cluster/$key/bin"
}

# tool NAME: path of a binary. For etcd, kube-apiserver and kubectl, KUBEBUILDER_ASSETS (the usual name of a folder with
# these three) has precedence over the own build.
tool() {
  case "$1" in
    etcd | kube-apiserver | kubectl)
      if [[ -n "${KUBEBUILDER_ASSETS:-}" && -x "$KUBEBUILDER_ASSETS/$1" ]]; then
        printf '%s\n' "$KUBEBUILDER_ASSETS/$1"
        return
      fi ;;
  esac
  [[ -n "${VBRAIN_BIN_DIR:-}" ]] || VBRAIN_BIN_DIR="$(bin_dir)"
  printf '%s\n' "$VBRAIN_BIN_DIR/$1"
}

# The demo client of `make up`, for every cluster. Sourced after lib.sh. The caller sets KUBECTL, HELM and KUBECONFIG,
# which reach the cluster, and has written $LOCAL/rest.address.

DEMO_ENV="$LOCAL/demo.env"

demo_value() { sed -n "s/^export $1=//p" "$DEMO_ENV" 2>/dev/null || true; }

# install_forecast IMAGE: the Application of examples/forecast.
install_forecast() {
  sed "s|image: vbrain/forecast:.*|image: $1|" "$ROOT/examples/forecast/application.yaml" | "$KUBECTL" -n "$NAMESPACE" apply -f -
}

# Creates a Client `demo` with one member, and the file with connection details. Keeps a key that the cluster still has.
create_demo_client() {
  local key members known="" id
  key="$(demo_value VBRAIN_API_KEY)"
  if [[ -n "$key" ]]; then
    id="$(cut -d_ -f2 <<<"$key")"
    known="$("$KUBECTL" -n "$NAMESPACE" get vclient demo -o jsonpath="{.spec.members[*].keys[?(@.id=='$id')].id}" 2>/dev/null || true)"
  fi
  if [[ -z "$known" ]]; then
    members="$("$ROOT/build/release/bin/api-server" keygen --username ana --role leader)"
    key="$(grep -om1 'vb_[a-z0-9]*_[0-9A-Za-z]*' <<<"$members")"
    members="$(sed -n '/^ *- /,$p' <<<"$members" | sed 's/^/    /')"
    "$KUBECTL" apply -f - <<CLIENT
apiVersion: vbrain.visagio.com/v1
kind: Client
metadata:
  name: demo
  namespace: $NAMESPACE
spec:
  organizationId: acme
  applicationId: Tutorial
  clientId: north
  members:
$members
CLIENT
  fi
  mkdir -p "$LOCAL/bin"
  ln -sfn "$KUBECTL" "$LOCAL/bin/kubectl"
  ln -sfn "$HELM" "$LOCAL/bin/helm"
  ln -sfn "$ROOT/build/release/bin/api-server" "$LOCAL/bin/api-server"
  (
    umask 077
    cat >"$DEMO_ENV.new" <<ENV
export VBRAIN_URL=http://$(cat "$LOCAL/rest.address")
export VBRAIN_USERNAME=ana
export VBRAIN_ORGANIZATION_ID=acme
export VBRAIN_APPLICATION_ID=Tutorial
export VBRAIN_CLIENT_ID=north
export VBRAIN_API_KEY=$key
export KUBECONFIG="$KUBECONFIG"
export VBRAIN_NAMESPACE=$NAMESPACE
export PATH="$LOCAL/bin:\$PATH"
ENV
  )
  mv "$DEMO_ENV.new" "$DEMO_ENV"
  say "connection details: $DEMO_ENV"
}

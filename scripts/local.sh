# The local installation of `make up`: its names, the way in from the host, and its demo client. Sourced after lib.sh.

CLUSTER_STATE="$LOCAL/cluster"
CLUSTER_NAME="vbl$CLONE_ID"
DEPLOYMENT="$LOCAL/deployment.json"
DEMO_ENV="$LOCAL/demo.env"

deployment() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$DEPLOYMENT" "$1"; }
cluster() { "$ROOT/cluster/cluster.sh" "$1" --state "$CLUSTER_STATE" --name "$CLUSTER_NAME" "${@:2}"; }
demo_value() { sed -n "s/^export $1=//p" "$DEMO_ENV" 2>/dev/null || true; }

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# The REST server at 127.0.0.1 of this machine: the port of the last time, $VBRAIN_PORT, 8080, or any free one.
open_the_way_in() {
  local target file="$LOCAL/rest.address" port
  target="$(deployment apiServer)"
  if [[ -f "$file" && "$(cat "$LOCAL/rest.target" 2>/dev/null)" == "$target" ]] &&
    curl -s -o /dev/null --max-time 5 "http://$(cat "$file")/api/v1/job"; then
    say "already open: http://$(cat "$file")"
    return
  fi
  port="${VBRAIN_PORT:-8080}"
  port_is_free "$port" || port=0
  cluster forward --address-file "$file" "127.0.0.1:$port" "$target"
  printf '%s' "$target" >"$LOCAL/rest.target"
  say "http://$(cat "$file") leads to $target"
}

# A Client `demo` with one member, and the file of connection details. A key that the cluster still knows is kept.
create_demo_client() {
  local kubectl key members known="" id
  kubectl="$(deployment kubectl)"
  export KUBECONFIG="$CLUSTER_STATE/host.kubeconfig"
  key="$(demo_value VBRAIN_API_KEY)"
  if [[ -n "$key" ]]; then
    id="$(cut -d_ -f2 <<<"$key")"
    known="$("$kubectl" -n "$NAMESPACE" get vclient demo -o jsonpath="{.spec.members[*].keys[?(@.id=='$id')].id}" 2>/dev/null || true)"
  fi
  if [[ -z "$known" ]]; then
    members="$("$ROOT/build/release/bin/api-server" keygen --username ana --role leader)"
    key="$(grep -om1 'vb_[a-z0-9]*_[0-9A-Za-z]*' <<<"$members")"
    members="$(sed -n '/^ *- /,$p' <<<"$members" | sed 's/^/    /')"
    "$kubectl" apply -f - <<CLIENT
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
  ln -sfn "$kubectl" "$LOCAL/bin/kubectl"
  ln -sfn "$(deployment helm)" "$LOCAL/bin/helm"
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

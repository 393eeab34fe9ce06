# The local installation of `make up`: its names, and its REST port on the host. Sourced after lib.sh.

CLUSTER_STATE="$LOCAL/cluster"
CLUSTER_NAME="vbl$CLONE_ID"
DEPLOYMENT="$LOCAL/deployment.json"

deployment() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$DEPLOYMENT" "$1"; }
cluster() { "$ROOT/cluster/cluster.sh" "$1" --state "$CLUSTER_STATE" --name "$CLUSTER_NAME" "${@:2}"; }

# Opens the REST server at 127.0.0.1 of this machine: $VBRAIN_PORT, the port of the last time, 8080, or any free one.
open_rest_port() {
  local target file="$LOCAL/rest.address" port last
  target="$(deployment apiServer)"
  if [[ -f "$file" && "$(cat "$LOCAL/rest.target" 2>/dev/null)" == "$target" ]] &&
    curl -s -o /dev/null --max-time 5 "http://$(cat "$file")/api/v1/job"; then
    say "already open: http://$(cat "$file")"
    return
  fi
  last="$(sed 's/.*://' "$file" 2>/dev/null || true)"
  port="${VBRAIN_PORT:-${last:-8080}}"
  cluster forward --address-file "$file" "127.0.0.1:$port" "$target" ||
    cluster forward --address-file "$file" 127.0.0.1:0 "$target"
  printf '%s' "$target" >"$LOCAL/rest.target"
  say "http://$(cat "$file") forwards to $target"
}

# Forwards from the host's network namespace into the cluster's, one process each. Source process.sh first.
# shellcheck shell=bash

# ensure_forward NAME LISTEN TARGET ADDRESS-FILE: status 1 if it can't listen there. It keeps a running forward with the
# same arguments.
ensure_forward() {
  local name="forward-$1" wanted="$2 $3 $4"
  if process_lives "$name" && [[ "$(cat "$RUN/$name.arguments" 2>/dev/null)" == "$wanted" && -s "$4" ]]; then return 0; fi
  stop_process "$name"
  rm -f "$4"
  printf '%s\n' "$wanted" >"$RUN/$name.arguments"
  start_process "$name" "$(tool forward)" -netns "/run/netns/$NAME" -listen "$2" -target "$3" -address-file "$4"
  wait_until 10 forward_open_or_dead "$name" "$4" || true
  [[ -s "$4" ]] && process_lives "$name" && return 0
  stop_process "$name"
  return 1
}
forward_open_or_dead() { [[ -s "$2" ]] || ! process_lives "$1"; }

forward_names() {
  local file
  for file in "$RUN"/forward-*.pid; do
    [[ ! -e "$file" ]] || basename "$file" .pid
  done
}

# The API server on 127.0.0.1 of the host, on the port of the last time if that is free, so that kubeconfigs stay valid.
open_host_kubeconfig() {
  local file="$STATE/host-api.address" last
  if process_lives forward-api && [[ -s "$file" && -s "$STATE/host.kubeconfig" ]]; then return 0; fi
  last="$(sed -n 's/^  cluster: {server: "https:\/\/\([0-9.:]*\)".*/\1/p' "$STATE/host.kubeconfig" 2>/dev/null || true)"
  ensure_forward api "${last:-127.0.0.1:0}" "127.0.0.1:$API_PORT" "$file" ||
    ensure_forward api 127.0.0.1:0 "127.0.0.1:$API_PORT" "$file" || {
    tail_log "$LOGS/forward-api.log"
    fail "could not forward a port to the API server"
  }
  write_kubeconfig "$STATE/host.kubeconfig" "https://$(cat "$file")" admin
}

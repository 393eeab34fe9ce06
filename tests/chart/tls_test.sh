#!/usr/bin/env bash
# The api-server with a certificate: who is served, what it says about a bad pair, and that it takes a new one while it runs. It needs no
# Kubernetes: what is asked here is answered without it. Skipped where the program is not built.
set -euo pipefail
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
ROOT="$(cd "$HERE/../.." && pwd)"
. "$HERE/lib.bash"
program="$ROOT/build/dev/bin/api-server"
if [[ ! -x "$program" || -n "$(find "$ROOT/lib/http" "$ROOT/api-server" -name '*.cpp' -newer "$program" -print -quit)" ]]; then
  skip "the api-server with a certificate (scripts/build.sh dev api-server first)"
  finish
  exit
fi

folder="$(mktemp -d)"
server=""
trap '[[ -z "$server" ]] || kill "$server" || true; rm -rf "$folder"' EXIT
cd "$folder"
mkdir volume pair
request() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$1" -subj "/CN=$2" "${@:3}" 2>/dev/null; }
request 30 authority -keyout ca.key -out ca.crt
# A pair for a name: sign NAME, then NAME.crt and NAME.key are there.
sign() { request 30 "$1" -CA ca.crt -CAkey ca.key -keyout "$1.key" -out "$1.crt" -addext "subjectAltName=IP:127.0.0.1" -addext "basicConstraints=critical,CA:FALSE"; }
if ! sign first 2>/dev/null || ! sign second; then
  # OpenSSL before 3.0 signs no request in one step.
  skip "the api-server with a certificate (OpenSSL 3 makes the certificates)"
  finish
  exit
fi
cat >kubeconfig <<END
apiVersion: v1
kind: Config
current-context: none
contexts: [{name: none, context: {cluster: none, user: none, namespace: none}}]
clusters: [{name: none, cluster: {server: "https://127.0.0.1:1", certificate-authority: $folder/ca.crt}}]
users: [{name: none, user: {token: none}}]
END
common=(--kubeconfig kubeconfig --volume volume --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0)

code=0
output="$("$program" "${common[@]}" --tls-cert first.crt 2>&1)" || code=$?
expect "a certificate without a key: exit code" 2 "$code"
expect_match "a certificate without a key: the sentence" '--tls-cert requires --tls-key' "$output"
code=0
output="$("$program" "${common[@]}" --tls-cert first.crt --tls-key second.key 2>&1)" || code=$?
expect "another key: exit code" 1 "$code"
expect_match "another key: the sentence" 'TLS cannot be used: the key is not that of the first certificate.*put a valid certificate' "$output"

cp first.crt pair/tls.crt
cp first.key pair/tls.key
"$program" "${common[@]}" --address-file address --tls-cert pair/tls.crt --tls-key pair/tls.key 2>log &
server=$!
for ((i = 0; i < 300; ++i)); do
  [[ ! -f address ]] || break
  sleep 0.1
done
rest="$(sed -n 1p address)"
metrics="$(sed -n 2p address)"
ask() { curl -sS --noproxy '*' --max-time 30 "$@" 2>&1 || true; }
expect_match "curl is served by TLS" '^200 1.1 TLS' "$(ask --cacert ca.crt -o page -w '%{http_code} %{http_version} TLS' "https://$rest/")"
expect_match "the OpenAPI document too" '"openapi"' "$(ask --cacert ca.crt "https://$rest/api/v1/openapi.json" | head -c 300)"
expect_match "who does not know the authority is not" 'certificate' "$(ask "https://$rest/")"
plain="$(ask -w ' %{http_code}' "http://$rest/api/v1/job")"
expect "plain HTTP is told to use HTTPS" '{"error":"Invalid request","detail":"this port speaks HTTPS only; write https:// instead of http://"} 400' "$plain"
expect_match "metrics stay plain" 'vbrain_tls_certificate_expiry_timestamp_seconds [0-9]' "$(ask "http://$metrics/metrics" | grep expiry)"
checked="$("$program" check --rest "https://$rest" --health "$metrics" || true)"
expect_match "api-server check asks by TLS" "ok     REST at https://$rest: 400" "$checked"

shown() { openssl s_client -connect "$rest" -CAfile ca.crt </dev/null 2>/dev/null | openssl x509 -noout -subject 2>/dev/null; }
expect "the first certificate" "subject=CN = first" "$(shown)"
# A key alone: half of a change.
cp second.key pair/tls.key
for ((i = 0; i < 300; ++i)); do
  ! grep -q 'new TLS certificate cannot be used' log || break
  sleep 0.1
done
expect "half of a change is not taken" "subject=CN = first" "$(shown)"
expect_match "and told" 'new TLS certificate cannot be used.*the key is not that of the first certificate' "$(grep 'new TLS' log)"
cp second.crt pair/tls.crt
for ((i = 0; i < 300; ++i)); do
  [[ "$(shown)" == "subject=CN = first" ]] || break
  sleep 0.1
done
expect "the second certificate, without a restart" "subject=CN = second" "$(shown)"
finish

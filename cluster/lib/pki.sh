# Certificates of the cluster, made with openssl: one CA, and client certificates with the names that Kubernetes
# expects. Source common.sh first; PKI is the folder. Existing files are kept.
# shellcheck shell=bash

readonly CERTIFICATE_DAYS=3650

make_authority() {
  [[ -s "$PKI/ca.crt" && -s "$PKI/ca.key" ]] && return
  mkdir -p "$PKI"
  chmod 700 "$PKI"
  openssl_quietly req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$CERTIFICATE_DAYS" \
    -subj "/CN=vbrain-local-cluster" -addext "basicConstraints=critical,CA:TRUE" \
    -addext "keyUsage=critical,digitalSignature,keyCertSign,cRLSign" -keyout "$PKI/ca.key" -out "$PKI/ca.crt.new"
  mv "$PKI/ca.crt.new" "$PKI/ca.crt"
}

# make_certificate NAME SUBJECT [ALTERNATIVE-NAMES]: for clients; with alternative names for servers too.
make_certificate() {
  local name="$1" subject="$2" names="${3:-}" usage=clientAuth
  [[ -s "$PKI/$name.crt" && -s "$PKI/$name.key" ]] && return
  [[ -z "$names" ]] || usage="serverAuth,clientAuth"
  openssl_quietly req -x509 -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -days "$CERTIFICATE_DAYS" -subj "$subject" -addext "basicConstraints=critical,CA:FALSE" \
    -addext "keyUsage=critical,digitalSignature" -addext "extendedKeyUsage=$usage" \
    ${names:+-addext "subjectAltName=$names"} -keyout "$PKI/$name.key" -out "$PKI/$name.crt.new"
  mv "$PKI/$name.crt.new" "$PKI/$name.crt"
}

# The key pair that signs ServiceAccount tokens.
make_service_account_keys() {
  [[ -s "$PKI/sa.pub" && -s "$PKI/sa.key" ]] && return
  openssl_quietly genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$PKI/sa.key"
  openssl_quietly pkey -in "$PKI/sa.key" -pubout -out "$PKI/sa.pub.new"
  mv "$PKI/sa.pub.new" "$PKI/sa.pub"
}

openssl_quietly() {
  local output
  output="$(umask 077 && openssl "$@" 2>&1)" || { printf '%s\n' "$output" >&2; fail "openssl $1 failed (needs OpenSSL 3)"; }
}

# write_kubeconfig FILE SERVER CERTIFICATE-NAME: embeds all certificates, so that the file can be copied.
write_kubeconfig() {
  local file="$1" server="$2" name="$3"
  (umask 077 && cat >"$file.new" <<YAML
apiVersion: v1
kind: Config
clusters:
- name: vbrain
  cluster: {server: "$server", certificate-authority-data: $(base64 -w0 "$PKI/ca.crt")}
users:
- name: $name
  user: {client-certificate-data: $(base64 -w0 "$PKI/$name.crt"), client-key-data: $(base64 -w0 "$PKI/$name.key")}
contexts:
- name: vbrain
  context: {cluster: vbrain, user: $name}
current-context: vbrain
YAML
  )
  if cmp -s "$file.new" "$file"; then rm "$file.new"; else mv "$file.new" "$file"; fi
}

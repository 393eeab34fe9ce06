#include "http/tls/context.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>
#include <utility>
#include <vector>

#include "base/tls/pem.hpp"

namespace vbrain::http {
namespace {

using Failure = Unexpected<std::string>;
using Context = std::unique_ptr<SSL_CTX, base::FreeWith<&SSL_CTX_free>>;

constexpr std::size_t kNames = 10;  // that are shown

// RFC 7301: the length of a name, then the name.
constexpr std::array<unsigned char, 9> kProtocols{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

int select_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned int offered_size, void*) {
  unsigned char* found = nullptr;
  const int result = SSL_select_next_proto(&found, size, kProtocols.data(), kProtocols.size(), offered, offered_size);
  *chosen = found;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

void free_stack(STACK_OF(X509) * stack) {
  sk_X509_free(stack);
}

base::TimePoint time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return base::TimePoint(std::chrono::seconds(::timegm(&parts)));
}

std::string name_of(const GENERAL_NAME& name) {
  int kind = 0;
  const void* value = GENERAL_NAME_get0_value(&name, &kind);
  if (kind != GEN_DNS && kind != GEN_IPADD) return "";
  const auto* text = static_cast<const ASN1_STRING*>(value);
  const unsigned char* data = ASN1_STRING_get0_data(text);
  const int size = ASN1_STRING_length(text);
  if (kind == GEN_DNS) return {reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)};
  std::array<char, INET6_ADDRSTRLEN> address{};
  return ::inet_ntop(size == 4 ? AF_INET : AF_INET6, data, address.data(), address.size()) == nullptr ? ""
                                                                                                      : address.data();
}

std::string names_of(X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, base::FreeWith<&GENERAL_NAMES_free>> all(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::string names;
  std::size_t shown = 0;
  for (int i = 0; all != nullptr && i < sk_GENERAL_NAME_num(all.get()) && shown < kNames; ++i) {
    const std::string name = name_of(*sk_GENERAL_NAME_value(all.get(), i));
    if (name.empty()) continue;
    names += (shown++ == 0 ? "" : ", ") + name;
  }
  return names;
}

// True if the context has these rules now.
bool set_rules(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
  // A ticket is of use at the replica that gave it only.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  // An idle connection has no buffers; it would have 34 KiB of them. A write that must wait is repeated from the place
  // where its bytes are then.
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // One recv(2) for each record instead of two.
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_security_level(context, 2);
  SSL_CTX_set_alpn_select_cb(context, &select_protocol, nullptr);
  // The list is that of TLS 1.2. kRSA has no forward secrecy.
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_cipher_list(context, "DEFAULT:!kRSA:!PSK:!SRP") == 1;
}

}  // namespace

Result<std::shared_ptr<const TlsContext>, std::string> TlsContext::make(const std::string& certificate,
                                                                        const std::string& key) {
  auto chain = base::read_certificates(certificate, "the certificate file");
  if (!chain) return Failure(std::move(chain.error()));
  auto private_key = base::read_private_key(key, "the key file");
  if (!private_key) return Failure(std::move(private_key.error()));
  X509* const own = chain->front().get();
  if (X509_check_private_key(own, private_key->get()) != 1) {
    ERR_clear_error();
    return Failure(
        "the key is not that of the first certificate; the certificate of the server comes first in its file, then "
        "those of its issuers");
  }
  Context context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr || !set_rules(context.get())) {
    return Failure("OpenSSL refuses the rules of this server: " + base::take_openssl_error());
  }
  const std::unique_ptr<STACK_OF(X509), base::FreeWith<&free_stack>> issuers(sk_X509_new_null());
  for (std::size_t i = 1; i < chain->size(); ++i) sk_X509_push(issuers.get(), (*chain)[i].get());
  if (SSL_CTX_use_cert_and_key(context.get(), own, private_key->get(), issuers.get(), 1) != 1) {
    return Failure("OpenSSL refuses the certificate or the key: " + base::take_openssl_error() +
                   "; RSA keys have 2048 bits or more, and signatures are SHA-256 or stronger");
  }
  CertificateFacts facts{time_of(X509_get0_notBefore(own)), time_of(X509_get0_notAfter(own)), names_of(own)};
  return std::shared_ptr<const TlsContext>(new TlsContext(context.release(), std::move(facts)));
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

std::unique_ptr<TlsSession> TlsContext::new_session() const {
  return std::make_unique<TlsSession>(context_);
}

}  // namespace vbrain::http

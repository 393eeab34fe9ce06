#include "kube/transport/tls_material.hpp"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <stdexcept>
#include <utility>

namespace vbrain::kube {
namespace {

using Failure = tl::unexpected<std::string>;

}  // namespace

Result<std::shared_ptr<TlsMaterial>, std::string> TlsMaterial::load(const Config& config) {
  auto material = std::make_shared<TlsMaterial>();
  if (!config.ca_pem.empty()) {
    const auto authorities = base::read_certificates(config.ca_pem, "certificate-authority");
    if (!authorities) return Failure(authorities.error());
    material->authorities_.reset(X509_STORE_new());
    for (const auto& authority : *authorities) X509_STORE_add_cert(material->authorities_.get(), authority.get());
  }
  if (!config.client_cert_pem.empty()) {
    auto chain = base::read_certificates(config.client_cert_pem, "client-certificate");
    if (!chain) return Failure(chain.error());
    material->chain_ = std::move(*chain);
    auto key = base::read_private_key(config.client_key_pem, "client-key");
    if (!key) return Failure(key.error());
    material->key_ = std::move(*key);
    if (X509_check_private_key(material->chain_.front().get(), material->key_.get()) != 1) {
      ERR_clear_error();
      return Failure("client-key does not belong to client-certificate");
    }
  }
  return material;
}

void TlsMaterial::apply(SSL_CTX* context) {
  bool good = SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1;
  // Kept connections are mostly idle; this releases 34 KiB each.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  if (authorities_) SSL_CTX_set1_cert_store(context, authorities_.get());
  if (key_) {
    good = good && SSL_CTX_use_certificate(context, chain_.front().get()) == 1;
    for (std::size_t i = 1; i < chain_.size(); ++i) good = good && SSL_CTX_add1_chain_cert(context, chain_[i].get());
    good = good && SSL_CTX_use_PrivateKey(context, key_.get()) == 1;
  }
  if (!good) throw std::runtime_error("TLS context refused certificate or key");
  SSL_CTX_set_cert_verify_callback(context, &TlsMaterial::verify, this);
}

// The default verification. It only records the reason of a refusal, which the HTTP library would lose.
int TlsMaterial::verify(X509_STORE_CTX* store, void* self) {
  const int good = X509_verify_cert(store);
  if (good != 1) {
    auto& material = *static_cast<TlsMaterial*>(self);
    const int error = X509_STORE_CTX_get_error(store);
    const std::lock_guard lock(material.mutex_);
    material.refusal_ = error == X509_V_OK ? "it does not name this host" : X509_verify_cert_error_string(error);
  }
  return good;
}

std::string TlsMaterial::take_refusal() {
  const std::lock_guard lock(mutex_);
  return std::exchange(refusal_, {});
}

}  // namespace vbrain::kube

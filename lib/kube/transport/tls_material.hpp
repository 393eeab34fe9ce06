#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/tls/pem.hpp"
#include "kube/api/config.hpp"

namespace vbrain::kube {

// The certificates and keys of a Config, parsed and shared by connections. Thread-safe.
class TlsMaterial {
 public:
  static Result<std::shared_ptr<TlsMaterial>, std::string> load(const Config& config);

  // Sets up the context of a new connection: at least TLS 1.2, only the cluster's CA is trusted (if the Config has
  // one), and the client certificate is used. `context` must not be used after this object is destroyed.
  void apply(SSL_CTX* context);

  // Why the last handshake refused the server's certificate; "" if it did not. Clears the reason.
  std::string take_refusal();

 private:
  static int verify(X509_STORE_CTX* store, void* self);

  std::unique_ptr<X509_STORE, base::FreeWith<&X509_STORE_free>> authorities_;
  std::vector<base::Certificate> chain_;
  base::PrivateKey key_;
  std::mutex mutex_;
  std::string refusal_;
};

}  // namespace vbrain::kube

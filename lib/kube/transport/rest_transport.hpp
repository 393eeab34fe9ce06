#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "base/result.hpp"
#include "kube/api/config.hpp"
#include "kube/transport/transport.hpp"

namespace vbrain::kube {

struct RestOptions {
  std::chrono::milliseconds call_timeout{30'000};  // for a whole call, including its repetition
  std::size_t max_answer_bytes = 32u << 20;        // of one call; larger: kTooLarge
};

// A Transport on cpprestsdk: HTTP/1.1 over TLS with kept connections. The server's certificate is always verified
// against Config::ca_pem. Fails with a sentence if certificates or keys can't be read.
// Call it once, early in main and before other threads read the environment: it starts cpprestsdk's single thread. If
// the Config has a CA, it points SSL_CERT_FILE and SSL_CERT_DIR to nothing, because OpenSSL would otherwise load the
// system's 220 KB of CAs for each new connection. Tests may call it more often. All calls must have ended before the
// Transport is destroyed.
Result<std::unique_ptr<Transport>, std::string> make_rest_transport(const Config& config,
                                                                    const RestOptions& options = {});

}  // namespace vbrain::kube

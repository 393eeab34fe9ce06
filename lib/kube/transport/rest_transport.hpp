#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "base/result.hpp"
#include "kube/api/config.hpp"
#include "kube/transport/transport.hpp"

namespace vbrain::kube {

struct RestOptions {
  std::chrono::milliseconds call_timeout{30'000};  // for a whole call, its repetition included
  std::size_t max_answer_bytes = 32u << 20;        // of one call; beyond: kTooLarge
};

// A Transport on cpprestsdk: HTTP/1.1 over TLS, kept connections, the server's certificate always verified against
// Config::ca_pem. Fails with a sentence when certificates or keys cannot be read.
//
// Call once, early in main and before other threads read the environment: it starts cpprestsdk's one thread
// and, if the Config brings a CA, points SSL_CERT_FILE and SSL_CERT_DIR at nothing, since OpenSSL would
// otherwise load the system's 220 KB of roots for each new connection. More calls (tests) are allowed.
// All calls must have ended before the Transport is destroyed.
Result<std::unique_ptr<Transport>, std::string> make_rest_transport(const Config& config,
                                                                    const RestOptions& options = {});

}  // namespace vbrain::kube

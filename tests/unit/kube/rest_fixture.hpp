#pragma once

#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <stdexcept>

#include "kube/transport/rest_transport.hpp"
#include "support/cpp/tls_server.hpp"

namespace vbrain::kube {

inline const Request kGet{.method = "GET", .target = "/api/v1/namespaces/ns/pods/a%2Fb?x=%20y"};
inline const Request kPost{.method = "POST", .target = "/x", .content_type = "application/json", .body = R"({"a":1})"};

class RestTransportTest : public ::testing::Test {
 protected:
  RestTransportTest() { std::signal(SIGPIPE, SIG_IGN); }

  std::unique_ptr<Transport> connect(const testing::TlsServer& server, RestOptions options = {}) {
    config_.server = server.url();
    config_.ca_pem = server.authority_pem();
    auto transport = make_rest_transport(config_, options);
    if (!transport) throw std::runtime_error(transport.error());
    return std::move(*transport);
  }

  Config config_{.server = ""};
};

}  // namespace vbrain::kube

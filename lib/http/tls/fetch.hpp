#pragma once

#include <chrono>
#include <string>

#include "base/result.hpp"

namespace vbrain::http {

// Sends `request` over TLS to `address` ("host:port") and returns all that comes until the server closes the
// connection. It does not ask who the server is: it is for a program that looks whether our own server answers. Fails
// with the cause. Blocks for `patience` at each step at most.
Result<std::string, std::string> fetch_by_tls(const std::string& address, const std::string& request,
                                              std::chrono::seconds patience);

}  // namespace vbrain::http

#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "http/client/ip_address.hpp"

namespace vbrain::http {

// The addresses of a host name by the system's resolver, one or more, and 32 at most. The resolver itself can't be
// interrupted and may take minutes: it works on a thread of its own, which is left alone at `deadline` or `stop`. At
// most 64 of them work at a time. Fails with a sentence; "" if the time is over or the stop was requested. Thread-safe.
Result<std::vector<IpAddress>, std::string> resolve(const std::string& host,
                                                    std::chrono::steady_clock::time_point deadline,
                                                    std::stop_token stop);

}  // namespace vbrain::http

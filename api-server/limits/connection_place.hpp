#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace vbrain::api {

// The number of open connections of one tenant. Connections hold it, because they may end after all else.
using ConnectionCount = std::shared_ptr<std::atomic<std::size_t>>;

// Counts the connection for the tenant of `count`, in place of the one that it was counted for before. `place` is what
// the connection keeps (http::Exchange::kept). False if the tenant has `most` already; then the connection is counted
// for nobody. Thread-safe for different connections.
bool count_connection(const ConnectionCount& count, std::uint64_t most, std::shared_ptr<void>& place);

}  // namespace vbrain::api

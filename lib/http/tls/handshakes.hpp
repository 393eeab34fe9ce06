#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace prometheus {
class Counter;
}
namespace vbrain::base {
class Metrics;
}

namespace vbrain::http {

// Lets one of many equal messages through: the first, and then one in each `pause`. For one thread at a time.
class SparseMessages {
 public:
  explicit SparseMessages(std::chrono::steady_clock::duration pause) : pause_(pause) {}
  // How many messages there were since the last that was let through, with this one. Nothing: this one is not shown.
  std::optional<std::uint64_t> note(std::chrono::steady_clock::time_point now);

 private:
  const std::chrono::steady_clock::duration pause_;
  std::optional<std::chrono::steady_clock::time_point> last_{};
  std::uint64_t count_ = 0;
};

// What to do about a handshake that failed for this reason of OpenSSL's; "" if nothing is known. Pure.
std::string_view remedy_of(std::string_view reason);

// Counts the handshakes of a listener, and logs those that fail: one line in ten seconds at most, because whoever
// reaches the port can make them fail. Thread-safe.
class Handshakes {
 public:
  Handshakes(base::Metrics& metrics, const std::string& listener);
  void succeeded();
  void was_plain_http();
  void failed(std::string_view reason, std::string_view peer);

 private:
  prometheus::Counter& ok_;
  prometheus::Counter& plain_http_;
  prometheus::Counter& failed_;
  std::mutex mutex_;
  SparseMessages messages_;
};

}  // namespace vbrain::http

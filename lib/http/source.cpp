#include "http/source.hpp"

#include <arpa/inet.h>

#include <cstring>
#include <string>

namespace vbrain::http {

std::uint64_t source_of(std::string_view peer) {
  const std::string text(peer);
  std::uint32_t v4 = 0;
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return v4;
  unsigned char v6[16];
  // A link-local address comes with its zone.
  if (inet_pton(AF_INET6, text.substr(0, text.find('%')).c_str(), v6) != 1) return 0;
  static constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(v6, kMapped, sizeof kMapped) == 0) {
    std::memcpy(&v4, v6 + sizeof kMapped, sizeof v4);
    return v4;
  }
  std::uint64_t network = 0;
  std::memcpy(&network, v6, sizeof network);
  return network;
}

bool SourceCounts::enter(std::uint64_t source) {
  if (most_ == 0) return true;
  const std::lock_guard lock(mutex_);
  std::size_t& count = counts_[source];  // at least 1, unless it is new
  if (count >= most_) return false;
  ++count;
  return true;
}

void SourceCounts::leave(std::uint64_t source) {
  if (most_ == 0) return;
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(source);
  if (--found->second == 0) counts_.erase(found);
}

}  // namespace vbrain::http

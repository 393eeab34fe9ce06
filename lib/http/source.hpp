#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <unordered_map>

namespace vbrain::http {

// The number of a source, which is an IPv4 address (also one written as ::ffff:1.2.3.4) or an IPv6 /64, what one
// customer of a provider gets. Different sources have different numbers. Texts that are no address are all one source.
// Pure.
std::uint64_t source_of(std::string_view peer);

// How many connections each source has. Thread-safe.
class SourceCounts {
 public:
  // `most` of one source; 0: no limit, nothing is counted.
  explicit SourceCounts(std::size_t most) : most_(most) {}

  bool limits() const { return most_ != 0; }
  // False: the source has as many as it may. After true, leave() has to be called.
  bool enter(std::uint64_t source);
  void leave(std::uint64_t source);

 private:
  const std::size_t most_;
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::size_t> counts_;  // of sources with connections
};

}  // namespace vbrain::http

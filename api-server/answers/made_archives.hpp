#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "api-server/transfer/spool.hpp"
#include "base/time/clock.hpp"

namespace vbrain::api {

// Archives that were made for an answer and will be asked for again: by a client that asked for a part or for the head
// only. The key says everything that the bytes depend on, so an entry never becomes wrong; whether its job or
// repository still exists is asked by each request. Entries take room on the volume, so they are few and go a minute
// after their last use. Thread-safe.
class MadeArchives {
 public:
  struct Limits {
    std::size_t archives = 16;
    std::uint64_t bytes = 2ULL << 30;
    std::chrono::seconds keep{60};  // after the last use
  };

  explicit MadeArchives(const base::Clock& clock) : MadeArchives(clock, Limits{}) {}
  MadeArchives(const base::Clock& clock, const Limits& limits) : clock_(clock), limits_(limits) {}

  // Null if there is none.
  std::shared_ptr<const Spooled> find(std::string_view key);
  // One that is too large is not kept, nor one in the local temporary folder, which has little room. May close files,
  // which blocks.
  void keep(std::string key, std::shared_ptr<const Spooled> archive);
  // To be called every few seconds, by a thread that may block.
  void expire();

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const Spooled> archive;
    base::SteadyPoint used;
  };

  const base::Clock& clock_;
  const Limits limits_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // the most recently used first
  std::uint64_t bytes_ = 0;
};

}  // namespace vbrain::api

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>

#include "artifacts/store/layout.hpp"
#include "base/time/clock.hpp"

namespace vbrain::api {

// How many Idempotency-Keys each tenant has on the volume, so that nobody fills a folder without end. The folder is
// counted before the tenant's first key, and again only when the limit is reached, once a minute at most. Between two
// counts a server knows only its own keys, so several servers may exceed the limit together. Thread-safe.
class KeyCounts {
 public:
  explicit KeyCounts(std::uint64_t limit) : limit_(limit) {}

  // Counts one more key; false if the tenant has no room for it. `count` counts what is on the volume; it runs without
  // a lock, and what it throws passes through.
  bool take(const artifacts::Tenant& tenant, base::SteadyPoint now, const std::function<std::uint64_t()>& count);

  std::uint64_t limit() const { return limit_; }
  static constexpr std::chrono::minutes kPause{1};  // between two counts

 private:
  struct Known {
    std::uint64_t keys = 0;
    base::SteadyPoint counted{};
  };
  const std::uint64_t limit_;
  std::mutex mutex_;
  std::map<artifacts::Tenant, Known> tenants_;
};

}  // namespace vbrain::api

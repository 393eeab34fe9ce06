#include "api-server/keys/key_counts.hpp"

namespace vbrain::api {

bool KeyCounts::take(const artifacts::Tenant& tenant, base::SteadyPoint now,
                     const std::function<std::uint64_t()>& count) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = tenants_.find(tenant);
    if (found != tenants_.end()) {
      Known& known = found->second;
      if (known.keys < limit_) {
        ++known.keys;
        return true;
      }
      if (now - known.counted < kPause) return false;
      known.counted = now;  // the others do not count at the same time
    }
  }
  const std::uint64_t keys = count();
  const std::lock_guard lock(mutex_);
  Known& known = tenants_[tenant];
  known = {.keys = keys, .counted = now};
  if (keys >= limit_) return false;
  ++known.keys;
  return true;
}

}  // namespace vbrain::api

#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/time/clock.hpp"
#include "job/key.hpp"
#include "kube/api/api_client.hpp"
#include "kube/cache/cache.hpp"

namespace vbrain::api {

// That a Key was used in an hour.
struct KeyUse {
  std::string name;
  std::string uid;
  base::TimePoint hour{};

  bool operator==(const KeyUse&) const = default;
};

// The uses of Keys that are to be written into their status: at most one for each Key. Thread-safe, no I/O.
class LastUses {
 public:
  // `key` has admitted a sender at `now`. Does nothing if its status says so already, which costs no lock.
  void note(const job::Key& key, base::TimePoint now);

  // Takes the oldest uses, `most` at most.
  std::vector<KeyUse> take(std::size_t most);
  // Puts back what could not be written.
  void give_back(KeyUse use);

 private:
  std::mutex mutex_;
  std::map<std::string, KeyUse> uses_;  // by name
  std::deque<std::string> order_;       // the names in uses_
};

// The merge patch of the status that tells of `use`; nothing if there is nothing to tell: the Key is gone (null) or
// another one, or its status has this hour or a later one. Pure.
std::optional<nlohmann::json> patch_of_use(const job::Key* key, const KeyUse& use);

// Writes at most `most` uses, one call each. A Key whose cached version is not the newest keeps its use for the next
// time: another server may have written a later hour. At the first other failure the rest stays for the next time, and
// the error is returned. Blocks.
std::optional<kube::Error> write_uses(LastUses& uses, const kube::Cache<job::Key>& keys, kube::ApiClient& client,
                                      const std::string& namespace_name, std::size_t most, std::stop_token stop);

}  // namespace vbrain::api

#include "api-server/api_keys/last_uses.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace vbrain::api {

using kube::ErrorCode;

void LastUses::note(const job::Key& key, base::TimePoint now) {
  const base::TimePoint hour = job::hour_of(now);
  if (key.last_used && *key.last_used >= hour) return;
  give_back({key.meta.name, key.meta.uid, hour});
}

void LastUses::give_back(KeyUse use) {
  const std::lock_guard lock(mutex_);
  const auto [entry, is_new] = uses_.try_emplace(use.name, use);
  if (is_new) {
    order_.push_back(std::move(use.name));
  } else if (entry->second.hour < use.hour) {
    entry->second = std::move(use);
  }
}

std::vector<KeyUse> LastUses::take(std::size_t most) {
  const std::lock_guard lock(mutex_);
  std::vector<KeyUse> taken;
  while (!order_.empty() && taken.size() < most) {
    const auto entry = uses_.find(order_.front());
    order_.pop_front();
    taken.push_back(std::move(entry->second));
    uses_.erase(entry);
  }
  return taken;
}

std::optional<nlohmann::json> patch_of_use(const job::Key* key, const KeyUse& use) {
  if (key == nullptr || key->meta.uid != use.uid) return std::nullopt;
  if (key->last_used && *key->last_used >= use.hour) return std::nullopt;
  return encode_last_used(*key, use.hour);
}

std::optional<kube::Error> write_uses(LastUses& uses, const kube::Cache<job::Key>& keys, kube::ApiClient& client,
                                      const std::string& namespace_name, std::size_t most, std::stop_token stop) {
  std::vector<KeyUse> taken = uses.take(most);
  std::optional<kube::Error> failure;
  for (KeyUse& use : taken) {
    if (failure) {
      uses.give_back(std::move(use));
      continue;
    }
    const auto patch = patch_of_use(keys.get(use.name).get(), use);
    if (!patch) continue;
    auto written = client.patch(job::Key::kType, namespace_name, use.name, *patch, "status", stop);
    if (written) continue;
    switch (written.error().code) {
      case ErrorCode::kNotFound:
      case ErrorCode::kInvalid:  // the status has a later hour
        break;
      case ErrorCode::kConflict:
        uses.give_back(std::move(use));
        break;
      default:
        uses.give_back(std::move(use));
        failure = std::move(written.error());
    }
  }
  return failure;
}

}  // namespace vbrain::api

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "kube/api/api_client.hpp"
#include "kube/api/object.hpp"
#include "kube/api/request.hpp"
#include "kube/cache/informer.hpp"

namespace vbrain::testing {

struct ConfigMap {
  kube::ObjectMeta meta;
  std::string value;

  static inline const kube::ResourceType kType{"", "v1", "configmaps", "ConfigMap"};
  static ConfigMap decode(const nlohmann::json& object) {
    ConfigMap map{kube::decode_meta(object), {}};
    if (const auto* data = kube::find_member(object, "data")) map.value = kube::get_string(*data, "value");
    return map;
  }
};

// All ConfigMaps of a namespace. The tests make fewer than the API server puts on one page without a limit.
inline std::vector<ConfigMap> list_config_maps(kube::ApiClient& client, const std::string& ns) {
  const auto list = client.list(ConfigMap::kType, ns);
  EXPECT_TRUE(list) << list.error().message;
  std::vector<ConfigMap> maps;
  if (!list) return maps;
  for (const nlohmann::json& item : list->at("items")) maps.push_back(ConfigMap::decode(item));
  return maps;
}

// Replaces a ConfigMap, whatever its version is.
inline kube::KubeResult<kube::Response> replace(kube::ApiClient& client, const std::string& ns,
                                                const nlohmann::json& body, std::stop_token stop = {}) {
  return client.call(kube::replace_request(ConfigMap::kType, ns, kube::meta_text(body, "name"), body), std::move(stop));
}

// The objects as an informer's handlers reported them. The test fails if a change does not follow from the one before,
// that is, if an event was repeated or lost.
class Mirror {
 public:
  using Versions = std::map<std::string, std::string>;

  void take(const kube::Change<ConfigMap>& change) {
    const std::lock_guard lock(mutex_);
    ++changes_;
    const std::string& name = change.now ? change.now->meta.name : change.old->meta.name;
    const auto known = versions_.find(name);
    EXPECT_EQ(known != versions_.end(), change.old != nullptr) << name;
    if (change.old && known != versions_.end()) {
      EXPECT_EQ(known->second, change.old->meta.resource_version) << name;
    }
    if (change.now) {
      const std::string& version = change.now->meta.resource_version;
      EXPECT_TRUE(known == versions_.end() || known->second != version) << name << " came twice";
      versions_[name] = version;
    } else {
      versions_.erase(name);
    }
    changed_.notify_all();
  }

  // True as soon as the mirror equals `want`; false if it does not within the time.
  bool becomes(const Versions& want, std::chrono::seconds time = std::chrono::seconds(60)) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [&] { return versions_ == want; });
  }
  bool has_seen(const std::string& name, std::chrono::seconds time = std::chrono::seconds(60)) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [&] { return versions_.contains(name); });
  }
  Versions versions() const {
    const std::lock_guard lock(mutex_);
    return versions_;
  }
  int changes() const {
    const std::lock_guard lock(mutex_);
    return changes_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Versions versions_;
  int changes_ = 0;
};

}  // namespace vbrain::testing

#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "kube/cache/cache.hpp"
#include "support/cpp/fake_api_server.hpp"
#include "unit/controller/world/random.hpp"

namespace vbrain::controller::testing {

// One watch of one controller: brings the changes of one collection into a cache, in their order, as an informer does,
// but as late as it is told. Not thread-safe.
template <class T>
class Watch {
 public:
  using Tell = std::function<void(const kube::Change<T>&)>;

  Watch(const vbrain::testing::FakeApiServer& api, std::string collection, kube::Cache<T>& cache, std::uint64_t seed)
      : api_(api), collection_(std::move(collection)), cache_(cache), random_(seed) {}

  // Called after the cache has changed.
  void on_change(Tell tell) { tell_ = std::move(tell); }

  // Replaces the cache by all objects as they are now.
  void list() {
    const auto now = api_.objects(collection_);
    std::set<std::string> seen;
    for (const auto& item : now.items) {
      seen.insert(item["metadata"]["name"].template get<std::string>());
      put(item);
    }
    for (const std::string& name : cache_.names()) {
      if (!seen.contains(name)) tell_({cache_.erase(name), nullptr});
    }
    seen_ = now.version;
    restores_ = api_.restores();
  }

  // While it is held, the watch shows nothing: the connection is half open.
  void hold(bool held) { held_ = held; }

  // All objects have left the selector of the watch, for good.
  void hide() {
    for (const std::string& name : cache_.names()) tell_({cache_.erase(name), nullptr});
    held_ = true;
  }

  void deliver_all() { deliver(SIZE_MAX); }

  // Shows some of what has happened, often nothing, and sometimes nothing for many looks.
  void deliver_late() {
    if (stalled_for_ > 0) {
      --stalled_for_;
      return;
    }
    if (random_.once_in(12)) stalled_for_ = 3 + random_.below(25);
    if (!random_.once_in(3)) return;
    deliver(random_.once_in(2) ? SIZE_MAX : 1);
  }

  // Whether there is nothing more to show.
  bool is_current() const {
    return held_ || (restores_ == api_.restores() && api_.events_since(collection_, seen_).empty());
  }

 private:
  void deliver(std::size_t most) {
    if (held_) return;
    // The API server has lost its history: the informer has to list again.
    if (restores_ != api_.restores()) return list();
    for (const auto& event : api_.events_since(collection_, seen_)) {
      if (most-- == 0) return;
      seen_ = event.version;
      if (event.type == "DELETED") {
        const std::string name = event.object["metadata"]["name"];
        if (const auto old = cache_.erase(name)) tell_({old, nullptr});
      } else {
        put(event.object);
      }
    }
  }

  void put(const nlohmann::json& item) {
    auto object = std::make_shared<const T>(T::decode(item));
    const std::string name = object->meta.name;
    const auto old = cache_.get(name);
    const bool same =
        old && old->meta.resource_version == object->meta.resource_version && old->meta.uid == object->meta.uid;
    // An API server that was set back uses its resourceVersions again, for other contents.
    if (same && restores_ == api_.restores()) return;
    cache_.put(name, object);
    tell_({old, std::move(object)});
  }

  const vbrain::testing::FakeApiServer& api_;
  const std::string collection_;
  kube::Cache<T>& cache_;
  Random random_;
  Tell tell_ = [](const kube::Change<T>&) {};
  std::int64_t seen_ = 0;
  int restores_ = 0;
  int stalled_for_ = 0;
  bool held_ = false;
};

}  // namespace vbrain::controller::testing

#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace vbrain::kube {

// A change of one object: created (no old), updated, deleted (no now).
template <class T>
struct Change {
  std::shared_ptr<const T> old;
  std::shared_ptr<const T> now;
};

// The objects of one kind in one namespace by name, with secondary indexes. Objects are immutable: a reader may keep
// its pointer. Thread-safe; indexes must be added before the first object. Only the informer writes to it.
template <class T>
class Cache {
 public:
  using Object = std::shared_ptr<const T>;
  // The values under which an object is indexed; none, one or many.
  using IndexFn = std::function<std::vector<std::string>(const T&)>;

  void add_index(std::string name, IndexFn values_of) {
    const std::unique_lock lock(mutex_);
    indexes_[std::move(name)].values_of = std::move(values_of);
  }

  // Null if there is none.
  Object get(std::string_view name) const {
    const std::shared_lock lock(mutex_);
    const auto found = objects_.find(name);
    return found == objects_.end() ? nullptr : found->second;
  }

  // In any order.
  std::vector<Object> list() const {
    const std::shared_lock lock(mutex_);
    std::vector<Object> all;
    all.reserve(objects_.size());
    for (const auto& [name, object] : objects_) all.push_back(object);
    return all;
  }

  // Objects whose values in `index` include `value`, sorted by name. Throws std::out_of_range for an unknown index.
  std::vector<Object> by_index(const std::string& index, std::string_view value) const {
    const std::shared_lock lock(mutex_);
    const auto& entries = indexes_.at(index).entries;
    const auto found = entries.find(value);
    if (found == entries.end()) return {};
    std::vector<Object> all;
    all.reserve(found->second.size());
    for (const auto& [name, object] : found->second) all.push_back(object);
    return all;
  }

  std::size_t size() const {
    const std::shared_lock lock(mutex_);
    return objects_.size();
  }

  std::vector<std::string> names() const {
    const std::shared_lock lock(mutex_);
    std::vector<std::string> all;
    all.reserve(objects_.size());
    for (const auto& [name, object] : objects_) all.push_back(name);
    return all;
  }

  // Returns the previous object.
  Object put(const std::string& name, Object object) {
    const std::unique_lock lock(mutex_);
    auto& slot = objects_[name];
    unindex(name, slot);
    for (auto& [index_name, index] : indexes_) {
      for (const auto& value : index.values_of(*object)) index.entries[value][name] = object;
    }
    return std::exchange(slot, std::move(object));
  }

  // Returns the removed object; null if there was none.
  Object erase(std::string_view name) {
    const std::unique_lock lock(mutex_);
    const auto found = objects_.find(name);
    if (found == objects_.end()) return nullptr;
    Object old = std::move(found->second);
    unindex(found->first, old);
    objects_.erase(found);
    return old;
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct Index {
    IndexFn values_of;
    std::unordered_map<std::string, std::map<std::string, Object>, Hash, std::equal_to<>> entries;
  };

  void unindex(const std::string& name, const Object& object) {
    if (object == nullptr) return;
    for (auto& [index_name, index] : indexes_) {
      for (const auto& value : index.values_of(*object)) {
        const auto entry = index.entries.find(value);
        if (entry == index.entries.end()) continue;
        entry->second.erase(name);
        if (entry->second.empty()) index.entries.erase(entry);
      }
    }
  }

  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, Object, Hash, std::equal_to<>> objects_;
  std::unordered_map<std::string, Index> indexes_;
};

}  // namespace vbrain::kube

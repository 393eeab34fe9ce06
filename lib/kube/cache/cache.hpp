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
// its pointer. Thread-safe; indexes and packing must be set before the first object. Only the informer writes to it.
template <class T>
class Cache {
 public:
  using Object = std::shared_ptr<const T>;
  // The values under which an object is indexed; none, one or many.
  using IndexFn = std::function<std::vector<std::string>(const T&)>;

  // How objects that are seldom read are kept in little memory.
  struct Packing {
    std::function<bool(const T&)> is_wanted;  // whether this object is kept packed
    std::function<std::string(const T&)> pack;
    std::function<T(std::string_view)> unpack;
  };

  void add_index(std::string name, IndexFn values_of) {
    const std::unique_lock lock(mutex_);
    indexes_[std::move(name)].values_of = std::move(values_of);
  }
  // Who reads a packed object gets a copy of his own.
  void set_packing(Packing packing) {
    const std::unique_lock lock(mutex_);
    packing_ = std::move(packing);
  }

  // Null if there is none.
  Object get(std::string_view name) const {
    const std::shared_lock lock(mutex_);
    const auto found = objects_.find(name);
    return found == objects_.end() ? nullptr : object_of(found->second);
  }

  // As get(), but null also for an object that is packed. Costs no decoding.
  Object get_unpacked(std::string_view name) const {
    const std::shared_lock lock(mutex_);
    const auto found = objects_.find(name);
    return found == objects_.end() ? nullptr : found->second.object;
  }

  // In any order.
  std::vector<Object> list() const {
    const std::shared_lock lock(mutex_);
    std::vector<Object> all;
    all.reserve(objects_.size());
    for (const auto& [name, kept] : objects_) all.push_back(object_of(kept));
    return all;
  }
  // Without those that are packed.
  std::vector<Object> list_unpacked() const {
    const std::shared_lock lock(mutex_);
    std::vector<Object> all;
    for (const auto& [name, kept] : objects_) {
      if (kept.object != nullptr) all.push_back(kept.object);
    }
    return all;
  }

  // Objects whose values in `index` include `value`, sorted by name. Throws std::out_of_range for an unknown index.
  std::vector<Object> by_index(const std::string& index, std::string_view value) const {
    return collect<Object>(index, value, [this](const auto& entry) { return object_of(*entry.second); });
  }
  // The names of the same objects.
  std::vector<std::string> names_by_index(const std::string& index, std::string_view value) const {
    return collect<std::string>(index, value, [](const auto& entry) { return std::string(entry.first); });
  }

  std::size_t size() const {
    const std::shared_lock lock(mutex_);
    return objects_.size();
  }

  std::vector<std::string> names() const {
    const std::shared_lock lock(mutex_);
    std::vector<std::string> all;
    all.reserve(objects_.size());
    for (const auto& [name, kept] : objects_) all.push_back(name);
    return all;
  }

  // Returns the previous object.
  Object put(const std::string& name, Object object) {
    const std::unique_lock lock(mutex_);
    const auto [entry, is_new] = objects_.try_emplace(name);
    Object old = object_of(entry->second);
    unindex(name, old);
    for (auto& [index_name, index] : indexes_) {
      for (auto& value : index.values_of(*object)) {
        index.entries[std::move(value)].emplace(entry->first, &entry->second);
      }
    }
    entry->second = keep(std::move(object));
    return old;
  }

  // Returns the removed object; null if there was none.
  Object erase(std::string_view name) {
    const std::unique_lock lock(mutex_);
    const auto found = objects_.find(name);
    if (found == objects_.end()) return nullptr;
    Object old = object_of(found->second);
    unindex(found->first, old);
    objects_.erase(found);
    return old;
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  // One of both.
  struct Kept {
    Object object;
    std::string packed;
  };
  // Names and objects are those in objects_: a map that is unordered never moves its entries.
  using Named = std::map<std::string_view, const Kept*>;
  struct Index {
    IndexFn values_of;
    std::unordered_map<std::string, Named, Hash, std::equal_to<>> entries;
  };

  // Null if there is none.
  Object object_of(const Kept& kept) const {
    if (kept.packed.empty()) return kept.object;
    return std::make_shared<const T>(packing_.unpack(kept.packed));
  }

  Kept keep(Object object) const {
    if (!packing_.is_wanted || !packing_.is_wanted(*object)) return {std::move(object), {}};
    Kept kept{nullptr, packing_.pack(*object)};
    kept.packed.shrink_to_fit();
    return kept;
  }

  template <class Item, class Take>
  std::vector<Item> collect(const std::string& index, std::string_view value, Take take) const {
    const std::shared_lock lock(mutex_);
    const auto& entries = indexes_.at(index).entries;
    const auto found = entries.find(value);
    if (found == entries.end()) return {};
    std::vector<Item> all;
    all.reserve(found->second.size());
    for (const auto& entry : found->second) all.push_back(take(entry));
    return all;
  }

  void unindex(std::string_view name, const Object& object) {
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
  Packing packing_;
  std::unordered_map<std::string, Kept, Hash, std::equal_to<>> objects_;
  std::unordered_map<std::string, Index> indexes_;
};

}  // namespace vbrain::kube

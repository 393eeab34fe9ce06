#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace vbrain::job {

// Of several Applications with one id, or several Clients of one tenant, the oldest applies: a newer one can't take
// over. Null if there is none.
template <class T>
std::shared_ptr<const T> oldest(const std::vector<std::shared_ptr<const T>>& objects) {
  const auto found = std::ranges::min_element(
      objects, {}, [](const auto& object) { return std::pair(object->meta.creation_timestamp, object->meta.name); });
  return found == objects.end() ? nullptr : *found;
}

}  // namespace vbrain::job

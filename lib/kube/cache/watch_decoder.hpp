#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "kube/api/error.hpp"

namespace vbrain::kube {

enum class EventType { kAdded, kModified, kDeleted, kBookmark, kError };

// One event of a watch. `object` is JSON text without metadata.managedFields, valid during the callback only.
struct WatchEvent {
  EventType type = EventType::kError;
  std::string_view object = {};
  Error error = {};  // only for kError
};

// Cuts the bytes of a watch (Kubernetes API concepts, "Efficient detection of changes") into events, independent of how
// the bytes were split. Pure; not thread-safe. Memory: one line.
class WatchDecoder {
 public:
  using EventSink = std::function<bool(const WatchEvent&)>;

  // An object in etcd has at most 1.5 MiB, so no valid line is longer than this.
  static constexpr std::size_t kMaxLine = 4u << 20;

  explicit WatchDecoder(std::size_t max_line = kMaxLine);

  // Calls `sink` for every event that `chunk` completes. Returns false if `sink` returned false (the rest is dropped).
  // Returns an error (kInternal, kTooLarge) if the bytes are not a watch; then the decoder must not be used any more.
  KubeResult<bool> feed(std::string_view chunk, const EventSink& sink);

 private:
  KubeResult<bool> take_line(std::string_view line, const EventSink& sink);

  const std::size_t max_line_;
  std::string partial_;
};

}  // namespace vbrain::kube

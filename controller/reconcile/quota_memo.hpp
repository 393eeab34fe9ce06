#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "controller/planning/snapshot.hpp"

namespace vbrain::controller {

// What the API server said when a quota was full, for a moment: where one pod of an Application has no room, the next
// one has none either, and a thousand jobs that wait must not ask a thousand times. Thread-safe; one entry per
// Application at most.
class QuotaMemo {
 public:
  // What a pod of the Application would be told; nothing if it may be asked.
  std::optional<PodRefusal> look(const std::string& application, base::SteadyPoint now);
  void note_refused(const std::string& application, const PodRefusal& refusal, base::SteadyPoint now);
  // There is room again.
  void note_created(const std::string& application);

 private:
  struct Entry {
    PodRefusal refusal;
    base::SteadyPoint until;
  };

  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace vbrain::controller

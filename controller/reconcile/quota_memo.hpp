#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "controller/planning/snapshot.hpp"

namespace vbrain::controller {

// That a quota was full, for a moment: where one pod of an Application has no room, the next one has none either, and a
// thousand jobs that wait must not ask a thousand times. What the API server said is not kept: it names the pod of one
// job, and the others may be another tenant's. Thread-safe; one entry per Application at most.
class QuotaMemo {
 public:
  // Why a pod of the Application is not worth asking for; nothing if it is.
  std::optional<Failure> look(const std::string& application, base::SteadyPoint now);
  void note_full(const std::string& application, base::SteadyPoint now);
  // There is room again.
  void note_created(const std::string& application);

 private:
  std::mutex mutex_;
  std::map<std::string, base::SteadyPoint> full_until_;
};

}  // namespace vbrain::controller

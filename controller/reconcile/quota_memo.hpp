#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/time/clock.hpp"
#include "controller/planning/snapshot.hpp"

namespace vbrain::controller {

// Remembers for a short time that a quota is full: if one pod of an Application has no room, the next one has none
// either, and a thousand waiting jobs must not send a thousand requests. The API server's message is not kept, because
// it names the pod of one job, and other jobs may belong to another tenant. Thread-safe; at most one entry per
// Application.
class QuotaMemo {
 public:
  // Why a pod of the Application should not be requested now; nothing if it should.
  std::optional<Failure> look(const std::string& application, base::SteadyPoint now);
  void note_full(const std::string& application, base::SteadyPoint now);
  // There is room again.
  void note_created(const std::string& application);

 private:
  std::mutex mutex_;
  std::map<std::string, base::SteadyPoint> full_until_;
};

}  // namespace vbrain::controller

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "unit/controller/world/world.hpp"

namespace vbrain::controller::testing {

// What happens to a job and its controllers, drawn from a seed. It can be told again, and be told with less.
struct History {
  struct Event {
    enum class Kind {
      kChangePriority,
      kEditLabels,
      kSuspend,
      kResume,
      kCancel,
      kDelete,
      kDeletePod,
      kEditApplication,
      kTakeOver,      // the leader dies between two steps
      kTwoLeaders,    // the leader that was goes on for some turns
      kBackUp,        // etcd is saved...
      kRestore,       // ... and set back to what was saved
      kTimePasses,    // 40 seconds
      kManyHoursPass  // more than any deadline, while the job is suspended
    };
    Kind kind = Kind::kTakeOver;
    int turn = 0;
    int number = 0;
  };

  std::uint64_t seed = 0;
  Flavour flavour;
  std::vector<Behaviour> behaviours;  // of the attempts from the first on
  std::vector<Event> events;
  std::vector<Fault> faults;
};

std::string text_of(const History& history);
History draw_history(std::uint64_t seed);

// Plays it to its end. What went wrong, in words; empty if all is well.
std::vector<std::string> play(const History& history);
// The same history without what is not needed for it to go wrong.
History minimise(History history);

}  // namespace vbrain::controller::testing

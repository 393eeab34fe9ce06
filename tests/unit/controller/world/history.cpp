#include "unit/controller/world/history.hpp"

#include <algorithm>
#include <memory>

namespace vbrain::controller::testing {
namespace {

using nlohmann::json;
using Event = History::Event;
using Kind = Event::Kind;

constexpr int kLastTurn = 60;
constexpr std::int64_t kDeadlineSeconds = 3'000;

std::string text_of(const Event& event) {
  constexpr const char* kNames[] = {"priority", "labels",     "suspend",     "resume",    "cancel",
                                    "delete",   "delete pod", "application", "take over", "two leaders",
                                    "back up",  "restore",    "40 s pass",   "hours pass"};
  return std::string(kNames[static_cast<int>(event.kind)]) + " " + std::to_string(event.number) + " at turn " +
         std::to_string(event.turn);
}

Kind draw_kind(Random& random) {
  // Each as often as it stands here.
  constexpr Kind kKinds[] = {Kind::kChangePriority, Kind::kChangePriority,  Kind::kEditLabels, Kind::kSuspend,
                             Kind::kSuspend,        Kind::kDeletePod,       Kind::kCancel,     Kind::kDelete,
                             Kind::kTakeOver,       Kind::kTakeOver,        Kind::kTakeOver,   Kind::kTwoLeaders,
                             Kind::kTwoLeaders,     Kind::kEditApplication, Kind::kTimePasses, Kind::kRestore};
  return kKinds[random.below(static_cast<int>(std::size(kKinds)))];
}

Flavour draw_flavour(Random& random, std::uint64_t seed) {
  Flavour flavour = random.once_in(4) ? late(seed) : late_standby(seed);
  flavour.late = !random.once_in(4);
  flavour.lists_at_term = random.once_in(2);
  return flavour;
}

void add_event(std::vector<Event>& events, Random& random) {
  Event event{draw_kind(random), random.below(kLastTurn), 1 + random.below(6)};
  if (event.kind == Kind::kSuspend) {
    const int end = event.turn + 1 + random.below(20);
    if (random.once_in(2)) events.push_back({Kind::kManyHoursPass, end - 1, 0});
    events.push_back({Kind::kResume, end, 0});
  }
  if (event.kind == Kind::kRestore)
    events.push_back({Kind::kBackUp, std::max(0, event.turn - 1 - random.below(15)), 0});
  events.push_back(event);
}

// What the world remembers while a history is played.
struct Tale {
  std::optional<vbrain::testing::FakeApiServer::Backup> backup;
  bool was_cancelled = false;
  bool was_restored = false;
};

void happen(World& world, const Event& event, Tale& tale) {
  switch (event.kind) {
    case Kind::kChangePriority:
      return world.patch_spec({{"priority", event.number}});
    case Kind::kEditLabels:
      return world.patch_metadata({{"labels", {{"team", "t" + std::to_string(event.number)}}}});
    case Kind::kSuspend:
      return world.patch_spec({{"suspend", true}});
    case Kind::kResume:
      return world.patch_spec({{"suspend", false}});
    case Kind::kCancel:
      tale.was_cancelled = true;
      return world.patch_spec({{"cancel", true}});
    case Kind::kDelete:
      return world.delete_job();
    case Kind::kDeletePod:
      return world.delete_pod(world.status().is_object() ? world.status().value("attempts", 0) : 0);
    case Kind::kEditApplication:
      return world.patch_application({{"backoffLimit", 6 + event.number}});
    case Kind::kTakeOver:
      return world.restart();
    case Kind::kTwoLeaders:
      return world.depose(2 * event.number);
    case Kind::kBackUp:
      tale.backup = world.api.backup();
      return;
    case Kind::kRestore:
      if (tale.backup) world.restore(*tale.backup);
      tale.was_restored = tale.was_restored || tale.backup.has_value();
      return;
    case Kind::kTimePasses:
      return world.clock.advance(std::chrono::seconds(40));
    case Kind::kManyHoursPass:
      if (world.status().is_object() && world.status().value("reason", "") == "Suspended") {
        world.clock.advance(std::chrono::hours(3));
      }
      return;
  }
}

std::vector<std::string> judge_end(const World& world, const Tale& tale) {
  std::vector<std::string> wrong = world.violations();
  if (world.job().is_null()) {
    if (world.pods() != 0) wrong.push_back("pods are left of a deleted Job");
    if (world.has_folder()) wrong.push_back("a folder is left of a deleted Job");
    return wrong;
  }
  const json status = world.status();
  const std::string reason = status.value("reason", "");
  const std::string end = status.value("phase", "") + " " + reason;
  if (end != "Finished Completed" && !(reason == "Cancelled" && tale.was_cancelled) && reason != "DeadlineExceeded" &&
      !tale.was_restored) {
    wrong.push_back("the Job ends as " + end + ": " + status.value("message", ""));
  }
  if (status.value("phase", "") != "Finished" && status.value("phase", "") != "Failed") {
    wrong.push_back("the Job does not end: " + status.dump());
  }
  // The folder of a deleted Job does not come back with it.
  if (!world.has_status_file() && (world.has_folder() || !tale.was_restored))
    wrong.push_back("the Job has no record on the volume");
  return wrong;
}

// Nothing is written any more once all have seen everything.
bool stays_quiet(World& world) {
  world.sync();
  world.step();
  const int writes = world.writes();
  for (int i = 0; i < 5; ++i) world.step();
  return world.writes() == writes;
}

// Calls `keep_if` with the history less one part after the other.
template <class Parts, class StillWrong>
void drop_parts(History& history, Parts History::*parts, const StillWrong& still_wrong) {
  for (std::size_t i = (history.*parts).size(); i-- > 0;) {
    History less = history;
    (less.*parts).erase((less.*parts).begin() + static_cast<std::ptrdiff_t>(i));
    if (still_wrong(less)) history = std::move(less);
  }
}

}  // namespace

std::string text_of(const History& history) {
  std::string text = "seed " + std::to_string(history.seed) + ", " + text_of(history.flavour) +
                     (history.flavour.late ? ", late" : "") + (history.flavour.standby ? ", standby" : "") +
                     (history.flavour.lists_at_term ? ", lists at term" : "");
  for (const Behaviour& behaviour : history.behaviours) {
    text += "; an attempt runs for " + std::to_string(behaviour.runs_for) + ", exits " +
            std::to_string(behaviour.exit_code);
  }
  for (const Event& event : history.events) text += "; " + text_of(event);
  for (const Fault& fault : history.faults) text += "; " + text_of(fault);
  return text;
}

History draw_history(std::uint64_t seed) {
  Random random(seed);
  History history{.seed = seed, .flavour = draw_flavour(random, seed), .behaviours = {}, .events = {}, .faults = {}};
  for (int failures = random.below(3); failures > 0; --failures) {
    history.behaviours.push_back({.exit_code = 3, .runs_for = random.below(6)});
  }
  history.behaviours.push_back({.runs_for = random.below(30)});
  for (int count = 2 + random.below(5); count > 0; --count) add_event(history.events, random);
  std::ranges::stable_sort(history.events, {}, &Event::turn);
  for (int count = random.below(4); count > 0; --count) {
    history.faults.push_back({random.below(20), static_cast<Fault::Kind>(random.below(5))});
  }
  return history;
}

std::vector<std::string> play(const History& history) {
  World world(history.flavour);
  Tale tale;
  world.add_application([](json& spec) {
    spec["backoffLimit"] = 6;
    spec["activeDeadlineSeconds"] = kDeadlineSeconds;
  });
  world.add_job();
  for (std::size_t i = 0; i < history.behaviours.size(); ++i) {
    world.behave(static_cast<int>(i) + 1, history.behaviours[i]);
  }
  for (const Event& event : history.events) {
    world.at_turn(event.turn, [&tale, event](World& w) { happen(w, event, tale); });
  }
  for (const Fault& fault : history.faults) world.add_fault(fault);
  const bool rests = world.run();
  world.patch_spec({{"suspend", nullptr}});
  if (!rests || !world.run()) return {"it does not come to rest: " + world.job().dump()};
  auto wrong = judge_end(world, tale);
  if (!stays_quiet(world)) wrong.push_back("it does not stay quiet");
  return wrong;
}

History minimise(History history) {
  const auto what = play(history);
  const auto still_wrong = [&](const History& less) {
    const auto now = play(less);
    return !now.empty() && now.front() == what.front();
  };
  for (int round = 0; round < 2; ++round) {
    drop_parts(history, &History::events, still_wrong);
    drop_parts(history, &History::faults, still_wrong);
    drop_parts(history, &History::behaviours, still_wrong);
  }
  return history;
}

}  // namespace vbrain::controller::testing

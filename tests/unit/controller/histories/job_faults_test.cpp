#include <gtest/gtest.h>

#include <sstream>

#include "unit/controller/world/every_world.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using testing::Behaviour;
using testing::Fault;
using testing::World;

class JobFaults : public testing::InEveryWorld {};
INSTANTIATE_TEST_SUITE_P(Worlds, JobFaults, ::testing::ValuesIn(testing::all_flavours()), testing::name_of);

// --- Whatever breaks, and wherever: the same end, once.

struct Workload {
  const char* name;
  void (*arrange)(World&);
  const char* want_phase;  // "": the job is gone
  const char* want_reason;
  int want_starts;  // -1: none or one
  bool expires = false;
};

const Workload kWorkloads[] = {
    {"success",
     [](World& w) {
       w.add_application();
       w.add_job();
     },
     "Finished", "Completed", 1},
    {"made with kubectl",
     [](World& w) {
       w.add_application();
       w.add_job(true);
     },
     "Finished", "Completed", 1},
    {"failure, then success",
     [](World& w) {
       w.add_application([](json& spec) { spec["backoffLimit"] = 1; });
       w.add_job();
       w.behave(1, {.exit_code = 3});
     },
     "Finished", "Completed", 2},
    {"failures",
     [](World& w) {
       w.add_application([](json& spec) { spec["backoffLimit"] = 1; });
       w.add_job();
       w.behave(1, {.exit_code = 3});
       w.behave(2, {.exit_code = 4});
     },
     "Failed", "NonZeroExit", 2},
    {"cancel",
     [](World& w) {
       w.add_application([](json& spec) { spec["backoffLimit"] = 3; });
       w.add_job();
       w.behave(1, {.kind = Behaviour::Kind::kRunsUntilStopped});
       w.when_running(1, [](World& x) { x.patch_spec({{"cancel", true}}); });
     },
     "Failed", "Cancelled", 1},
    {"image",
     [](World& w) {
       w.add_application();
       w.add_job();
       w.behave(1, {.kind = Behaviour::Kind::kImageMissing});
     },
     "Failed", "InvalidImageName", 0},
    {"made with kubectl, cancelled before it began",
     [](World& w) {
       w.add_application();
       w.add_job(true);
       w.patch_spec({{"cancel", true}});
     },
     "Failed", "Cancelled", 0},
    {"delete",
     [](World& w) {
       w.add_application();
       w.add_job();
       w.behave(1, {.kind = Behaviour::Kind::kRunsUntilStopped});
       w.when_running(1, [](World& x) { x.delete_job(); });
     },
     "", "", 1},
    {"expiry",
     [](World& w) {
       w.add_application();
       w.add_job();
       w.let_jobs_expire();
     },
     "", "", 1, true},
};

void expect_end(const World& world, const Workload& workload) {
  EXPECT_TRUE(world.violations().empty()) << world.violations().front();
  if (*workload.want_phase == '\0') {
    EXPECT_TRUE(world.job().is_null());
    EXPECT_EQ(world.pods(), 0u);
    EXPECT_EQ(world.has_folder(), workload.expires);
    EXPECT_EQ(world.has_folder() && world.has_status_file(), workload.expires);
  } else {
    EXPECT_EQ(world.status().value("phase", ""), workload.want_phase);
    EXPECT_EQ(world.status().value("reason", ""), workload.want_reason);
    EXPECT_TRUE(world.has_status_file());
  }
  EXPECT_EQ(world.starts_in_all(), workload.want_starts);
}

constexpr Fault::Kind kKinds[] = {Fault::Kind::kCrashBefore, Fault::Kind::kCrashAfter, Fault::Kind::kErrorBefore,
                                  Fault::Kind::kErrorAfter};

int writes_without_faults(const Workload& workload, const testing::Flavour& flavour) {
  World world(flavour);
  workload.arrange(world);
  EXPECT_TRUE(world.run()) << workload.name;
  expect_end(world, workload);
  return world.writes();
}

// Events about ends of attempts and jobs, and what was counted of them.
std::vector<std::string> told_of_ends(World& world, const Workload& workload) {
  // A job that is deleted in its first seconds has no write that counts its attempt, or has one just before.
  const bool is_counted = *workload.want_phase != '\0' || workload.expires;
  world.restart();  // waits for the events
  std::vector<std::string> told;
  for (const std::string& body : world.events()) {
    const json event = json::parse(body);
    const std::string action = event.value("action", "");
    if (action == "Finish" || action == "Fail" || action == "Retry") told.push_back(event.value("reason", ""));
  }
  std::istringstream lines(world.metrics());
  for (std::string line; std::getline(lines, line);) {
    const bool counts = line.starts_with("vbrain_jobs_ended_total") ||
                        line.starts_with("vbrain_job_attempts_failed_total") ||
                        (is_counted && line.starts_with("vbrain_job_wait_seconds_count")) ||
                        line.starts_with("vbrain_job_run_seconds_count");
    if (counts && !line.ends_with(" 0")) told.push_back(line);
  }
  return told;
}

// An error without a crash: the controller goes on, and finds out whether the write was done.
TEST_P(JobFaults, AnAnswerThatIsLostLosesNoNews) {
  for (const Workload& workload : kWorkloads) {
    World undisturbed(GetParam());
    workload.arrange(undisturbed);
    ASSERT_TRUE(undisturbed.run()) << workload.name;
    const int writes = undisturbed.writes();
    const std::vector<std::string> want = told_of_ends(undisturbed, workload);
    for (int at = 0; at < writes; ++at) {
      for (const Fault::Kind kind : {Fault::Kind::kErrorBefore, Fault::Kind::kErrorAfter, Fault::Kind::kSentTwice}) {
        World world(GetParam());
        workload.arrange(world);
        world.add_fault({at, kind});
        SCOPED_TRACE(std::string(workload.name) + ", " + testing::text_of({at, kind}));
        ASSERT_TRUE(world.run()) << world.job().dump();
        expect_end(world, workload);
        EXPECT_EQ(told_of_ends(world, workload), want);
      }
    }
  }
}

TEST_P(JobFaults, EveryWriteMayFailOnce) {
  for (const Workload& workload : kWorkloads) {
    const int writes = writes_without_faults(workload, GetParam());
    ASSERT_GE(writes, 3) << workload.name;
    for (int at = 0; at < writes; ++at) {
      for (const Fault::Kind kind : kKinds) {
        World world(GetParam());
        workload.arrange(world);
        world.add_fault({at, kind});
        SCOPED_TRACE(std::string(workload.name) + ", " + testing::text_of({at, kind}));
        ASSERT_TRUE(world.run()) << world.job().dump();
        expect_end(world, workload);
      }
    }
  }
}

TEST_P(JobFaults, ASecondCrashMayHitTheRecovery) {
  for (const Workload& workload : kWorkloads) {
    const int writes = writes_without_faults(workload, GetParam());
    for (int first = 0; first < writes; ++first) {
      for (int second = first + 1; second < writes + 2; ++second) {
        // Late worlds take their time: a third of the pairs will do.
        if (GetParam().late && (first + second) % 3 != 0) continue;
        World world(GetParam());
        workload.arrange(world);
        world.add_fault({first, Fault::Kind::kCrashAfter});
        world.add_fault({second, second % 2 == 0 ? Fault::Kind::kCrashBefore : Fault::Kind::kCrashAfter});
        SCOPED_TRACE(std::string(workload.name) + ", crashes at " + std::to_string(first) + " and " +
                     std::to_string(second));
        ASSERT_TRUE(world.run()) << world.job().dump();
        expect_end(world, workload);
      }
    }
  }
}

// A leader that was stopped longer than its lease, and goes on where it was.
TEST_P(JobFaults, AControllerWithoutTheLeaseChangesNothing) {
  for (const Workload& workload : kWorkloads) {
    const int writes = writes_without_faults(workload, GetParam());
    for (int at = 0; at < writes; ++at) {
      World world(GetParam());
      workload.arrange(world);
      world.add_fault({at, Fault::Kind::kPause});
      SCOPED_TRACE(std::string(workload.name) + ", " + testing::text_of({at, Fault::Kind::kPause}));
      ASSERT_TRUE(world.run()) << world.job().dump();
      expect_end(world, workload);
    }
  }
}

}  // namespace
}  // namespace vbrain::controller

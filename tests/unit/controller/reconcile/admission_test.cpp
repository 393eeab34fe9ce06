#include "controller/reconcile/admission.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "job/causes.hpp"
#include "unit/controller/crowd.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using ::testing::Contains;
using testing::Crowd;
using ::testing::ElementsAre;
using ::testing::Not;
using Trouble = Crowd::Trouble;

// Ends the jobs under way, one after another, until there is none.
void let_all_end(Crowd& crowd, const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (const std::string& name : names) {
      if (crowd.phase(name) != "Started") continue;
      crowd.end_pod(name);
      crowd.work();
      break;
    }
  }
}

TEST(JobAdmission, AnApplicationOfWhichOnlyTheLimitDiffers) {
  const job::Application before = testing::an_application();
  job::Application after = before;
  after.meta.resource_version = "51";
  after.max_concurrent_jobs = 7;
  after.conditions.resize(1);
  EXPECT_TRUE(equal_except_limit(before, after));
  after.active_deadline_seconds = 1;
  EXPECT_FALSE(equal_except_limit(before, after));
}

TEST(JobAdmission, WithoutLimitsThereAreNoExtraWrites) {
  Crowd crowd;
  for (const char* name : {"a", "b", "c"}) crowd.add_job(name);
  crowd.work();
  for (const char* name : {"a", "b", "c"}) crowd.end_pod(name);
  crowd.work();
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_EQ(crowd.phase(name), "Finished");
    EXPECT_EQ(crowd.status_writes(name), 1);
  }
}

TEST(JobAdmission, StartsJobsOneAfterTheOtherInOrder) {
  Crowd crowd;
  crowd.limit_client(1);
  int most = 0;
  crowd.after_write = [&] { most = std::max(most, crowd.under_way()); };
  const std::vector<std::string> names{"d", "c", "b", "a"};
  for (const std::string& name : names) crowd.add_job(name);
  crowd.work();
  let_all_end(crowd, names);
  EXPECT_EQ(crowd.begun(), names);
  EXPECT_EQ(most, 1);
  EXPECT_EQ(crowd.phase("a"), "Finished");
  EXPECT_EQ(crowd.status_writes("d"), 2) << "one that starts at once has no write more";
  EXPECT_EQ(crowd.status_writes("a"), 3) << "the reason is said once, whoever goes before";
}

TEST(JobAdmission, AJobThatWaitsSaysWhy) {
  Crowd crowd;
  crowd.limit_client(2);
  for (const char* name : {"a", "b", "c"}) crowd.add_job(name);
  crowd.work();
  EXPECT_EQ(crowd.phase("c"), "Queued");
  EXPECT_EQ(crowd.reason("c"), "ConcurrencyLimit");
  EXPECT_EQ(crowd.status("c")["message"],
            job::tell("ConcurrencyLimit", "waiting: 2 of 2 jobs of client 'north' are under way"));
  EXPECT_EQ(crowd.status("a")["reason"], "Starting");

  Crowd other;
  other.limit_application(1);
  other.add_job("a", "north");
  other.add_job("b", "south");
  other.work();
  EXPECT_EQ(
      other.status("b")["message"],
      job::tell("ConcurrencyLimit",
                "waiting: as many jobs of application 'Tutorial' are under way as its maxConcurrentJobs allows, 1"))
      << "not how many jobs others have";
}

TEST(JobAdmission, OnlyJobsThatMayStartAreWoken) {
  Crowd crowd;
  crowd.limit_client(1);
  for (const char* name : {"a", "b", "c", "d"}) crowd.add_job(name);
  crowd.work();
  crowd.reconciled();
  crowd.end_pod("a");
  crowd.work();
  const auto after_an_end = crowd.reconciled();
  EXPECT_THAT(after_an_end, Contains("b"));
  EXPECT_THAT(after_an_end, Not(Contains("c")));
  EXPECT_THAT(after_an_end, Not(Contains("d")));

  crowd.limit_client(2);
  crowd.sync();
  while (crowd.step()) {
  }
  EXPECT_THAT(crowd.reconciled(), ElementsAre("c")) << "a raised limit";
  EXPECT_EQ(crowd.under_way(), 2);
  crowd.work();
  crowd.reconciled();
  crowd.limit_application(5);
  crowd.work();
  EXPECT_THAT(crowd.reconciled(), ElementsAre()) << "a limit that changes nothing for anybody";
}

TEST(JobAdmission, AFreeSlotIsGivenAwayAtOnce) {
  Crowd crowd;
  crowd.limit_client(1);
  crowd.add_job("a");
  crowd.add_job("b");
  crowd.work();
  crowd.end_pod("a");
  crowd.sync();
  while (crowd.step()) {
  }
  EXPECT_EQ(crowd.phase("b"), "Started") << "our own write is enough, the watch need not have shown it";
}

TEST(JobAdmission, ADeletedJobsSlotIsFreeWhenItsPodIsGone) {
  Crowd crowd;
  crowd.limit_client(1);
  crowd.add_job("a");
  crowd.add_job("b");
  crowd.work();
  // With a kubelet, a pod is not deleted at once.
  json pod = crowd.api.object("/api/v1/namespaces/vbrain/pods/a-1");
  pod["metadata"]["finalizers"] = {"test/kubelet"};
  pod["status"]["phase"] = "Running";
  crowd.api.put("/api/v1/namespaces/vbrain/pods", pod);
  crowd.delete_job("a");
  crowd.work_for(seconds(3));
  EXPECT_EQ(crowd.phase("b"), "Queued");
  crowd.remove_pod("a");
  crowd.work_for(seconds(3));
  EXPECT_EQ(crowd.phase("a"), "") << "gone";
  EXPECT_EQ(crowd.phase("b"), "Started");
}

TEST(JobAdmission, ASuspendedOrCancelledJobLetsTheNextOneStart) {
  Crowd crowd;
  crowd.limit_client(1);
  for (const char* name : {"a", "b", "c", "d"}) crowd.add_job(name);
  crowd.work();
  crowd.patch_spec("b", {{"suspend", true}});
  crowd.patch_spec("c", {{"cancel", true}});
  crowd.end_pod("a");
  crowd.work();
  EXPECT_EQ(crowd.reason("b"), "Suspended");
  EXPECT_EQ(crowd.reason("c"), "Cancelled");
  EXPECT_EQ(crowd.phase("d"), "Started");
  crowd.patch_spec("b", {{"suspend", false}});
  crowd.work();
  EXPECT_EQ(crowd.reason("b"), "ConcurrencyLimit");
  crowd.end_pod("d");
  crowd.work();
  EXPECT_EQ(crowd.phase("b"), "Started");
}

TEST(JobAdmission, PriorityGoesFirst) {
  Crowd crowd;
  crowd.limit_application(1);
  crowd.add_job("a");
  crowd.add_job("b");
  crowd.add_job("c", "south", 5);
  crowd.add_job("d");
  crowd.work();
  crowd.patch_spec("d", {{"priority", 1}});
  crowd.work();
  for (const char* name : {"a", "c", "d"}) {
    crowd.end_pod(name);
    crowd.work();
  }
  EXPECT_THAT(crowd.begun(), ElementsAre("a", "c", "d", "b")) << "the first was there before the others came";
}

TEST(JobAdmission, AnApplicationThatComesLateFindsTheOrder) {
  Crowd crowd;
  crowd.api.erase("/apis/vbrain.visagio.com/v1/namespaces/vbrain/applications/tutorial");
  crowd.limit_client(1);
  for (const char* name : {"c", "b", "a"}) crowd.add_job(name);
  crowd.work_for(std::chrono::seconds(5));
  EXPECT_EQ(crowd.reason("a"), "UnknownApplication");
  crowd.limit_application({});
  crowd.work();
  EXPECT_THAT(crowd.begun(), ElementsAre("c"));
}

TEST(JobAdmission, ALoweredLimitStopsNoJob) {
  Crowd crowd;
  crowd.limit_client(2);
  for (const char* name : {"a", "b", "c"}) crowd.add_job(name);
  crowd.work();
  crowd.limit_client(1);
  crowd.work();
  EXPECT_EQ(crowd.under_way(), 2);
  crowd.end_pod("a");
  crowd.work();
  EXPECT_EQ(crowd.phase("c"), "Queued");
  crowd.end_pod("b");
  crowd.work();
  EXPECT_EQ(crowd.phase("c"), "Started");
}

TEST(JobAdmission, ANewLeaderCountsBeforeItStartsAnything) {
  Crowd crowd;
  crowd.limit_client(1);
  for (const char* name : {"z", "b", "a"}) crowd.add_job(name);
  crowd.work();
  crowd.restart();
  crowd.work();
  EXPECT_EQ(crowd.under_way(), 1);
  crowd.end_pod("z");
  crowd.restart();
  crowd.work();
  EXPECT_THAT(crowd.begun(), ElementsAre("z", "b"));
  EXPECT_EQ(crowd.status_writes("a"), 1) << "the reason is not said again";
}

TEST(JobAdmission, ALostAnswerNeitherLosesNorDoublesASlot) {
  for (const Trouble trouble : {Trouble::kUnavailable, Trouble::kAnswerLost}) {
    Crowd crowd;
    crowd.limit_client(1);
    int most = 0;
    crowd.after_write = [&] { most = std::max(most, crowd.under_way()); };
    crowd.add_job("a");
    crowd.add_job("b");
    crowd.trouble_next_write("a", trouble);
    crowd.work_for(seconds(2));
    EXPECT_THAT(crowd.begun(), ElementsAre("a"));
    crowd.trouble_next_write("a", trouble);
    crowd.end_pod("a");
    crowd.work_for(seconds(2));
    EXPECT_THAT(crowd.begun(), ElementsAre("a", "b"));
    EXPECT_EQ(most, 1);
  }
}

TEST(JobAdmission, AConflictIsDecidedByThePresentJob) {
  Crowd crowd;
  crowd.limit_client(1);
  crowd.add_job("a");
  crowd.add_job("b");
  crowd.sync();
  crowd.patch_spec("a", {{"suspend", true}});
  while (crowd.step()) {
  }
  EXPECT_THAT(crowd.begun(), ElementsAre("b")) << "whatever the caches show";
  crowd.work_for(seconds(1));
  EXPECT_THAT(crowd.begun(), ElementsAre("b"));
}

TEST(JobAdmission, AJobWhoseStatusIsRefusedDoesNotHoldUpOthers) {
  Crowd crowd;
  crowd.limit_client(1);
  for (const char* name : {"a", "b"}) crowd.add_job(name);
  for (int i = 0; i < 3; ++i) crowd.trouble_next_write("a", Trouble::kForbidden);
  crowd.work();
  EXPECT_THAT(crowd.begun(), ElementsAre("b"));
  crowd.work_for(seconds(5));
  crowd.end_pod("b");
  crowd.work_for(seconds(60));
  EXPECT_THAT(crowd.begun(), ElementsAre("b", "a")) << "it is tried again and goes when it can";
}

// Stale caches, lost answers, changing leaders: the limit is never exceeded, and all jobs end.
TEST(JobAdmission, NeverAboveTheLimitWhateverHappens) {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::minstd_rand random(seed);
    const auto pick = [&](int count) { return static_cast<int>(random() % static_cast<unsigned>(count)); };
    Crowd crowd;
    const int of_application = 2 + pick(3);
    const int of_client = 1 + pick(2);
    crowd.limit_application(of_application);
    for (const char* client : {"north", "south"}) crowd.limit_client(of_client, client);
    crowd.work();
    crowd.after_write = [&] {
      const int north = crowd.under_way("north");
      const int south = crowd.under_way("south");
      EXPECT_LE(north + south, of_application);
      EXPECT_LE(std::max(north, south), of_client);
    };
    std::vector<std::string> names;
    const auto all_ended = [&] {
      return std::ranges::all_of(
          names, [&](const std::string& name) { return crowd.phase(name) == "Finished" || crowd.phase(name).empty(); });
    };
    for (int turn = 0; turn < 3'000; ++turn) {
      if (turn >= 100 && turn % 50 == 0 && all_ended()) break;
      if (turn < 100 && pick(4) == 0) {
        names.push_back("job-" + std::to_string(turn));
        crowd.add_job(names.back(), pick(2) != 0 ? "north" : "south", pick(3));
        const Trouble troubles[] = {Trouble::kForbidden, Trouble::kUnavailable, Trouble::kAnswerLost};
        while (pick(3) == 0) crowd.trouble_next_write(names.back(), troubles[pick(3)]);
      }
      if (pick(2) == 0) crowd.sync();
      for (int i = pick(4); i > 0; --i) crowd.step();
      if (pick(2) == 0) crowd.clock.advance(std::chrono::milliseconds(pick(2'000)));
      if (!names.empty()) {
        const std::string& name = names[static_cast<std::size_t>(pick(static_cast<int>(names.size())))];
        const bool has_pod = !crowd.api.object("/api/v1/namespaces/vbrain/pods/" + name + "-1").is_null();
        if (crowd.phase(name) == "Started" && has_pod && pick(2) == 0) crowd.end_pod(name);
        if (!crowd.phase(name).empty() && pick(60) == 0) crowd.delete_job(name);
      }
      if (pick(80) == 0) crowd.restart();
    }
    EXPECT_TRUE(all_ended());
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace vbrain::controller

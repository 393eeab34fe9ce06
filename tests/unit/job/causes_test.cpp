#include "job/causes.hpp"

#include <gtest/gtest.h>

#include <set>

namespace vbrain::job {
namespace {

using Detail = Cause::Detail;

JobStatus status_of(std::string reason, std::string detail) {
  JobStatus status;
  status.message = tell(reason, detail);
  status.reason = std::move(reason);
  return status;
}

TEST(Causes, EachIsAWordASentenceAndARemedyThatFitAStatus) {
  std::set<std::string_view> words;
  for (const Cause& cause : all_causes()) {
    EXPECT_TRUE(words.insert(cause.reason).second) << cause.reason << " is there twice";
    EXPECT_EQ(cause.reason.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"), std::string::npos)
        << cause.reason;
    for (const std::string_view text : {cause.cause, cause.remedy}) {
      EXPECT_FALSE(text.ends_with('.')) << cause.reason;
      EXPECT_EQ(text.find_first_of("|\n"), std::string::npos) << cause.reason << ": the documentation is a table";
    }
    EXPECT_FALSE(cause.cause.empty()) << cause.reason;
    EXPECT_FALSE(cause.phases.empty()) << cause.reason;
    EXPECT_LT(cause.cause.size() + cause.remedy.size(), 500u) << cause.reason << ": no room for a detail";
    if (cause.phases == "Failed") {
      EXPECT_FALSE(cause.is_retried.empty()) << cause.reason;
    }
  }
}

// Which attempts are not repeated, whatever backoffLimit is. All other reasons may be gone at the next try: a node, the
// volume, a registry, the memory of a neighbour, what the application reads from elsewhere.
TEST(Causes, WhatMustFailAlikeIsNotRepeated) {
  const std::set<std::string_view> want = {
      "InvalidResult",      // the application ended with 0: it has done what it can with this input
      "InvalidOutput",      // the same
      "OutputTooLarge",     // the same, and outputLimit is the same
      "DiskLimitExceeded",  // the same, and the limits of the pod are the same
      "CommandNotStarted",  // the image and the template are the same
      "InvalidImageName",  "ErrImageNeverPull", "InvalidTemplate", "InvalidSpec",
      "UnknownRepository", "InvalidParams",     "InvalidSchema",   "CorruptFile",
      "Cancelled",         "DeadlineExceeded",  "Deleted",
  };
  std::set<std::string_view> got;
  for (const Cause& cause : all_causes()) {
    if (!may_be_retried(cause.reason)) got.insert(cause.reason);
  }
  EXPECT_EQ(got, want);
  EXPECT_TRUE(may_be_retried("OddWord"));
}

TEST(Causes, TellTheCauseTheDetailAndTheRemedy) {
  EXPECT_EQ(tell("FailedMount", "configmap \"typo\" not found"),
            "a volume of the pod can't be mounted: configmap \"typo\" not found. Remedy: " +
                std::string(find_cause("FailedMount")->remedy));
  EXPECT_EQ(tell("NonZeroExit", "exit code 3"), "exit code 3. Remedy: read the job's logs") << "its own words suffice";
  EXPECT_EQ(tell("Completed", "exit code 0 after 1.2 s"), "exit code 0 after 1.2 s") << "there is nothing to do";
  EXPECT_EQ(tell("Unschedulable", "0/1 nodes are available."),
            "no node has room for the pod now: 0/1 nodes are available. Remedy: " +
                std::string(find_cause("Unschedulable")->remedy))
      << "one full stop";
  EXPECT_EQ(tell("OddWord", "odd text").find("the cluster gives this reason: odd text. Remedy: "), 0u);
  EXPECT_EQ(tell("OOMKilled", "").find("the application reached its memory limit. Remedy: "), 0u);
}

TEST(Causes, ALongDetailIsCutAndTheRemedyIsNot) {
  for (const std::string_view reason : {"FailedMount", "NonZeroExit", "OddWord"}) {
    const std::string whole = tell(reason, std::string(5'000, 'x'));
    EXPECT_LE(whole.size(), kToldLimit) << reason;
    EXPECT_GT(whole.size(), kToldLimit - 8) << reason;
    EXPECT_NE(whole.find("x. Remedy: "), std::string::npos) << reason;
  }
  std::string accents = "a";
  for (int i = 0; i < 1'000; ++i) accents += "é";
  const std::string text = tell("FailedMount", accents);
  EXPECT_NE(text.find("é. Remedy: "), std::string::npos) << "cut between two characters";
}

// Names of nodes, objects and registries are the operator's.
TEST(Causes, RestShowsNoTextOfTheCluster) {
  for (const Cause& cause : all_causes()) {
    const std::string shown = public_message(status_of(std::string(cause.reason), "node ip-10-0-0-1, secret tls"));
    EXPECT_EQ(shown.find("10-0-0-1") != std::string::npos, cause.detail == Detail::kOwn) << cause.reason;
    EXPECT_FALSE(shown.empty()) << cause.reason;
    if (!cause.remedy.empty()) {
      EXPECT_NE(shown.find(cause.remedy), std::string::npos) << cause.reason;
    }
  }
  EXPECT_EQ(public_message(status_of("OddWord", "node ip-10-0-0-1")).find("10-0"), std::string::npos);
}

// The owner of the Application can change the deadline.
TEST(Causes, RestShowsWhichDeadlineWasOver) {
  const std::string late = "not running after preRunningDeadlineSeconds of the Application, 60 s";
  for (const char* reason : {"FailedMount", "Initializing", "VolumeFailing", "OddWord"}) {
    const std::string shown =
        public_message(status_of(reason, tell_late_start(std::chrono::seconds(60), "secret tls 7 s")));
    EXPECT_NE(shown.find(": " + late + ". Remedy: "), std::string::npos) << shown;
    EXPECT_EQ(shown.find("tls"), std::string::npos) << shown;
  }
  EXPECT_EQ(public_message(status_of("FailedMount", "secret tls: " + late)).find(late), std::string::npos)
      << "somebody else's words";
}

TEST(Causes, RestShowsWhyTheLastAttemptFailed) {
  JobStatus status = status_of("Retrying", "attempt 1 failed on node ip-10-0-0-1");
  status.attempts = 2;
  AttemptRecord first;
  first.attempt = 1;
  first.reason = "FailedMount";
  first.message = "not on ip-10-0-0-1";
  status.attempt_history = {first};
  EXPECT_EQ(public_message(status),
            "attempt 1 failed (FailedMount: " + tell("FailedMount", "") + "); attempt 2 follows");
  status.attempt_history[0].message = tell_late_start(std::chrono::seconds(60), "not on ip-10-0-0-1");
  EXPECT_EQ(public_message(status),
            "attempt 1 failed (FailedMount: " + tell("FailedMount", tell_late_start(std::chrono::seconds(60), "")) +
                "); attempt 2 follows");
  status.attempt_history[0].reason = "NonZeroExit";
  status.attempt_history[0].message = "exit code 3";
  EXPECT_EQ(public_message(status),
            "attempt 1 failed (NonZeroExit: exit code 3. Remedy: read the job's logs); attempt 2 follows");
}

TEST(Causes, ARecordOfAnEarlierVersionIsShownAsItIs) {
  JobStatus status;
  status.reason = "NonZeroExit";
  status.message = "exit code 3";
  EXPECT_EQ(public_message(status), "exit code 3");
  EXPECT_EQ(public_message(JobStatus{}), "");
}

}  // namespace
}  // namespace vbrain::job

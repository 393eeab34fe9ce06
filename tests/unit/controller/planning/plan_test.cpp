#include "controller/planning/plan.hpp"

#include <gtest/gtest.h>

#include "controller/planning/folder_rules.hpp"
#include "unit/controller/planning/plan_cases.hpp"

namespace vbrain::controller {
namespace {

using Kind = artifacts::Outcome::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::at;
using testing::claimed_by_runner;
using testing::closed;
using testing::expect_all;
using testing::kPodUid;
using testing::PodOf;
using testing::Scene;
using testing::sealed;
using testing::text_of;
using testing::unclaimed;
using testing::unreadable;

constexpr auto kExit = artifacts::Outcome::Kind::kExit;
constexpr auto kClaimLost = artifacts::Outcome::Kind::kClaimLost;

TEST(Plan, QueuedJobs) {
  expect_all({
      {"a fresh job", Scene(), "status Started Starting 1"},
      {"made with kubectl, without finalizer", Scene().without_finalizer(), "add-finalizer"},
      {"no Application of that id", Scene().without_application(), "status Queued UnknownApplication 0 warning"},
      {"that has been said", Scene().without_application().reason("UnknownApplication"), ""},
      {"the Application came", Scene().reason("UnknownApplication"), "status Started Starting 1"},
      {"another organization's", Scene().only_for("other"), "status Queued ApplicationNotAllowed 0 warning"},
      {"suspended", Scene().suspended(), "status Queued Suspended 0 event"},
      {"suspended, said", Scene().suspended().reason("Suspended"), ""},
      {"cancelled: no controller may begin it any more", Scene().cancelled(), "close 1"},
      {"cancelled and closed", Scene().cancelled().files(closed()), "status Failed Cancelled 0 warning"},
      {"cancelled, unknown Application", Scene().cancelled().without_application(), "close 1"},
      {"closed, and it is to run after all", Scene().files(closed()), "status Failed NotStarted 1 warning"},
      {"others come first", Scene().not_its_turn("waiting"), "status Queued ConcurrencyLimit 0 event"},
      {"others come first, said", Scene().not_its_turn("waiting").reason("ConcurrencyLimit"), ""},
      {"its turn has come", Scene().reason("ConcurrencyLimit"), "status Started Starting 1"},
      {"the line has not heard of its Application yet", Scene().not_its_turn(""), ""},
      {"no Application, whoever comes first", Scene().not_its_turn("waiting").without_application(),
       "status Queued UnknownApplication 0 warning"},
      {"cancelled while it waits", Scene().not_its_turn("waiting").cancelled(), "close 1"},
      {"under way: the next attempt needs no turn", Scene().attempt(2).not_its_turn("waiting"), "create-pod 2"},
  });
}

TEST(Plan, ClaimOfTheFirstAttemptSaysAllThatIsKnown) {
  const Plan got = plan(Scene().build());
  const job::JobStatus status = std::get<WriteStatus>(got.actions.at(0)).status;
  EXPECT_EQ(status.pod_name, "") << "there is none yet";
  EXPECT_EQ(status.start_time, at(100));
  EXPECT_EQ(status.application_generation, 3);
  EXPECT_EQ(status.observed_generation, 1);
  EXPECT_FALSE(status.completion_time);
}

TEST(Plan, FactsThatOnlyTheVolumeHas) {
  job::JobStatus record;
  record.phase = job::Phase::kFinished;
  record.reason = "Completed";
  record.attempts = 2;
  const auto of_earlier_life = [](Scene scene) {
    Snapshot snapshot = scene.attempt(1).files(claimed_by_runner()).build();
    snapshot.job.meta.labels.emplace(kRecoveredLabel, "true");
    snapshot.job.meta.creation_timestamp = at(90);
    return snapshot;
  };
  Snapshot ended = Scene().attempt(1).build();
  ended.record = record;
  EXPECT_EQ(text_of(plan(ended)), "status Finished Completed 2");
  Snapshot further = Scene().attempt(1).build();
  further.newest_attempt = 3;
  EXPECT_EQ(text_of(plan(further)), "status Started Recovering 3");
  const Plan lost = plan(of_earlier_life(Scene()));
  EXPECT_EQ(text_of(lost), "status Started Retrying 2 warning") << "its cluster is gone: nobody's fault";
  EXPECT_EQ(std::get<WriteStatus>(lost.actions.at(0)).status.disruptions, 1);
  EXPECT_FALSE(std::get<WriteStatus>(lost.actions.at(0)).status.next_attempt_time);
  Snapshot not_gone = of_earlier_life(Scene());
  not_gone.alien_pod_uid = kPodUid;
  EXPECT_EQ(text_of(plan(not_gone)), "status Started PodLost 1 warning") << "its pod is still there";
  not_gone.lost_for = seconds(300);
  EXPECT_EQ(text_of(plan(not_gone)), "status Started Retrying 2 warning") << "and stays";
  Snapshot own = of_earlier_life(Scene());
  own.files->claim->time = at(95);
  EXPECT_EQ(text_of(plan(own)), "status Started PodLost 1 warning") << "claimed since the resource was made";
  Snapshot ordinary = of_earlier_life(Scene());
  ordinary.job.meta.labels.clear();
  EXPECT_EQ(text_of(plan(ordinary)), "status Started PodLost 1 warning") << "a node's clock may go wrong";
}

TEST(Plan, PendingPods) {
  const PodOf pull = PodOf().waiting("ErrImagePull", "not found");
  const PodOf back_off = PodOf().waiting("ImagePullBackOff");
  expect_all({
      {"just made", Scene().attempt(1).pod(PodOf()), "", seconds(3)},
      {"on its way", Scene().attempt(1).pod(PodOf().waiting("ContainerCreating"), 2'000), "", seconds(1)},
      {"odd for a moment", Scene().attempt(1).pod(pull, 300), "", milliseconds(700)},
      {"image can't be had", Scene().attempt(1).pod(pull, 1'000), "status Started ErrImagePull 1 warning"},
      {"the kubelet's other word for it", Scene().attempt(1).pod(back_off, 5'000).reason("ErrImagePull"), ""},
      {"unschedulable", Scene().attempt(1).pod(PodOf().unschedulable(), 5'000),
       "status Started Unschedulable 1 warning"},
      {"unschedulable at the scheduler's first look", Scene().attempt(1).pod(PodOf().unschedulable(), 1'000), "",
       seconds(4)},
      {"config error", Scene().attempt(1).pod(PodOf().waiting("CreateContainerConfigError"), 1'000),
       "status Started CreateContainerConfigError 1 warning"},
      {"too late", Scene().attempt(1).pod(back_off, 5'000).pre_running_deadline(600).after(600), "close 1"},
      {"too late, closed", Scene().attempt(1).pod(back_off, 5'000).pre_running_deadline(600).after(600).files(closed()),
       "status Failed ImagePullBackOff 1 warning"},
      {"too late, may retry",
       Scene().attempt(1).pod(back_off, 5'000).pre_running_deadline(600).after(600).files(closed()).backoff_limit(1),
       "status Started Retrying 2 warning"},
      {"too late, but the runner was quicker",
       Scene().attempt(1).pod(back_off, 5'000).pre_running_deadline(600).after(600).files(claimed_by_runner()), "",
       seconds(10)},
      {"too late, and an earlier pod of its name holds the claim: it can only lose",
       Scene()
           .attempt(1)
           .pod(back_off, 5'000)
           .pre_running_deadline(600)
           .after(600)
           .files(sealed(testing::an_outcome(), "earlier")),
       "stop-pod 1"},
      {"too late, and who holds the claim can't be read",
       Scene().attempt(1).pod(back_off, 5'000).pre_running_deadline(600).after(600).files(unreadable()), "stop-pod 1"},
      {"that was stopped, and goes", Scene().attempt(1).gone(back_off).files(unreadable()),
       "status Started PodLost 1 warning"},
      {"that was stopped, and went", Scene().attempt(1).gone(back_off).files(unreadable()).lost_for(300),
       "status Failed PodLost 1 warning"},
      {"the earlier pod's outcome counts",
       Scene().attempt(1).gone(back_off).files(sealed(testing::an_outcome(), "earlier")),
       "status Finished Completed 1 event"},
      {"no such image name", Scene().attempt(1).pod(PodOf().waiting("InvalidImageName")), "close 1"},
      {"no such image name, closed: no retry can help",
       Scene().attempt(1).pod(PodOf().waiting("InvalidImageName")).files(closed()).backoff_limit(5),
       "status Failed InvalidImageName 1 warning"},
      {"never pull", Scene().attempt(1).pod(PodOf().waiting("ErrImageNeverPull")).files(closed()),
       "status Failed ErrImageNeverPull 1 warning"},
  });
}

TEST(Plan, RunningPods) {
  expect_all({
      {"just now: not worth a write", Scene().attempt(1).pod(PodOf().running(), 0), "", seconds(1)},
      {"for a second", Scene().attempt(1).pod(PodOf().running(), 1'000), "status Started Running 1"},
      {"cancelled", Scene().attempt(1).pod(PodOf().running()).cancelled(), "stop-pod 1"},
      {"deadline over", Scene().attempt(1).pod(PodOf().running()).deadline(60).after(60), "stop-pod 1"},
      {"suspend does not stop it", Scene().attempt(1).pod(PodOf().running(), 0).suspended(),
       "status Started Starting 1 event"},
      {"pod of attempt 1 lives on", Scene().attempt(2).pod(PodOf(1).running()).pod(PodOf(2)), "stop-pod 1"},
      {"pod of attempt 1 is being stopped", Scene().attempt(2).pod(PodOf(1).running().stopping()), "create-pod 2"},
  });
  Snapshot said = Scene().attempt(1).pod(PodOf().running(), 60'000).reason("Running").deadline(600).build();
  said.job.status.node_name = "node1";
  EXPECT_EQ(text_of(plan(said)), "");
  EXPECT_EQ(plan(said).requeue_after, seconds(600)) << "wakes at the deadline";
}

std::string reported(artifacts::Outcome::Kind kind, int exit_code) {
  return artifacts::encode_outcome(testing::an_outcome(kind, exit_code));
}

std::string last_message(const Plan& plan) {
  return std::get<WriteStatus>(plan.actions.back()).status.message;
}

TEST(Plan, SaysThatAnAttemptIsNotRepeated) {
  const auto end_of = [](int backoff_limit) {
    const PodOf pod = PodOf().ended(124, reported(Kind::kInvalidResult, 124));
    return last_message(plan(Scene().attempt(1).pod(pod).backoff_limit(backoff_limit).build()));
  };
  const std::string words =
      "; it is not repeated within backoffLimit, because another attempt would end in the same way";
  EXPECT_NE(end_of(1).find(words), std::string::npos) << end_of(1);
  EXPECT_EQ(end_of(0).find(words), std::string::npos) << "there would be no other attempt anyway";
}

TEST(Plan, EndedPods) {
  expect_all({
      {"success", Scene().attempt(1).pod(PodOf().succeeded()), "status Finished Completed 1 event"},
      {"failure", Scene().attempt(1).pod(PodOf().exited(3)), "status Failed NonZeroExit 1 warning"},
      {"failure, one more try", Scene().attempt(1).pod(PodOf().exited(3)).backoff_limit(1),
       "status Started Retrying 2 warning"},
      {"second failure", Scene().attempt(2).pod(PodOf(2).exited(3)).backoff_limit(1),
       "status Failed NonZeroExit 2 warning"},
      {"failures do not count disruptions", Scene().attempt(2).pod(PodOf(2).exited(3)).backoff_limit(1).disruptions(1),
       "status Started Retrying 3 warning"},
      {"the result is no JSON: the next one would be neither",
       Scene().attempt(1).pod(PodOf().ended(124, reported(Kind::kInvalidResult, 124))).backoff_limit(5),
       "status Failed InvalidResult 1 warning"},
      {"no such command: the image has none at the next try either",
       Scene().attempt(1).pod(PodOf().ended(123, reported(Kind::kExecFailed, 123))).backoff_limit(5),
       "status Failed CommandNotStarted 1 warning"},
      {"the volume failed, before the command and after it",
       Scene().attempt(1).pod(PodOf().ended(125, reported(Kind::kExecFailed, 125))).backoff_limit(5),
       "status Started Retrying 2 warning"},
      {"the same during a disruption, which may be the cause",
       Scene().attempt(1).pod(PodOf().ended(124, reported(Kind::kInvalidResult, 124)).disrupted()).backoff_limit(5),
       "status Started Retrying 2 warning"},
      {"cancelled: no more tries", Scene().attempt(1).pod(PodOf().exited(143)).backoff_limit(5).cancelled(),
       "status Failed Cancelled 1 warning"},
      {"ended well before it was told to stop", Scene().attempt(1).pod(PodOf().succeeded()).cancelled(),
       "status Finished Completed 1 event"},
      {"ended well because it was told to stop", Scene().attempt(1).pod(PodOf().succeeded().stopping()).cancelled(),
       "status Failed Cancelled 1 warning"},
      {"deadline", Scene().attempt(1).pod(PodOf().exited(143).stopping()).deadline(60).after(99),
       "status Failed DeadlineExceeded 1 warning"},
      {"exit 0 without a word: look at the volume", Scene().attempt(1).pod(PodOf().ended(0, "")), "inspect 1"},
      {"exit 0, manifest", Scene().attempt(1).pod(PodOf().ended(0, "")).files(sealed()),
       "status Finished Completed 1 event"},
      {"exit 0, no manifest", Scene().attempt(1).pod(PodOf().ended(0, "")).files(claimed_by_runner()),
       "status Failed NotSealed 1 warning"},
      {"evicted before it started", Scene().attempt(1).pod(PodOf().failed("Evicted").disrupted()).files(unclaimed()),
       "close 1"},
      {"evicted: not counted", Scene().attempt(1).pod(PodOf().failed("Evicted").disrupted()).files(closed()),
       "status Started Retrying 2 warning"},
      {"evicted too often",
       Scene().attempt(11).disruptions(10).pod(PodOf(11).failed("Evicted").disrupted()).files(closed()),
       "status Failed Evicted 11 warning"},
      {"out of disk, counted", Scene().attempt(1).pod(PodOf().failed("Evicted")).files(claimed_by_runner()),
       "status Failed Evicted 1 warning"},
      {"lost a claim that nobody has: nobody shall have it",
       Scene().attempt(1).pod(PodOf().ended(121, encode_outcome(testing::an_outcome(kClaimLost)))).files(unclaimed()),
       "close 1"},
      {"and closed",
       Scene().attempt(1).pod(PodOf().ended(121, encode_outcome(testing::an_outcome(kClaimLost)))).files(closed()),
       "status Failed NotStarted 1 warning"},
      {"sidecars go on: main's end counts", Scene().attempt(1).pod(PodOf().succeeded().with_sidecar_running()),
       "status Finished Completed 1 event"},
  });
}

TEST(Plan, PodsThatWereDeleted) {
  expect_all({
      {"unknown how", Scene().attempt(1).gone(PodOf().running()), "inspect 1"},
      {"before its application started", Scene().attempt(1).gone(PodOf()).files(unclaimed()), "close 1"},
      {"and closed: nobody's failure", Scene().attempt(1).gone(PodOf()).files(closed()),
       "status Started Retrying 2 warning"},
      {"and closed, may retry", Scene().attempt(1).gone(PodOf()).files(closed()).backoff_limit(1),
       "status Started Retrying 2 warning"},
      {"drained", Scene().attempt(1).gone(PodOf().disrupted()).files(closed()), "status Started Retrying 2 warning"},
      {"cancelled", Scene().attempt(1).gone(PodOf()).files(closed()).cancelled(), "status Failed Cancelled 1 warning"},
      {"left a manifest", Scene().attempt(1).gone(PodOf().running()).files(sealed()),
       "status Finished Completed 1 event"},
      {"left a manifest of failure",
       Scene().attempt(1).gone(PodOf().running()).files(sealed(testing::an_outcome(kExit, 3))),
       "status Failed NonZeroExit 1 warning"},
      {"another pod's manifest is none", Scene().attempt(1).gone(PodOf().running()).files([] {
         AttemptFiles files = sealed();
         (*files.manifest)->pod_uid = "other";
         return files;
       }()),
       "status Started PodLost 1 warning"},
      {"last seen ended", Scene().attempt(1).gone(PodOf().exited(3)).files(claimed_by_runner()),
       "status Failed NonZeroExit 1 warning"},
      {"claimed, no word", Scene().attempt(1).gone(PodOf().running()).files(claimed_by_runner()),
       "status Started PodLost 1 warning"},
      {"claimed, no word, said",
       Scene().attempt(1).gone(PodOf().running()).files(claimed_by_runner()).reason("PodLost"), "", seconds(10)},
      {"claimed, no word for too long",
       Scene().attempt(1).gone(PodOf().running()).files(claimed_by_runner()).lost_for(300),
       "status Started Retrying 2 warning"},
      {"after a restart nobody remembers the pod", Scene().attempt(1).files(sealed()),
       "status Finished Completed 1 event"},
      {"after a restart, closed", Scene().attempt(1).files(closed()), "status Failed NotStarted 1 warning"},
      {"made anew under its name, and seen", Scene().attempt(1).gone(PodOf()).pod(PodOf().uid("new").running(), 0), ""},
  });
}

TEST(Plan, NodesThatDoNotAnswer) {
  const PodOf stopping = PodOf().running().stopping();
  expect_all({
      {"within grace", Scene().attempt(1).pod(stopping, 1'000), "", seconds(299)},
      {"too long", Scene().attempt(1).pod(stopping, 300'000), "inspect 1"},
      {"too long, never claimed", Scene().attempt(1).pod(stopping, 300'000).files(unclaimed()), "close 1"},
      {"too long, never started", Scene().attempt(1).pod(stopping, 300'000).files(closed()),
       "status Started Retrying 2 warning"},
      {"too long, failed before its node went, and the cluster's doing",
       Scene()
           .attempt(1)
           .pod(PodOf().running().stopping().disrupted(), 300'000)
           .files(sealed(testing::an_outcome(kExit, 3))),
       "status Started Retrying 2 warning"},
      {"too long, running for all we know: not counted",
       Scene().attempt(1).pod(stopping, 300'000).files(claimed_by_runner()), "status Started Retrying 2 warning"},
      {"too long, but it was done", Scene().attempt(1).pod(stopping, 300'000).files(sealed()),
       "status Finished Completed 1 event"},
      {"too long, cancelled", Scene().attempt(1).pod(stopping, 300'000).files(claimed_by_runner()).cancelled(),
       "status Failed Cancelled 1 warning"},
  });
}

TEST(Plan, RecordOfTheEnd) {
  const Plan got = plan(Scene().attempt(1).pod(PodOf().succeeded()).after(2).build());
  const job::JobStatus status = std::get<WriteStatus>(got.actions.at(0)).status;
  EXPECT_EQ(status.accepted_attempt, 1);
  EXPECT_EQ(status.exit_code, 0);
  EXPECT_EQ(status.node_name, "node1");
  EXPECT_EQ(status.completion_time, at(102));
  EXPECT_EQ(status.duration, "2.0s");
  EXPECT_EQ(status.message, "exit code 0 after 1.2 s");
  ASSERT_TRUE(status.artifacts);
  EXPECT_EQ(status.artifacts->output_bytes, 12);
  EXPECT_EQ(status.artifacts->log_bytes, 34);
  ASSERT_NE(status.condition("Complete"), nullptr);
  EXPECT_EQ(status.condition("Complete")->status, "True");
  EXPECT_EQ(status.condition("Failed"), nullptr);
  EXPECT_EQ(status.start_time, at(100));
  EXPECT_TRUE(status.attempt_history.empty()) << "a first and only attempt: the status says it all";
}

TEST(Plan, RecordOfALaterAttemptThatSucceeds) {
  const Plan got = plan(Scene().attempt(2).pod(PodOf(2).succeeded()).after(2).build());
  const job::JobStatus status = std::get<WriteStatus>(got.actions.at(0)).status;
  ASSERT_FALSE(status.attempt_history.empty());
  const job::AttemptRecord& last = status.attempt_history.back();
  EXPECT_EQ(last.attempt, 2);
  EXPECT_EQ(last.pod_uid, kPodUid);
  EXPECT_EQ(last.memory_limit, "64Mi");
  EXPECT_EQ(last.start_time, at(100));
}

TEST(Plan, RecordOfAFailedAttemptAndTheNext) {
  const Plan got = plan(Scene().attempt(1).pod(PodOf().exited(3)).backoff_limit(3).after(2).build());
  const job::JobStatus status = std::get<WriteStatus>(got.actions.at(0)).status;
  EXPECT_EQ(status.attempts, 2);
  EXPECT_EQ(status.next_attempt_time, at(112)) << "10 s later, as batch/v1 Jobs";
  EXPECT_EQ(status.pod_name, "") << "that of attempt 2 is not made yet";
  EXPECT_FALSE(status.exit_code);
  EXPECT_FALSE(status.completion_time);
  EXPECT_EQ(status.attempt_history.at(0).exit_code, 3);
  EXPECT_NE(status.message.find("exit code 3"), std::string::npos) << status.message;
}

TEST(Plan, BackoffDoublesUpToItsLimit) {
  const std::pair<int, int> wants[] = {{1, 10}, {2, 20}, {3, 40}, {6, 320}, {7, 360}, {500, 360}};
  for (const auto& [attempt, want_seconds] : wants) {
    const Plan got = plan(Scene().attempt(attempt).pod(PodOf(attempt).exited(3)).backoff_limit(1000).build());
    const job::JobStatus status = std::get<WriteStatus>(got.actions.at(0)).status;
    EXPECT_EQ(status.next_attempt_time, at(100 + want_seconds)) << "after attempt " << attempt;
    EXPECT_LE(status.attempt_history.size(), 10u);
  }
}

TEST(Plan, EndOfAFailedJobHasTheConditionForKubectlWait) {
  const Plan got = plan(Scene().attempt(1).pod(PodOf().exited(3)).build());
  const job::JobStatus status = std::get<WriteStatus>(got.actions.at(0)).status;
  ASSERT_NE(status.condition("Failed"), nullptr);
  EXPECT_EQ(status.condition("Failed")->status, "True");
  EXPECT_EQ(status.condition("Failed")->reason, "NonZeroExit");
  EXPECT_EQ(status.exit_code, 3);
  EXPECT_FALSE(status.accepted_attempt);
}

}  // namespace
}  // namespace vbrain::controller

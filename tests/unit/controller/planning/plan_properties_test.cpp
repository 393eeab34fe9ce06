#include <gtest/gtest.h>

#include <random>

#include "controller/planning/plan.hpp"
#include "unit/controller/builders.hpp"
#include "unit/controller/planning/plan_text.hpp"

namespace vbrain::controller {
namespace {

using testing::claimed_by_runner;
using testing::closed;
using testing::PodOf;
using testing::Scene;
using testing::sealed;
using testing::text_of;
using testing::unclaimed;

constexpr auto kExit = artifacts::Outcome::Kind::kExit;

// Properties that hold in every state.
TEST(Plan, NeverDoublesAndNeverGoesBack) {
  std::mt19937 random(7);
  const auto pick = [&](int count) { return static_cast<int>(random() % static_cast<unsigned>(count)); };
  const auto some_pod = [&](int attempt) {
    PodOf pod(attempt);
    switch (pick(8)) {
      case 0:
        break;
      case 1:
        pod.waiting("ErrImagePull");
        break;
      case 2:
        pod.waiting("InvalidImageName");
        break;
      case 3:
        pod.running();
        break;
      case 4:
        pod.succeeded();
        break;
      case 5:
        pod.exited(pick(256));
        break;
      case 6:
        pod.ended(pick(2) * 137, pick(2) ? "rubbish" : "");
        break;
      case 7:
        pod.failed("Evicted");
        break;
    }
    if (pick(4) == 0) pod.stopping();
    if (pick(6) == 0) pod.disrupted();
    return pod;
  };
  const auto some_files = [&] {
    switch (pick(7)) {
      case 0:
        return unclaimed();
      case 1:
        return claimed_by_runner();
      case 2:
        return closed();
      case 3:
        return sealed(testing::an_outcome(kExit, 3));
      case 4:
        return testing::unreadable();
      case 5:
        return sealed(testing::an_outcome(), "earlier");
      default:
        return sealed();
    }
  };
  for (int round = 0; round < 50'000; ++round) {
    Scene scene;
    const int attempt = pick(4);
    if (attempt > 0) scene.attempt(attempt);
    const bool with_pod = attempt > 0 && pick(3) != 0;
    const bool gone = pick(4) == 0;
    if (with_pod) gone ? scene.gone(some_pod(attempt)) : scene.pod(some_pod(attempt), pick(2) * 400'000);
    if (attempt > 1 && pick(4) == 0) scene.pod(some_pod(attempt - 1).uid("older"), 0);
    // Of a first attempt that the status does not count yet.
    const bool with_first_pod = attempt == 0 && pick(3) == 0;
    if (with_first_pod) scene.pod(some_pod(1).uid("first"), pick(2) * 400'000);
    const bool with_later_pod = attempt > 0 && pick(6) == 0;
    if (with_later_pod) scene.pod(some_pod(attempt + 1).uid("later"));
    if (pick(3) == 0) scene.from_caches();
    if (pick(2)) scene.files(some_files());
    if (pick(8) == 0) scene.cancelled();
    if (pick(8) == 0) scene.suspended();
    if (pick(8) == 0)
      scene.without_application();
    else
      scene.backoff_limit(pick(3));
    if (pick(8) == 0 && attempt > 0) scene.finished(pick(2) == 0);
    if (pick(8) == 0) scene.deleted();
    scene.after(pick(2) * 4'000).lost_for(pick(2) * 300);
    const Snapshot snapshot = scene.build();
    const Plan got = plan(snapshot);
    SCOPED_TRACE(text_of(got) + " in round " + std::to_string(round));
    const bool terminal = job::is_terminal(snapshot.job.status.phase);
    const bool claim_known = snapshot.files && snapshot.files->claim;
    for (const Action& action : got.actions) {
      if (const auto* write = std::get_if<WriteStatus>(&action)) {
        ASSERT_FALSE(terminal) << "a terminal status is never written again";
        ASSERT_FALSE(snapshot.job.meta.deletion_timestamp);
        ASSERT_GE(write->status.attempts, snapshot.job.status.attempts);
        ASSERT_LE(write->status.attempts,
                  current_attempt(snapshot.job) + (attempt > 0 || claim_known || with_first_pod ? 1 : 0));
        ASSERT_GE(write->status.phase, snapshot.job.status.phase) << "never goes back";
        if (attempt > 0 && write->status.attempts > attempt) {
          const PodSighting* sighting = snapshot.pod_of(attempt);
          const bool ended_by_kubelet = sighting != nullptr && look_at(*sighting->pod).stage == PodView::Stage::kEnded;
          ASSERT_TRUE(ended_by_kubelet || claim_known || with_later_pod)
              << "a next attempt only after the last is over or closed";
        }
        if (write->status.phase == job::Phase::kFinished) {
          ASSERT_TRUE(write->status.accepted_attempt);
        }
      }
      if (std::holds_alternative<CreatePod>(action)) {
        ASSERT_FALSE(terminal || snapshot.job.spec.cancel || snapshot.job.meta.deletion_timestamp);
        ASSERT_FALSE(with_pod || with_first_pod) << "one pod per attempt";
        ASSERT_FALSE(claim_known) << "what was claimed is not begun again";
      }
      if (std::holds_alternative<PurgeFolder>(action)) {
        ASSERT_TRUE(snapshot.job.meta.deletion_timestamp);
        ASSERT_TRUE(snapshot.job_confirmed) << "what destroys is decided on the present Job";
      }
      if (std::holds_alternative<CloseAttempt>(action)) {
        ASSERT_TRUE(snapshot.job_confirmed);
        ASSERT_FALSE(with_later_pod) << "the Job counts fewer attempts than there are";
      }
      if (const auto* stop = std::get_if<StopPod>(&action)) {
        ASSERT_TRUE(snapshot.job_confirmed);
        ASSERT_TRUE(stop->uid != "later" || terminal || snapshot.job.meta.deletion_timestamp);
      }
    }
  }
}

}  // namespace
}  // namespace vbrain::controller

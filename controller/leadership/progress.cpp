#include "controller/leadership/progress.hpp"

namespace vbrain::controller {
namespace {

using std::chrono::milliseconds;

// Volumes answer in milliseconds. A controller with a slower one is not fit to become the leader.
constexpr milliseconds kPromptAnswer{2'000};

constexpr const char* kVolumeRemedy =
    "look at the file server and at the mount of the volume on this controller's node; if only this node is affected, "
    "delete the pod there";

std::string seconds(milliseconds time) {
  return std::to_string(time.count() / 1'000) + " s";
}

}  // namespace

std::optional<Stall> why_give_up(const WorkFacts& facts, milliseconds limit) {
  if (facts.volume_silent > limit) {
    return Stall{"the volume has not answered for " + seconds(facts.volume_silent), kVolumeRemedy};
  }
  if (facts.volume_failing > limit && !facts.gave_up_for_failing_volume) {
    return Stall{"the volume has failed every try for " + seconds(facts.volume_failing), kVolumeRemedy};
  }
  if (facts.queue_stuck > limit) {
    return Stall{"jobs have waited for " + seconds(facts.queue_stuck) + " and no reconcile has ended",
                 "look at the volume and at the admission webhooks of the cluster, which a reconcile waits for"};
  }
  if (facts.term_ending > limit) {
    return Stall{
        "the term of leadership should have ended " + seconds(facts.term_ending) + " ago and threads still work",
        kVolumeRemedy};
  }
  return std::nullopt;
}

std::optional<Stall> why_restart(const WorkFacts& facts, milliseconds limit) {
  if (facts.term_ending <= limit) return std::nullopt;
  const std::string blocked = facts.volume_silent > kPromptAnswer
                                  ? "; the volume has not answered for " + seconds(facts.volume_silent)
                                  : std::string();
  return Stall{"the term of leadership cannot end for " + seconds(facts.term_ending) + blocked, kVolumeRemedy};
}

std::optional<Stall> why_not_lead(const WorkFacts& facts) {
  if (facts.volume_silent <= kPromptAnswer) return std::nullopt;
  return Stall{"the volume has not answered for " + seconds(facts.volume_silent), kVolumeRemedy};
}

void QueueProgress::sample(base::SteadyPoint now, std::size_t ready, std::uint64_t ended) {
  const bool moves = ready == 0 || ended != ended_;
  ended_ = ended;
  if (moves) since_.reset();
  // A reconcile that has just ended gives the ready keys another full limit.
  if (ready > 0 && !since_) since_ = now;
}

milliseconds QueueProgress::stuck(base::SteadyPoint now) const {
  return since_ ? std::chrono::duration_cast<milliseconds>(now - *since_) : milliseconds(0);
}

}  // namespace vbrain::controller

#include "controller/leadership/leader_watch.hpp"

#include <utility>

#include "base/log/log.hpp"
#include "base/threads/stop.hpp"

namespace vbrain::controller {
namespace {

using std::chrono::milliseconds;

// Wait between two checks whether this controller can be a candidate.
constexpr milliseconds kLookAgain{200};

milliseconds between(base::SteadyPoint begin, base::SteadyPoint end) {
  return std::chrono::duration_cast<milliseconds>(end - begin);
}

std::string text_of(const std::optional<Stall>& stall) {
  return stall ? stall->cause + "; " + stall->remedy : std::string();
}

}  // namespace

LeaderWatch::LeaderWatch(Probe probe, const base::Clock& clock, milliseconds limit, milliseconds interval)
    : probe_(std::move(probe)),
      clock_(clock),
      limit_(limit),
      interval_(interval),
      thread_([this](std::stop_token stop) { run_probe(std::move(stop)); }) {}

LeaderWatch::~LeaderWatch() = default;

void LeaderWatch::run_probe(std::stop_token stop) {
  do {
    {
      const std::lock_guard lock(mutex_);
      probe_began_ = clock_.steady();
    }
    std::string failure;
    try {
      probe_();
    } catch (const std::exception& error) {
      failure = error.what();
    }
    const std::lock_guard lock(mutex_);
    if (!failure.empty() && !failing_since_) {
      failing_since_ = probe_began_;
      base::log_warning("the volume fails; look at the file server and at the mount on this node",
                        {{"error", failure}});
    } else if (failure.empty()) {
      if (failing_since_) base::log_info("the volume works again");
      failing_since_.reset();
      gave_up_for_failing_volume_ = false;
    }
    probe_began_.reset();
    probed_ = true;
  } while (base::sleep_for(stop, interval_));
}

WorkFacts LeaderWatch::facts_locked() {
  const auto now = clock_.steady();
  WorkFacts facts;
  if (probe_began_) facts.volume_silent = between(*probe_began_, now);
  if (failing_since_) facts.volume_failing = between(*failing_since_, now);
  if (loop_ != nullptr) {
    const kube::ReconcileLoop::Progress progress = loop_->progress();
    queue_.sample(now, progress.ready, progress.ended);
    facts.queue_stuck = queue_.stuck(now);
  }
  if (ending_since_) facts.term_ending = between(*ending_since_, now);
  facts.gave_up_for_failing_volume = gave_up_for_failing_volume_;
  return facts;
}

std::optional<Stall> LeaderWatch::why_give_up() {
  const std::lock_guard lock(mutex_);
  auto stall = controller::why_give_up(facts_locked(), limit_);
  if (!stall) return std::nullopt;
  gave_up_at_ = clock_.steady();
  gave_up_for_failing_volume_ = failing_since_.has_value();
  return stall;
}

std::string LeaderWatch::why_restart() {
  const std::lock_guard lock(mutex_);
  return text_of(controller::why_restart(facts_locked(), limit_));
}

std::string LeaderWatch::why_not_lead() {
  const std::lock_guard lock(mutex_);
  if (!probed_ && !probe_began_) return "the volume has not been tried yet";
  return text_of(controller::why_not_lead(facts_locked()));
}

bool LeaderWatch::is_fit() {
  const std::lock_guard lock(mutex_);
  if (!probed_ || controller::why_not_lead(facts_locked())) return false;
  return !gave_up_at_ || between(*gave_up_at_, clock_.steady()) >= kStandAside;
}

bool LeaderWatch::wait_until_fit(std::stop_token stop) {
  while (!stop.stop_requested()) {
    if (is_fit()) return true;
    base::sleep_for(stop, kLookAgain);
  }
  return false;
}

LeaderWatch::Term::Term(LeaderWatch& watch, kube::ReconcileLoop& loop, std::stop_token leading) : watch_(watch) {
  {
    const std::lock_guard lock(watch_.mutex_);
    watch_.loop_ = &loop;
    watch_.queue_ = {};
  }
  // Outside of the lock, because it is called at once if the term must end already.
  on_end_.emplace(std::move(leading), [this] { watch_.note_ending(); });
}

LeaderWatch::Term::~Term() {
  on_end_.reset();
  const std::lock_guard lock(watch_.mutex_);
  watch_.loop_ = nullptr;
  watch_.ending_since_.reset();
}

void LeaderWatch::note_ending() {
  const std::lock_guard lock(mutex_);
  ending_since_ = clock_.steady();
}

}  // namespace vbrain::controller

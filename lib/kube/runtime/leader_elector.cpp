#include "kube/runtime/leader_elector.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>
#include <utility>

#include "base/log/log.hpp"
#include "base/threads/stop.hpp"

namespace vbrain::kube {
namespace {

constexpr auto kNotHeld = std::numeric_limits<base::SteadyPoint::rep>::min();

LeaseConfig checked(LeaseConfig config) {
  const std::string problem = check(config);
  if (!problem.empty()) throw std::invalid_argument("leader election: " + problem);
  return config;
}

}  // namespace

LeaderElector::LeaderElector(Transport& transport, LeaseConfig config, const base::Clock& clock, base::Metrics& metrics,
                             Sleep sleep)
    : client_(transport),
      config_(checked(std::move(config))),
      clock_(clock),
      sleep_(sleep ? std::move(sleep) : Sleep(&base::sleep_for)),
      renewed_(kNotHeld),
      random_(std::random_device{}()),
      is_leader_(metrics.gauge("vbrain_leader", "1 while this process holds the lease.")),
      changes_(metrics.counter("vbrain_leader_acquired_total", "How often this process took the lease.")) {}

LeaderElector::End LeaderElector::run(std::stop_token stop, const Work& on_started, const WhyResign& why_resign) {
  if (!acquire(stop)) return End::kStopped;
  return lead(stop, on_started, why_resign);
}

bool LeaderElector::leading() const {
  const auto renewed = renewed_.load(std::memory_order_acquire);
  if (renewed == kNotHeld) return false;
  return clock_.steady() - base::SteadyPoint(base::SteadyPoint::duration(renewed)) < config_.renew_deadline;
}

std::string LeaderElector::holder() const {
  const std::lock_guard lock(mutex_);
  return holder_;
}

bool LeaderElector::acquire(std::stop_token stop) {
  while (!stop.stop_requested()) {
    if (try_once(stop) == Attempt::kHeld) {
      // The Lease was acquired and stop was requested at once. Release it, so that others need not wait until it
      // expires.
      if (!stop.stop_requested()) return true;
      give_up();
      return false;
    }
    // Spreads candidates that started together.
    const double stretch = std::uniform_real_distribution<double>(1, 1.2)(random_);
    const auto pause = std::chrono::duration<double, std::milli>(config_.retry_period) * stretch;
    sleep_(stop, std::chrono::duration_cast<std::chrono::nanoseconds>(pause));
  }
  return false;
}

LeaderElector::End LeaderElector::lead(std::stop_token stop, const Work& on_started, const WhyResign& why_resign) {
  base::log_info("became the leader", {{"lease", config_.name}, {"identity", config_.identity}});
  changes_.Increment();
  std::stop_source leading;
  std::stop_source finished;
  std::exception_ptr failure;
  std::jthread work([&] {
    try {
      on_started(leading.get_token());
    } catch (...) {
      failure = std::current_exception();
    }
    finished.request_stop();
  });
  Kept kept = Kept::kLost;
  {
    const std::stop_callback pass_on(stop, [&] { leading.request_stop(); });
    kept = keep(finished.get_token(), why_resign);
  }
  if (kept != Kept::kUntilFinished) {
    // Stop writing first; only then may others lead.
    const bool resigned = kept == Kept::kResigned;
    note_lost();
    leading.request_stop();
    resigned ? give_up() : say_lost();
  }
  work.join();
  if (kept == Kept::kUntilFinished) give_up();
  if (failure) std::rethrow_exception(failure);
  if (kept == Kept::kLost) return End::kLost;
  if (kept == Kept::kResigned) return End::kResigned;
  return stop.stop_requested() ? End::kStopped : End::kFinished;
}

void LeaderElector::say_lost() const {
  const std::string by = holder();
  if (by.empty() || by == config_.identity) {
    base::log_warning(
        "lost the lease: the API server did not take a renewal in time; another controller takes over when "
        "the lease has run out. Look at the API server and at the network between",
        {{"lease", config_.name}});
  } else {
    base::log_warning("lost the lease: another controller has taken it", {{"lease", config_.name}, {"holder", by}});
  }
}

// Renews the Lease until the work has finished.
LeaderElector::Kept LeaderElector::keep(std::stop_token finished, const WhyResign& why_resign) {
  while (sleep_(finished, config_.retry_period)) {
    // A process that was suspended for a long time must not continue its work.
    if (overdue()) return Kept::kLost;
    if (const auto why = why_resign ? why_resign() : std::nullopt) {
      base::log_error("gives up the lease, because it makes no progress: " + *why, {{"lease", config_.name}});
      return Kept::kResigned;
    }
    const Attempt attempt = try_once(finished);
    if (attempt == Attempt::kNotOurs) return Kept::kLost;
    if (attempt == Attempt::kFailed && overdue()) return Kept::kLost;
  }
  return Kept::kUntilFinished;
}

LeaderElector::Attempt LeaderElector::try_once(std::stop_token stop) {
  const bool known_ours = view_.lease() && view_.lease()->holder == config_.identity &&
                          renewed_.load(std::memory_order_relaxed) != kNotHeld;
  // The holder writes with the version that it knows; other candidates read first.
  if (!known_ours) {
    if (const auto error = read_lease(stop)) return Attempt::kFailed;
  }
  // One repetition: a conflict means that the known version is old.
  for (int round = 0; round < 2; ++round) {
    const LeaseMove move = decide(view_, config_.identity, clock_.steady());
    if (move == LeaseMove::kWait) return Attempt::kNotOurs;
    const base::SteadyPoint sent = clock_.steady();
    const auto body = lease_body(view_, move, config_, clock_.now());
    auto written =
        call(move == LeaseMove::kCreate ? create_request(Lease::kType, config_.namespace_name, body)
                                        : replace_request(Lease::kType, config_.namespace_name, config_.name, body),
             stop);
    if (written) {
      view_.observe(*written, clock_.steady());
      note_renewed(sent);
      return Attempt::kHeld;
    }
    const ErrorCode code = written.error().code;
    if (code != ErrorCode::kCancelled) {
      base::log_warning("the lease was not written", {{"lease", config_.name}, {"error", written.error().message}});
    }
    if (code != ErrorCode::kConflict && code != ErrorCode::kAlreadyExists && code != ErrorCode::kNotFound) {
      return Attempt::kFailed;
    }
    if (const auto error = read_lease(stop)) return Attempt::kFailed;
  }
  return decide(view_, config_.identity, clock_.steady()) == LeaseMove::kWait ? Attempt::kNotOurs : Attempt::kFailed;
}

std::optional<Error> LeaderElector::read_lease(std::stop_token stop) {
  auto read = call(get_request(Lease::kType, config_.namespace_name, config_.name), stop);
  if (read) {
    view_.observe(*read, clock_.steady());
  } else if (read.error().code == ErrorCode::kNotFound) {
    view_.observe(std::nullopt, clock_.steady());
  } else {
    if (read.error().code != ErrorCode::kCancelled) {
      base::log_warning("the lease was not read", {{"lease", config_.name}, {"error", read.error().message}});
    }
    return std::move(read.error());
  }
  note_holder();
  return std::nullopt;
}

void LeaderElector::give_up() {
  note_lost();
  std::optional<Error> error;
  // The end of the work cancels a renewal that is under way. The server may have taken it: then the version that this
  // process knows is old, the write conflicts, and is made again with the current one.
  for (int round = 0; round < 3; ++round) {
    if (!view_.lease() || view_.lease()->holder != config_.identity) return;
    const auto body = released_body(*view_.lease(), clock_.now());
    auto written = call(replace_request(Lease::kType, config_.namespace_name, config_.name, body), {});
    if (written) {
      view_.observe(*written, clock_.steady());
      note_holder();
      base::log_info("gave up the lease", {{"lease", config_.name}});
      return;
    }
    error = std::move(written.error());
    if (error->code != ErrorCode::kConflict) break;
    if (auto unread = read_lease({})) {
      error = std::move(unread);
      break;
    }
  }
  base::log_warning("the lease was not given up; other controllers wait until it expires",
                    {{"lease", config_.name}, {"error", error->message}});
}

KubeResult<Lease> LeaderElector::call(Request request, std::stop_token stop) {
  request.timeout = call_timeout();
  auto answer = client_.call(request, stop);
  if (!answer) return tl::unexpected(std::move(answer.error()));
  try {
    return Lease::decode(nlohmann::json::parse(answer->body));
  } catch (const std::exception& error) {
    return tl::unexpected(malformed_error(error.what()));
  }
}

// Half the deadline, so that after a slow call there is time for another one; less if the deadline is near.
std::chrono::milliseconds LeaderElector::call_timeout() const {
  const auto half = config_.renew_deadline / 2;
  const auto renewed = renewed_.load(std::memory_order_relaxed);
  if (renewed == kNotHeld) return half;
  const auto deadline = base::SteadyPoint(base::SteadyPoint::duration(renewed)) + config_.renew_deadline;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock_.steady());
  return std::clamp(left, std::chrono::milliseconds(1), half);
}

bool LeaderElector::overdue() const {
  return !leading();
}

void LeaderElector::note_holder() {
  const std::lock_guard lock(mutex_);
  holder_ = view_.lease() ? view_.lease()->holder : std::string();
}

void LeaderElector::note_renewed(base::SteadyPoint when) {
  renewed_.store(when.time_since_epoch().count(), std::memory_order_release);
  is_leader_.Set(1);
  note_holder();
}

void LeaderElector::note_lost() {
  renewed_.store(kNotHeld, std::memory_order_release);
  is_leader_.Set(0);
}

}  // namespace vbrain::kube

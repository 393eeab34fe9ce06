#include "controller/reconcile/pod_events.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log/log.hpp"
#include "kube/api/events.hpp"

namespace vbrain::controller {
namespace {

using std::chrono::milliseconds;

// How many times longer than a read the pause after it is.
constexpr int kPause = 4;
constexpr std::uint32_t kPage = 500;
// 10,000 events. What is beyond them is read for each pod by itself.
constexpr int kMostPages = 20;
// The warnings of all pods answer for this long.
constexpr milliseconds kFresh{4'000};
// A warning without the pod's other events may be over. The kubelet repeats those that are not: most within a minute.
constexpr std::chrono::seconds kRecent{60};
// While another thread reads, its answer is worth waiting for.
constexpr milliseconds kAskAgain{500};
// So many may wait that the turn of the last one is far away.
constexpr std::chrono::minutes kLongestTurn{1};

std::unordered_map<std::string, PodTrouble> by_pod(std::vector<nlohmann::json> warnings, base::TimePoint since) {
  std::unordered_map<std::string, nlohmann::json> events;
  for (auto& event : warnings) {
    std::string uid = kube::text_or_empty(kube::member_or_null(event, "regarding"), "uid");
    events[std::move(uid)]["items"].push_back(std::move(event));
  }
  std::unordered_map<std::string, PodTrouble> troubles;
  for (const auto& [uid, of_pod] : events) {
    if (auto trouble = trouble_of_events(of_pod, since)) troubles.emplace(uid, *std::move(trouble));
  }
  return troubles;
}

}  // namespace

PodEvents::Answer PodEvents::read(const std::string& namespace_name, const std::string& pod_uid, std::stop_token stop) {
  if (auto answer = answer_or_reserve(pod_uid)) return *std::move(answer);
  // Ends the reservation also if the read throws: else no events would ever be read again.
  struct Reservation {
    PodEvents& events;
    const base::SteadyPoint start = events.clock_.steady();
    ~Reservation() {
      const base::SteadyPoint end = events.clock_.steady();
      const std::lock_guard lock(events.mutex_);
      events.is_reading_ = false;
      events.next_ = end + (end - start) * kPause;
      events.between_ = events.next_ - start;
    }
  } reservation{*this};
  return read_reserved(namespace_name, pod_uid, std::move(stop));
}

std::optional<PodEvents::Answer> PodEvents::answer_or_reserve(const std::string& pod_uid) {
  const std::lock_guard lock(mutex_);
  const base::SteadyPoint now = clock_.steady();
  if (warnings_.read_at && now - *warnings_.read_at < kFresh) {
    const auto found = warnings_.by_uid.find(pod_uid);
    if (found != warnings_.by_uid.end()) return Answer{.trouble = found->second, .wait = {}};
  }
  if (!is_reading_ && next_ <= now) {
    is_reading_ = true;
    return std::nullopt;
  }
  // Each has a turn of its own. If all came when the next read is allowed, one would read, and thousands would come in
  // vain, again and again.
  const base::SteadyPoint first = is_reading_ ? now + kAskAgain : next_;
  turn_ = std::clamp(turn_, first, std::max(first, now + kLongestTurn));
  const auto wait = std::chrono::ceil<milliseconds>(turn_ - now);
  turn_ += between_;
  return Answer{.trouble = {}, .wait = wait};
}

PodEvents::Answer PodEvents::read_reserved(const std::string& namespace_name, const std::string& pod_uid,
                                           std::stop_token stop) {
  bool is_fresh = false;
  {
    const std::lock_guard lock(mutex_);
    is_fresh = warnings_.read_at && clock_.steady() - *warnings_.read_at < kFresh;
  }
  if (!is_fresh) {
    auto warnings = list(namespace_name, "regarding.kind=Pod,type=Warning", stop);
    if (!warnings) return {.failed = true};
    auto troubles = by_pod(*std::move(warnings), clock_.now() - kRecent);
    const std::lock_guard lock(mutex_);
    warnings_ = {.read_at = clock_.steady(), .by_uid = std::move(troubles)};
    const auto found = warnings_.by_uid.find(pod_uid);
    if (found != warnings_.by_uid.end()) return {.trouble = found->second, .wait = {}};
  }
  const auto of_pod = list(namespace_name, "regarding.uid=" + pod_uid, stop);
  return of_pod ? Answer{.trouble = trouble_of_events({{"items", *of_pod}}), .wait = {}} : Answer{.failed = true};
}

std::optional<std::vector<nlohmann::json>> PodEvents::list(const std::string& namespace_name,
                                                           const std::string& selector, std::stop_token stop) {
  std::vector<nlohmann::json> events;
  kube::ListOptions options{.field_selector = selector, .limit = kPage};
  for (int page = 0; page < kMostPages; ++page) {
    auto answer = client_.list(kube::kEventType, namespace_name, options, stop);
    if (!answer) {
      log_missing_right(answer.error());
      return std::nullopt;
    }
    for (auto& event : (*answer)["items"]) events.push_back(std::move(event));
    options.continue_token = kube::meta_text(*answer, "continue");
    if (options.continue_token.empty()) break;
  }
  return events;
}

void PodEvents::log_missing_right(const kube::Error& error) {
  const std::lock_guard lock(mutex_);
  if (error.code != kube::ErrorCode::kForbidden || std::exchange(has_no_right_, true)) return;
  base::log_warning(
      "no right to read events, so jobs whose pods are late do not say why. Remedy: add list of events.k8s.io events "
      "to the controller's Role, as the chart does",
      {{"error", error.message}});
}

}  // namespace vbrain::controller

#include "kube/api/events.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log/log.hpp"
#include "base/text/digest.hpp"
#include "base/threads/stop.hpp"
#include "kube/api/object.hpp"

namespace vbrain::kube {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxNote = 1'024;    // events.k8s.io/v1 Event.note
constexpr std::size_t kMaxReason = 128;    // Event.reason, Event.action
constexpr std::size_t kMaxNamePart = 200;  // of 253 bytes; the hash needs 17
constexpr std::chrono::seconds kLastWrites{2};
constexpr std::chrono::milliseconds kLongestDelay{10'000};

// Cuts `text` to at most `limit` bytes without splitting a UTF-8 character.
std::string cut(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return std::string(text);
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
  return std::string(text.substr(0, limit));
}

}  // namespace

struct EventRecorder::Event {
  ObjectReference about;
  EventKind kind = EventKind::kNormal;
  std::string reason;
  std::string note;
  std::string action;
  base::TimePoint time{};
  int tries = 0;

  std::string key() const {
    return about.uid + '\n' + about.name + '\n' + reason + '\n' + action + '\n' +
           (kind == EventKind::kWarning ? "W" : "N") + note;
  }
};

struct EventRecorder::Remembered {
  std::string key;
  std::string namespace_name;
  std::string event_name;
  std::string version;  // the latest known resourceVersion
  std::int64_t count = 1;
  base::SteadyPoint written_at{};
};

ObjectReference reference_to(const ResourceType& type, const ObjectMeta& meta) {
  return {api_version(type), std::string(type.kind), meta.namespace_name, meta.name, meta.uid, meta.resource_version};
}

EventRecorder::EventRecorder(ApiClient& client, EventOptions options, base::Metrics& metrics, const base::Clock& clock)
    : client_(client),
      options_(std::move(options)),
      clock_(clock),
      dropped_(metrics.counter("vbrain_events_dropped_total", "Kubernetes events dropped because too many waited.")),
      limited_(metrics.counter("vbrain_events_limited_total",
                               "Normal Kubernetes events left out because very many came at once.")),
      refused_(metrics.counter("vbrain_events_refused_total", "Kubernetes events that could not be written.")) {
  for (std::size_t i = 0; i < std::max<std::size_t>(options_.writers, 1); ++i) {
    threads_.emplace_back([this](std::stop_token stop) { work(stop); });
  }
}

EventRecorder::~EventRecorder() {
  {
    std::unique_lock lock(mutex_);
    idle_.wait_for(lock, kLastWrites, [this] { return is_idle_locked(); });
  }
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

void EventRecorder::record(const ObjectReference& about, EventKind kind, std::string_view reason, std::string_view note,
                           std::string_view action) {
  {
    const std::lock_guard lock(mutex_);
    const std::size_t room = kind == EventKind::kWarning ? options_.max_queued : (options_.max_queued + 1) / 2;
    if (queue_.size() >= room) {
      dropped_.Increment();
      return;
    }
    if (kind == EventKind::kNormal && !has_token_locked()) {
      limited_.Increment();
      return;
    }
    queue_.push_back(
        {about, kind, cut(reason, kMaxReason), cut(note, kMaxNote), cut(action, kMaxReason), clock_.now(), 0});
  }
  queued_.notify_one();
}

// A token bucket: each token that is taken moves the time at which the bucket is full again.
bool EventRecorder::has_token_locked() {
  const base::SteadyPoint now = clock_.steady();
  const base::SteadyPoint wanted = std::max(tokens_full_at_, now) + options_.normal_interval;
  if (wanted - now > options_.normal_burst * options_.normal_interval) return false;
  tokens_full_at_ = wanted;
  return true;
}

void EventRecorder::flush() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return is_idle_locked(); });
}

void EventRecorder::flush_or_drop(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  if (idle_.wait_for(lock, patience, [this] { return is_idle_locked(); })) return;
  dropped_.Increment(static_cast<double>(queue_.size()));
  queue_.clear();
  queued_.notify_all();
}

// The next event whose object no other writer has. While a writer pauses there is none, and after a failure one writer
// tries alone: all at once would spend the tries of their events in the same outage.
std::list<EventRecorder::Event>::iterator EventRecorder::next_locked() {
  if (pausing_ != 0 || (failing_ && !writing_.empty())) return queue_.end();
  return std::ranges::find_if(queue_, [this](const Event& event) { return !writing_.contains(event.about.uid); });
}

void EventRecorder::work(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (queued_.wait(lock, stop, [this] { return next_locked() != queue_.end(); })) {
    if (stop.stop_requested()) break;
    std::list<Event> taken;
    taken.splice(taken.begin(), queue_, next_locked());
    Event& event = taken.front();
    writing_.insert(event.about.uid);
    lock.unlock();
    const auto error = write(event, stop);
    ++event.tries;
    const auto delay = error ? delay_after(event, *error) : std::nullopt;
    lock.lock();
    writing_.erase(event.about.uid);
    failing_ = delay.has_value();
    if (delay) {
      queue_.splice(queue_.begin(), taken);
      ++pausing_;
      queued_.wait_for(lock, stop, *delay, [this] { return queue_.empty(); });
      --pausing_;
    }
    // For other events of this object, and for those behind a pause.
    queued_.notify_all();
    if (is_idle_locked()) idle_.notify_all();
  }
  queue_.clear();
  idle_.notify_all();
}

std::optional<std::chrono::milliseconds> EventRecorder::delay_after(const Event& event, const Error& error) {
  if (is_retryable(error) && event.tries < options_.max_tries) {
    const std::chrono::milliseconds delay = options_.retry_delay * (1U << std::min(event.tries - 1, 10));
    return std::max(delay, std::min(error.retry_after.value_or(delay), kLongestDelay));
  }
  refused_.Increment();
  base::log_warning("an event was not written", {{"reason", event.reason}, {"error", error.message}});
  return std::nullopt;
}

std::optional<Error> EventRecorder::write(const Event& event, std::stop_token stop) {
  const std::string key = event.key();
  auto known = recall(key);
  return known ? repeat(event, *std::move(known), stop) : create(event, key, stop);
}

std::optional<EventRecorder::Remembered> EventRecorder::recall(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(key);
  if (known == known_.end()) return std::nullopt;
  return *known->second;
}

void EventRecorder::forget(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(key);
  if (known == known_.end()) return;
  order_.erase(known->second);
  known_.erase(known);
}

// In place of what was known of this event.
void EventRecorder::remember(Remembered event) {
  const std::string key = event.key;
  forget(key);
  const std::lock_guard lock(mutex_);
  order_.push_front(std::move(event));
  known_[key] = order_.begin();
  if (order_.size() > options_.max_remembered) {
    known_.erase(order_.back().key);
    order_.pop_back();
  }
}

std::optional<Error> EventRecorder::create(const Event& event, const std::string& key, std::stop_token stop) {
  const std::string time = base::format_rfc3339_micro(event.time);
  // We choose the name, so that a POST that is sent twice makes one event.
  const std::string hash = base::sha256_hex(key + '\n' + time + '\n' + options_.instance).substr(0, 16);
  const std::string name = cut(event.about.name, kMaxNamePart) + "." + hash;
  const json body = {{"apiVersion", api_version(kEventType)},
                     {"kind", kEventType.kind},
                     {"metadata", {{"name", name}, {"namespace", event.about.namespace_name}}},
                     {"eventTime", time},
                     {"reportingController", options_.controller},
                     {"reportingInstance", cut(options_.instance, kMaxReason)},
                     {"action", event.action},
                     {"reason", event.reason},
                     {"regarding",
                      {{"apiVersion", event.about.api_version},
                       {"kind", event.about.kind},
                       {"namespace", event.about.namespace_name},
                       {"name", event.about.name},
                       {"uid", event.about.uid},
                       {"resourceVersion", event.about.resource_version}}},
                     {"note", event.note},
                     {"type", event.kind == EventKind::kWarning ? "Warning" : "Normal"}};
  const auto written = client_.create_for_meta(kEventType, event.about.namespace_name, body, {}, stop);
  if (!written && written.error().code != ErrorCode::kAlreadyExists) return written.error();
  // If the event exists already (a POST that was sent twice), its resourceVersion is unknown and it cannot be updated.
  if (!written) return std::nullopt;
  remember({key, event.about.namespace_name, name, written->resource_version, 1, clock_.steady()});
  return std::nullopt;
}

std::optional<Error> EventRecorder::repeat(const Event& event, Remembered known, std::stop_token stop) {
  if (event.tries == 0) ++known.count;
  remember(known);
  // The first repetition is written at once, later ones once per series_period.
  if (known.count > 2 && clock_.steady() - known.written_at < options_.series_period) return std::nullopt;
  json patch = {{"series", {{"count", known.count}, {"lastObservedTime", base::format_rfc3339_micro(event.time)}}}};
  patch["metadata"]["resourceVersion"] = known.version;
  const auto written = client_.patch(kEventType, known.namespace_name, known.event_name, patch, {}, stop);
  if (written) {
    known.written_at = clock_.steady();
    known.version = meta_text(*written, "resourceVersion");
    remember(std::move(known));
    return std::nullopt;
  }
  if (written.error().code == ErrorCode::kNotFound || written.error().code == ErrorCode::kConflict) {
    // The API server removed the event, or somebody else changed it: create a new one.
    forget(known.key);
    return create(event, known.key, stop);
  }
  return written.error();
}

}  // namespace vbrain::kube

#include "kube/cache/informer.hpp"

#include <malloc.h>

#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/log/log.hpp"
#include "base/threads/stop.hpp"
#include "kube/api/json_cut.hpp"
#include "kube/api/object.hpp"

namespace vbrain::kube {
namespace {

using nlohmann::json;

constexpr std::uint32_t kSmallestPage = 1;

bool wants_new_list(const Error& error) {
  if (error.code == ErrorCode::kGone || error.code == ErrorCode::kBadRequest) return true;
  // The server's history ends before the requested version: etcd was restored from a backup.
  return std::ranges::any_of(error.causes, [](const ErrorCause& c) { return c.reason == "ResourceVersionTooLarge"; });
}

// A request under way on a thread of its own. Its end cancels the request.
class Ahead {
 public:
  Ahead(Transport& transport, Request request, std::stop_token stop)
      : pass_on_(std::move(stop), Cancel{cancel_}),
        answer_(std::async(std::launch::async, [&transport, request = std::move(request), token = cancel_.get_token()] {
          return transport.call(request, token);
        })) {}
  ~Ahead() { cancel_.request_stop(); }
  Ahead(const Ahead&) = delete;

  // Waits for the answer. Call it once.
  KubeResult<Response> take() { return answer_.get(); }

 private:
  struct Cancel {
    std::stop_source& source;
    void operator()() const { source.request_stop(); }
  };

  std::stop_source cancel_;
  std::stop_callback<Cancel> pass_on_;
  std::future<KubeResult<Response>> answer_;
};

}  // namespace

struct Reflector::Counters {
  prometheus::Counter& lists;
  prometheus::Counter& watches;
  prometheus::Counter& events;
  prometheus::Counter& failures;
  prometheus::Counter& malformed;
};

Reflector::Reflector(Transport& transport, const ResourceType& type, std::string ns, std::string label_selector,
                     base::Metrics& metrics, InformerOptions options, Sink& sink)
    : transport_(transport),
      type_(type),
      namespace_(std::move(ns)),
      label_selector_(std::move(label_selector)),
      options_(std::move(options)),
      sink_(sink),
      backoff_(options_.min_backoff, options_.max_backoff, options_.seed != 0 ? options_.seed : std::random_device{}()),
      random_(options_.seed != 0 ? options_.seed : std::random_device{}()),
      page_size_(options_.page_size) {
  if (!options_.sleep) options_.sleep = &base::sleep_for;
  const base::Metrics::Labels labels{{"resource", std::string(type.plural)}};
  counters_ = std::make_shared<Counters>(
      Counters{metrics.counter("vbrain_kube_lists_total", "Complete lists of a resource begun.", labels),
               metrics.counter("vbrain_kube_watches_total", "Watches of a resource opened.", labels),
               metrics.counter("vbrain_kube_watch_events_total", "Events received from watches.", labels),
               metrics.counter("vbrain_kube_watch_failures_total", "Lists and watches that failed.", labels),
               metrics.counter("vbrain_kube_malformed_objects_total", "Objects that could not be decoded.", labels)});
}

void Reflector::run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    std::stop_source round = begin_round();
    const std::stop_callback end_round(stop, [&] { round.request_stop(); });
    try {
      step(round.get_token());
    } catch (const std::exception& error) {
      state_ = State::kEmpty;
      fail("informer failed and starts again", malformed_error(error.what()), round.get_token());
    }
  }
}

// Begins the next list, watch or pause. request_list() ends it through the returned stop source.
std::stop_source Reflector::begin_round() {
  const std::lock_guard lock(mutex_);
  round_ = std::stop_source();
  if (wanted_ != listed_) {
    state_ = State::kEmpty;
    beginning_ = wanted_;
  }
  return round_;
}

std::uint64_t Reflector::request_list() {
  std::unique_lock lock(mutex_);
  const std::uint64_t ticket = ++wanted_;
  std::stop_source round = round_;
  lock.unlock();
  round.request_stop();
  return ticket;
}

bool Reflector::wait_listed(std::uint64_t ticket, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  return listed_changed_.wait(lock, stop, [&] { return listed_ >= ticket; });
}

void Reflector::note_contact() {
  last_contact_.store(std::chrono::steady_clock::now().time_since_epoch().count(), std::memory_order_relaxed);
}

void Reflector::step(std::stop_token stop) {
  if (state_ == State::kWatching) {
    watch(stop);
  } else {
    list(stop);
  }
}

void Reflector::list(std::stop_token stop) {
  state_ = State::kListing;
  counters_->lists.Increment();
  const auto done = list_pages(stop);
  if (done) {
    // The pages took some megabytes of this thread's heap, which would otherwise keep them.
    malloc_trim(0);
    first_watch_ = true;
    state_ = State::kWatching;
    {
      const std::lock_guard lock(mutex_);
      listed_ = beginning_;
    }
    listed_changed_.notify_all();
    return;
  }
  state_ = State::kEmpty;
  fail("list failed", done.error(), stop);
}

KubeResult<void> Reflector::list_pages(std::stop_token stop) {
  bool replace_all = other_history_ || beginning_ != listed_;
  sink_.list_started(replace_all);
  std::string first_version;
  std::optional<Ahead> ahead(std::in_place, transport_, page_request({}), stop);
  std::string continue_token;
  while (!stop.stop_requested()) {
    auto answer = ahead->take();
    if (!answer) {
      if (answer.error().code != ErrorCode::kTooLarge || page_size_ <= kSmallestPage) {
        return tl::unexpected(std::move(answer.error()));
      }
      page_size_ = std::max(kSmallestPage, page_size_ / 2);
      ahead.emplace(transport_, page_request(continue_token), stop);
      continue;
    }
    const auto page = cut_list(answer->body);
    if (!page) return tl::unexpected(malformed_error(page.error()));
    note_contact();
    if (!replace_all && is_older_version(page->meta.resource_version, resource_version_)) {
      // Another history: what was taken from earlier pages was compared with versions that mean nothing now.
      other_history_ = replace_all = true;
      sink_.list_started(replace_all);
      if (!continue_token.empty()) {
        continue_token.clear();
        first_version.clear();
        ahead.emplace(transport_, page_request({}), stop);
        continue;
      }
    }
    // All pages show the state at the time of the first one.
    if (first_version.empty()) first_version = page->meta.resource_version;
    continue_token = page->meta.continue_token;
    // The API server makes the next page while this one is decoded.
    if (!continue_token.empty()) ahead.emplace(transport_, page_request(continue_token), stop);
    for (const std::string_view item : page->items) take_object(item, true);
    if (continue_token.empty()) {
      resource_version_ = first_version;
      other_history_ = false;
      sink_.list_finished(first_version);
      return {};
    }
  }
  return tl::unexpected(cancelled_error());
}

Request Reflector::page_request(const std::string& continue_token) const {
  return list_request(type_, namespace_,
                      {.label_selector = label_selector_, .limit = page_size_, .continue_token = continue_token});
}

// resourceVersions only grow, unless etcd was restored from an older snapshot. Then a watch from the later version
// would be silent until the new history has caught up, and would miss all changes until then.
KubeResult<bool> Reflector::went_back(std::stop_token stop) {
  auto answer = transport_.call(list_request(type_, namespace_, {.limit = 1}), stop);
  if (!answer) return tl::unexpected(std::move(answer.error()));
  const auto page = cut_list(answer->body);
  if (!page) return tl::unexpected(malformed_error(page.error()));
  return is_older_version(page->meta.resource_version, resource_version_);
}

void Reflector::watch(std::stop_token stop) {
  if (!std::exchange(first_watch_, false)) {
    const auto back = went_back(stop);
    if (!back) return fail("watch could not be opened", back.error(), stop);
    if (*back) {
      base::log_warning(
          "the API server's resourceVersion went back, as after a restore of etcd; all objects are listed again",
          {{"resource", type_.plural}});
      other_history_ = true;
      state_ = State::kEmpty;
      return;
    }
  }
  const auto seconds = std::uniform_int_distribution<std::chrono::seconds::rep>(
      options_.min_watch.count(), std::max(options_.min_watch, options_.max_watch).count())(random_);
  const Request request = watch_request(type_, namespace_,
                                        {.label_selector = label_selector_,
                                         .resource_version = resource_version_,
                                         .timeout = std::chrono::seconds(seconds)});
  counters_->watches.Increment();
  event_seen_ = false;
  WatchDecoder decoder;
  std::optional<Error> event_error;
  const auto begin = std::chrono::steady_clock::now();
  auto done = transport_.stream(
      request, {.idle_timeout = options_.idle_timeout},
      [&](std::string_view chunk) {
        note_contact();
        auto more = decoder.feed(chunk, [&](const WatchEvent& event) {
          event_error = take_event(event);
          return !event_error;
        });
        if (!more) event_error = std::move(more.error());
        return more && *more;
      },
      stop);
  if (done) note_contact();
  if (event_error) done = tl::unexpected(std::move(*event_error));
  const bool lived = event_seen_ || std::chrono::steady_clock::now() - begin >= options_.short_watch;
  if (lived) {
    backoff_.reset();
    gone_in_a_row_ = 0;
  }
  after_watch(done, lived, stop);
}

void Reflector::after_watch(const KubeResult<void>& ended, bool lived, std::stop_token stop) {
  if (stop.stop_requested()) return;
  if (ended) {
    // The server ends watches when their timeout has passed. A watch that ends at once is a failure.
    if (!lived) fail("watch ended at once", {.code = ErrorCode::kUnavailable, .message = "no event"}, stop);
    return;
  }
  const Error& error = ended.error();
  if (wants_new_list(error)) {
    base::log_info("the watch cannot continue; all objects are listed again",
                   {{"resource", type_.plural}, {"reason", error.message}});
    state_ = State::kEmpty;
    // The first retry in a row is immediate, because the server has answered. Later ones wait with backoff.
    if (gone_in_a_row_++ == 0) {
      backoff_.reset();
    } else {
      pause(backoff_.next(), stop);
    }
    return;
  }
  if (error.code == ErrorCode::kTooLarge || error.reason == "Malformed") state_ = State::kEmpty;
  // A watch that worked before its connection broke or became silent is reopened at once.
  if (lived && error.http_status == 0 && state_ == State::kWatching) {
    base::log_debug("the watch was interrupted", {{"resource", type_.plural}, {"reason", error.message}});
    return;
  }
  fail("watch failed", error, stop);
}

// Nothing, or the error that ends the watch.
std::optional<Error> Reflector::take_event(const WatchEvent& event) {
  if (event.type == EventType::kError) return event.error;
  counters_->events.Increment();
  const bool bookmark = event.type == EventType::kBookmark;
  if (!bookmark && event.type != EventType::kDeleted) {
    resource_version_ = take_object(event.object, false);
    event_seen_ = true;
    return std::nullopt;
  }
  const auto object = parse_object(event.object, type_.spec_member);
  std::string version = object ? meta_text(*object, "resourceVersion") : "";
  if (version.empty()) return malformed_error("a watch event without resourceVersion");
  if (!bookmark) {
    sink_.erase(meta_text(*object, "name"), version);
    event_seen_ = true;
  }
  resource_version_ = std::move(version);
  return std::nullopt;
}

// Returns the object's resourceVersion. Throws if the text is not JSON. An object with fields of wrong types is only
// counted.
std::string Reflector::take_object(std::string_view text, bool listing) {
  const auto parsed = parse_object(text, type_.spec_member);
  if (!parsed) throw DecodeError(parsed.error());
  const json& object = *parsed;
  std::string version = meta_text(object, "resourceVersion");
  const std::string name = meta_text(object, "name");
  if (version.empty() || name.empty()) throw DecodeError("an object without name or resourceVersion");
  try {
    sink_.put(object, listing);
  } catch (const DecodeError& error) {
    counters_->malformed.Increment();
    base::log_error(
        "object cannot be decoded",
        {{"resource", type_.plural},
         {"name", name},
         {"error", error.what()},
         {"consequence", options_.forget_undecodable ? "it counts as deleted until it can be decoded"
                                                     : "the last version that could be decoded stays in use"}});
    sink_.undecodable(name, listing);
  }
  return version;
}

void Reflector::fail(const char* what, const Error& error, std::stop_token stop) {
  if (stop.stop_requested()) return;
  counters_->failures.Increment();
  const auto asked = std::min(error.retry_after.value_or(std::chrono::milliseconds{0}), options_.max_backoff);
  const auto wait = std::max(backoff_.next(), asked);
  base::log_warning(what, {{"resource", type_.plural},
                           {"code", to_string(error.code)},
                           {"error", error.message},
                           {"wait_ms", wait.count()}});
  pause(wait, stop);
}

void Reflector::pause(std::chrono::milliseconds time, std::stop_token stop) {
  options_.sleep(stop, time);
}

}  // namespace vbrain::kube

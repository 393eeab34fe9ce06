#include "controller/webhooks/deliverer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/failpoint.hpp"
#include "base/log/log.hpp"
#include "controller/reconcile/admission.hpp"
#include "controller/webhooks/signature.hpp"
#include "http/client/url.hpp"
#include "job/callback.hpp"
#include "job/oldest.hpp"

namespace vbrain::controller {
namespace {

using kube::ReconcileResult;
using std::chrono::milliseconds;

// A receiver that is away for a moment costs no write.
constexpr unsigned kTriesBeforeTold = 3;
// A job that ended longer ago is tried late. Then the first failure is recorded, so that the day has an end although
// leaders come and go.
constexpr std::chrono::hours kLate{1};
constexpr milliseconds kLookForRecord{200};

constexpr const char* kDelivered = "Delivered";
constexpr const char* kGivenUp = "GivenUp";
constexpr const char* kGone = "Gone";

std::string tenant_of(const job::Job& job) {
  return tenant_key(job.spec.organization_id, job.spec.application_id, job.spec.client_id);
}

// A URL may hold a secret; its host does not.
std::string host_of(const job::Job& job) {
  const auto url = http::parse_url(job.spec.callback_url);
  return url ? http::host_field(*url) : "";
}

const char* word_of(http::NoAnswer::Cause cause) {
  using Cause = http::NoAnswer::Cause;
  switch (cause) {
    case Cause::kNotResolved:
      return "HostUnknown";
    case Cause::kRefused:
      return "AddressNotAllowed";
    case Cause::kNotConnected:
      return "NoConnection";
    case Cause::kNotTrusted:
      return "NotTrusted";
    case Cause::kTimeout:
      return "Timeout";
    case Cause::kBroken:
    case Cause::kStopped:
      break;
  }
  return "NoAnswer";
}

std::string remedy_of(http::NoAnswer::Cause cause) {
  using Cause = http::NoAnswer::Cause;
  switch (cause) {
    case Cause::kRefused:
      return "name host and address in the chart value webhooks.allow if it may be called, for example as "
             "hooks.corp.example=10.1.2.3/32";
    case Cause::kNotTrusted:
      return "give the receiver a certificate for its name, or name its authority in the chart value webhooks.caFile";
    default:
      return "check that the receiver is up and reachable from the controller";
  }
}

}  // namespace

std::vector<std::string> callback_index(const job::Job& job) {
  const bool runs = job.status.phase == job::Phase::kStarted && !job.spec.callback_url.empty();
  if (runs || job::callback_is_due(job)) return {kCallbackOpen};
  return {};
}

// A turn of a receiver that was begun.
class Deliverer::Turn {
 public:
  Turn(Deliverer& deliverer, const Callee& callee) : deliverer_(deliverer), callee_(callee) {}
  Turn(const Turn&) = delete;
  ~Turn() {
    if (const auto next = deliverer_.turns_.end(callee_)) deliverer_.parts_.wake(*next);
  }

 private:
  Deliverer& deliverer_;
  const Callee& callee_;
};

Deliverer::Deliverer(Parts parts)
    : parts_(std::move(parts)),
      waiting_(parts_.metrics.gauge("vbrain_webhooks_waiting",
                                    "Jobs of which a try to tell the receiver has failed, and others follow.")),
      delivered_(parts_.metrics.counter("vbrain_webhooks_delivered_total", "Events that a receiver has taken.")),
      random_(std::random_device{}()) {
  waiting_.Set(0);
}

Deliverer::~Deliverer() {
  waiting_.Set(0);  // only the leader tells
}

ReconcileResult Deliverer::reconcile(const std::string& name, std::stop_token stop) {
  ReconcileResult result = look(name, std::move(stop));
  // If it did not use its turn.
  if (const auto next = turns_.pass(name)) parts_.wake(*next);
  return result;
}

ReconcileResult Deliverer::look(const std::string& name, std::stop_token stop) {
  const auto job = parts_.jobs.get(name);
  const auto event = job == nullptr ? std::nullopt : event_of(*job);
  if (!event || (event->ended && !job::callback_is_due(*job))) {
    forget(name);
    return ReconcileResult::ok();
  }
  if (stop.stop_requested() || !parts_.may_write()) return ReconcileResult::retryable("not leading");
  State state = state_of(*job, event->id);
  if (state.result) return conclude(*job, std::move(state), stop);
  if (state.told) return ReconcileResult::ok();
  const base::SteadyPoint now = parts_.clock.steady();
  if (now < state.next) return ReconcileResult::after(std::chrono::ceil<milliseconds>(state.next - now));
  if (event->ended) {
    // Who is told of the end asks for the result at once.
    const auto since = parts_.clock.now() - job->status.completion_time.value_or(base::TimePoint{});
    if (since < kTellPatience && !parts_.is_recorded(name)) return ReconcileResult::after(kLookForRecord);
  }
  return tell(*job, *event, std::move(state), stop);
}

ReconcileResult Deliverer::tell(const job::Job& job, const CallbackEvent& event, State state, std::stop_token stop) {
  const std::string& name = job.meta.name;
  if (event.ended) {
    if (!state.since) state.since = parts_.clock.now();
    if (is_over(job, state)) {
      state.result = condition(
          "False", kGivenUp,
          state.tries == 0
              ? "no try was made within 24 h, because receivers of other jobs of the tenant did not answer in "
                "time. Remedy: look into the log of the receivers"
              : "the receiver was not told within 24 h of the first try; the last try failed: " + state.last);
      return conclude(job, std::move(state), stop);
    }
  }
  const Callee callee{.tenant = tenant_of(job), .receiver = host_of(job)};
  // Its turn comes by wake().
  if (!turns_.begin(callee, name, state.tries == 0)) {
    keep(name, std::move(state));
    return ReconcileResult::ok();
  }
  std::optional<Trouble> trouble;
  {
    // Also after an exception: the tenant's other jobs wait for the turn.
    const Turn turn(*this, callee);
    if (state.refused) {
      trouble = Trouble{.reason = kGone, .detail = "the receiver has answered 410", .remedy = "", .final = true};
    } else {
      trouble = try_once(job, event, stop);
    }
  }
  if (stop.stop_requested()) return ReconcileResult::retryable("not leading");
  ++state.tries;
  if (trouble) return after_failure(job, event, std::move(state), std::move(*trouble), stop);
  if (event.ended) base::failpoint("controller.webhook-sent");
  delivered_.Increment();
  base::log_info("webhook delivered",
                 {{"job", name}, job.ids(), {"event", event.type}, {"host", host_of(job)}, {"tries", state.tries}});
  state.told = true;
  if (!event.ended) {
    keep(name, std::move(state));
    return ReconcileResult::ok();
  }
  state.result = condition("True", kDelivered, "after " + std::to_string(state.tries) + " tries");
  return conclude(job, std::move(state), stop);
}

// The secrets that the Client of the job's tenant has now.
Result<std::vector<std::string>, Deliverer::Trouble> Deliverer::keys_of(const job::Job& job) const {
  const auto missing = [](std::string detail) {
    return Unexpected<Trouble>({.reason = "NoSecret",
                                .detail = std::move(detail),
                                .remedy = "put whsec_<base64> into the Secret of the chart value "
                                          "controller.webhooks.secretName, under the Client's metadata.name"});
  };
  const auto client = job::oldest(parts_.clients.by_index(kClientsByTenant, tenant_of(job)));
  if (client == nullptr) return missing("no Client names the job's tenant, so there is no secret to sign with");
  const auto text = parts_.secret_of(client->meta.name);
  if (!text) return missing("there is no secret of Client '" + client->meta.name + "' to sign with: " + text.error());
  auto keys = read_secrets(*text);
  if (!keys) return missing("the secret of Client '" + client->meta.name + "' can't be used: " + keys.error());
  return std::move(*keys);
}

std::optional<Deliverer::Trouble> Deliverer::try_once(const job::Job& job, const CallbackEvent& event,
                                                      std::stop_token stop) {
  const auto not_allowed = [](const std::string& detail) {
    return Trouble{.reason = "NotAllowed",
                   .detail = "callback_url is not called: " + detail,
                   .remedy = "name the host in the chart value webhooks.allow, or correct the URL of new jobs"};
  };
  if (parts_.allowed.empty()) {
    Trouble off = not_allowed("webhooks are off, because no host is allowed");
    off.final = true;
    return off;
  }
  auto url = http::parse_url(job.spec.callback_url);
  if (!url) return not_allowed(url.error());
  if (const auto allowed = parts_.allowed.check(*url); !allowed) return not_allowed(allowed.error());
  const auto keys = keys_of(job);
  if (!keys) return keys.error();

  const auto now = std::chrono::floor<std::chrono::seconds>(parts_.clock.now());
  const std::string timestamp = std::to_string(now.time_since_epoch().count());
  const http::Post post{.url = std::move(*url),
                        .fields = {{"Content-Type", "application/json"},
                                   {"User-Agent", "vbrain/" VBRAIN_VERSION},
                                   {"webhook-id", event.id},
                                   {"webhook-timestamp", timestamp},
                                   {"webhook-signature", sign(*keys, event.id, timestamp, event.body)}},
                        .body = event.body};
  const auto status = parts_.send(post, std::move(stop));
  if (!status) {
    return Trouble{.reason = word_of(status.error().cause),
                   .detail = status.error().detail,
                   .remedy = remedy_of(status.error().cause)};
  }
  if (*status >= 200 && *status < 300) return std::nullopt;
  const std::string answer = "the receiver has answered " + std::to_string(*status);
  if (*status == 410) return Trouble{.reason = kGone, .detail = answer, .remedy = "", .final = true};
  const bool moved = *status >= 300 && *status < 400;
  return Trouble{.reason = moved ? "Redirected" : "BadStatus",
                 .detail = answer + (moved ? ", and redirects are not followed" : ""),
                 .remedy = moved ? "send the URL that it redirects to" : "look into the log of the receiver"};
}

ReconcileResult Deliverer::after_failure(const job::Job& job, const CallbackEvent& event, State state, Trouble trouble,
                                         std::stop_token stop) {
  const std::string& name = job.meta.name;
  parts_.metrics
      .counter("vbrain_webhooks_failures_total", "Tries to tell a receiver that have failed.",
               {{"reason", trouble.reason}})
      .Increment();
  const std::string number = "try " + std::to_string(state.tries);
  const std::string remedy = trouble.remedy.empty() ? "" : ". Remedy: " + trouble.remedy;
  base::log(state.tries == 1 ? base::LogLevel::kWarning : base::LogLevel::kDebug, "webhook not delivered",
            {{"job", name},
             {"event", event.type},
             {"host", host_of(job)},
             {"tries", state.tries},
             {"reason", trouble.reason},
             {"error", trouble.detail}});
  if (trouble.final) {
    if (event.ended) {
      state.result = condition("False", trouble.reason, trouble.detail + ", so it is told no more");
      return conclude(job, std::move(state), stop);
    }
    // The end is refused by itself if webhooks are off.
    state.refused = trouble.reason == kGone;
    state.told = true;
    keep(name, std::move(state));
    return ReconcileResult::ok();
  }
  milliseconds delay{};
  {
    const std::lock_guard lock(mutex_);
    delay = delay_after(state.tries, std::uniform_real_distribution<>()(random_));
  }
  if (event.ended) {
    const base::TimePoint now = parts_.clock.now();
    const milliseconds left = job::callback_left(since_of(job, state), now);
    delay = std::clamp(delay, milliseconds(1), std::max(left, milliseconds(1)));
    state.last = trouble.reason + ": " + trouble.detail + remedy;
    const bool needs_operator = trouble.reason == "NoSecret" || trouble.reason == "NotAllowed";
    const bool late = now - job.status.completion_time.value_or(now) >= kLate && !job::callback_failing_since(job);
    const bool is_news = needs_operator || late || state.tries >= kTriesBeforeTold;
    if (state.reason != trouble.reason && is_news && left > milliseconds(0)) {
      kube::Condition news = condition("Unknown", trouble.reason,
                                       number + " failed: " + trouble.detail + "; further ones follow until " +
                                           base::format_rfc3339_seconds(now + left) + remedy);
      news.last_transition_time = since_of(job, state);
      if (write(job, news, stop)) {
        state.reason = trouble.reason;
        warn(job, news);
      }
    }
  }
  state.next = parts_.clock.steady() + delay;
  keep(name, std::move(state));
  return ReconcileResult::after(delay);
}

// When the day began: recorded by an earlier leader, or else in this term.
base::TimePoint Deliverer::since_of(const job::Job& job, const State& state) {
  return std::min(*state.since, job::callback_failing_since(job).value_or(*state.since));
}

// Each leader tries once, also if the day of an earlier one is over: nobody may have led since then.
bool Deliverer::is_over(const job::Job& job, const State& state) const {
  const base::TimePoint since = state.tries > 0 ? since_of(job, state) : *state.since;
  return job::callback_left(since, parts_.clock.now()) == milliseconds(0);
}

// Writes the result. Until that has succeeded it is kept, so that nothing is told again in this term.
ReconcileResult Deliverer::conclude(const job::Job& job, State state, std::stop_token stop) {
  const kube::Condition result = *state.result;
  const bool good = result.status == "True";
  if (!state.warned && !good) {
    state.warned = true;
    parts_.metrics
        .counter("vbrain_webhooks_given_up_total",
                 "Jobs of whose end the receiver was not told: in 24 h no try succeeded (GivenUp), it answered 410 "
                 "(Gone), or webhooks are off (NotAllowed).",
                 {{"reason", result.reason}})
        .Increment();
    warn(job, result);
  }
  keep(job.meta.name, state);
  if (!write(job, result, stop)) return ReconcileResult::retryable("the condition " + result.type + " was not written");
  // The watch shows it, and then all is forgotten.
  return ReconcileResult::ok();
}

// True: it is written, or there is no Job to write it to.
bool Deliverer::write(const job::Job& job, const kube::Condition& condition, std::stop_token stop) {
  if (!parts_.may_write()) return false;
  const kube::ObjectMeta& meta = job.meta;
  auto live = parts_.client.get<job::Job>(meta.namespace_name, meta.name, stop);
  if (!live) return live.error().code == kube::ErrorCode::kNotFound;
  if (live->meta.uid != meta.uid || !job::callback_is_due(*live)) return true;
  live->status.set_condition(condition);
  const nlohmann::json body = {{"apiVersion", kube::api_version(job::Job::kType)},
                               {"kind", std::string(job::Job::kType.kind)},
                               {"metadata",
                                {{"name", meta.name},
                                 {"namespace", meta.namespace_name},
                                 {"uid", meta.uid},
                                 {"resourceVersion", live->meta.resource_version}}},
                               {"status", job::encode(live->status)}};
  const auto written = parts_.client.replace_status_for_meta(job::Job::kType, meta.namespace_name, body, stop);
  if (!written) {
    base::log_debug("the condition of a webhook was not written; it is tried again",
                    {{"job", meta.name}, job.ids(), {"error", written.error().message}});
  }
  return written.has_value();
}

kube::Condition Deliverer::condition(const char* status, std::string reason, std::string message) const {
  return {.type = std::string(job::kCallbackCondition),
          .status = status,
          .reason = std::move(reason),
          .message = std::move(message),
          .last_transition_time = parts_.clock.now(),
          .observed_generation = 0};
}

void Deliverer::warn(const job::Job& job, const kube::Condition& condition) {
  const bool over = condition.status == "False";
  base::log_warning(over ? "webhook given up" : "webhook waits", {{"job", job.meta.name},
                                                                  job.ids(),
                                                                  {"host", host_of(job)},
                                                                  {"reason", condition.reason},
                                                                  {"message", condition.message}});
  parts_.events.record(kube::reference_to(job::Job::kType, job.meta), kube::EventKind::kWarning,
                       over ? "CallbackGivenUp" : "CallbackWaits", condition.reason + ": " + condition.message, "Tell");
}

// Another event of the job begins anew, and so does another Job with its name.
Deliverer::State Deliverer::state_of(const job::Job& job, const std::string& event_id) {
  const std::lock_guard lock(mutex_);
  const auto found = states_.find(job.meta.name);
  const bool same = found != states_.end() && found->second.uid == job.meta.uid;
  if (same && found->second.event_id == event_id) return found->second;
  return {.uid = job.meta.uid, .event_id = event_id, .refused = same && found->second.refused};
}

void Deliverer::keep(const std::string& name, State state) {
  const std::lock_guard lock(mutex_);
  State& known = states_[name];
  waiting_count_ += (is_waiting(state) ? 1 : 0) - (is_waiting(known) ? 1 : 0);
  known = std::move(state);
  waiting_.Set(waiting_count_);
}

void Deliverer::forget(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = states_.find(name);
  if (found == states_.end()) return;
  if (is_waiting(found->second)) --waiting_count_;
  states_.erase(found);
  waiting_.Set(waiting_count_);
}

}  // namespace vbrain::controller

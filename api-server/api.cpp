#include "api-server/api.hpp"

#include <chrono>

#include "api-server/transfer/submission.hpp"
#include "artifacts/store/store.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"

namespace vbrain::api {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kMaxLoggedPath = 256;

std::string method_label(http::Method method) {
  return method == http::Method::kOther ? "other" : std::string(to_string(method));
}

// RFC 9110 section 8.4: we take bodies as they are only.
bool is_encoded(const http::RequestHead& head) {
  const auto encoding = head.find("content-encoding");
  return head.has_body() && encoding && !http::equal_ignoring_case(*encoding, "identity") && !encoding->empty();
}

}  // namespace

// The figures of one route. Counters are looked up once for each status and kept.
struct Api::RouteMetrics {
  RouteMetrics(base::Metrics& all, std::string route_label, std::string method)
      : metrics(all),
        route(std::move(route_label)),
        method_name(std::move(method)),
        seconds(all.histogram("vbrain_api_request_seconds", "Time from a request's head to its answer being ready.",
                              {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60},
                              {{"route", route}, {"method", method_name}})) {}

  void count(int status, double took) {
    auto& slot = by_status.at(static_cast<std::size_t>(status) % by_status.size());
    prometheus::Counter* counter = slot.load(std::memory_order_acquire);
    if (counter == nullptr) {
      counter = &metrics.counter("vbrain_api_requests_total", "Requests answered.",
                                 {{"route", route}, {"method", method_name}, {"code", std::to_string(status)}});
      slot.store(counter, std::memory_order_release);
    }
    counter->Increment();
    seconds.Observe(took);
  }

  base::Metrics& metrics;
  const std::string route;
  const std::string method_name;
  prometheus::Histogram& seconds;
  std::array<std::atomic<prometheus::Counter*>, 600> by_status{};
};

Api::Api(const Services& services, base::Metrics& metrics, KeysUnknown keys_unknown)
    : services_(services),
      keys_unknown_(std::move(keys_unknown)),
      failures_(services.limits.max_auth_failures_per_minute) {
  for (const Route& route : routes()) {
    patterns_.push_back(route.pattern);
    metrics_.push_back(
        std::make_unique<RouteMetrics>(metrics, std::string(route.pattern.path), method_label(route.pattern.method)));
  }
  metrics_.push_back(std::make_unique<RouteMetrics>(metrics, "none", "other"));
}

Api::~Api() = default;

http::Task<http::Reply> Api::handle(http::Exchange& exchange) {
  const auto begun = steady_clock::now();
  Progress progress{.route = routes().size()};
  Answer result = co_await answer(exchange, progress);
  if (!result) {
    audit(exchange, progress, result.error());
    result = to_reply(result.error());
  }
  const std::chrono::duration<double> took = steady_clock::now() - begun;
  metrics_.at(progress.route)->count(result->status, took.count());
  co_return std::move(*result);
}

// The route's answer. Exceptions end here, logged once, but for a client that is gone: there is nobody to answer.
http::Task<Answer> Api::answer(http::Exchange& exchange, Progress& progress) {
  try {
    const auto match = admit(exchange, progress);
    if (!match) co_return Unexpected<Refusal>(match.error());
    Call call{services_, exchange, progress.caller, progress.identity.repository_id, match->id};
    co_return co_await routes()[match->index].handler(call);
  } catch (const http::BodyError& problem) {
    if (problem.kind() == http::BodyError::Kind::kMalformed) co_return refuse(Problem::kBadRequest, {}, problem.what());
    if (problem.kind() == http::BodyError::Kind::kTooLarge) co_return refuse(Problem::kTooLarge);
    base::log_info("client gone in a body", {{"peer", exchange.peer}});
    throw;
  } catch (const http::Overloaded&) {
    co_return refuse(Problem::kUnavailable, {}, "too much to do");
  } catch (const artifacts::TooLarge& problem) {
    co_return refuse(Problem::kTooLarge, {}, problem.what());
  } catch (const artifacts::VolumeError& problem) {
    base::log_error("volume failed", {{"problem", problem.what()}});
    co_return Unexpected<Refusal>(refusal_of(problem));
  } catch (const artifacts::CorruptFile& problem) {
    // A network file system may show a file before all of it.
    base::log_error("unreadable file on the volume", {{"problem", problem.what()}});
    co_return refuse(Problem::kUnavailable, {}, "a file on the storage can't be read now");
  } catch (const std::exception& problem) {
    base::log_error("request failed", {{"route", metrics_.at(progress.route)->route}, {"problem", problem.what()}});
    co_return refuse(Problem::kInternal);
  }
}

// Everything that is decided before a byte of the body is read.
Result<RouteMatch, Refusal> Api::admit(const http::Exchange& exchange, Progress& progress) {
  const http::RequestHead& head = exchange.head;
  const auto match = match_route(patterns_, head.method, head.path);
  if (!match) return match;
  progress.route = match->index;
  const Route& route = routes()[match->index];

  if (is_encoded(head)) return refuse(Problem::kMediaType, {}, "bodies are taken without Content-Encoding only");
  if (route.takes_body && head.content_length.value_or(0) > submission_limit(services_.limits, head)) {
    return refuse(Problem::kTooLarge);
  }

  auto identity = read_identity(head.fields, route.repository);
  if (!identity) return Unexpected<Refusal>(std::move(identity.error()));
  progress.identity = std::move(*identity);

  if (const std::string_view why = keys_unknown_(); !why.empty()) {
    return refuse(Problem::kUnavailable, {}, std::string(why));
  }
  auto caller = authenticate(services_.clients, progress.identity, services_.clock.now());
  if (!caller) {
    // Only who fails is told to wait: a company behind one address is not locked out by one bad script.
    const auto wait = failures_.count(exchange.peer, services_.clock.steady());
    if (wait) return Unexpected<Refusal>(Refusal{.problem = Problem::kTooMany, .retry_after = *wait});
    return Unexpected<Refusal>(std::move(caller.error()));
  }
  progress.caller = std::move(*caller);
  if (!may(progress.caller.role, route.permission)) return refuse(Problem::kNotPermitted);
  return match;
}

void Api::audit(const http::Exchange& exchange, const Progress& progress, const Refusal& refusal) const {
  const Identity& identity = progress.identity;
  const std::string error = message_of(refusal);
  base::log_info("request refused", {{"status", status_of(refusal.problem)},
                                     {"error", error},
                                     {"detail", refusal.for_operator.empty() ? refusal.detail : refusal.for_operator},
                                     {"method", to_string(exchange.head.method)},
                                     {"path", exchange.head.path.substr(0, kMaxLoggedPath)},
                                     {"peer", exchange.peer},
                                     {"username", identity.username},
                                     {"organization", identity.organization_id},
                                     {"application", identity.application_id},
                                     {"client", identity.client_id},
                                     {"key_id", progress.caller.key_id}});
}

http::Reply Api::refuse_request(int status, std::string_view detail, std::string_view peer) {
  const Refusal refusal{.problem = problem_of_status(status), .detail = std::string(detail)};
  base::log_info("request refused", {{"status", status}, {"detail", detail}, {"peer", peer}});
  metrics_.back()->count(status, 0);
  return to_reply(refusal);
}

}  // namespace vbrain::api

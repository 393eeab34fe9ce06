#include "api-server/api.hpp"

#include <algorithm>
#include <chrono>
#include <variant>

#include "api-server/answers/tenant_budget.hpp"
#include "api-server/api_keys/last_uses.hpp"
#include "api-server/audit/forwarded.hpp"
#include "api-server/auth/hide_secrets.hpp"
#include "api-server/pages/page_request.hpp"
#include "api-server/routes/preconditions.hpp"
#include "api-server/transfer/submission.hpp"
#include "api-server/uploads/tus.hpp"
#include "base/log/log.hpp"
#include "base/metrics.hpp"

namespace vbrain::api {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kMaxLoggedPath = 256;

// A request beyond the rate of its tenant is answered after this time. A client that does not heed Retry-After costs
// little so, and others are served meanwhile. The answer is late, and not the next request: a proxy gives the
// connection to another client as soon as it has the answer.
constexpr std::chrono::milliseconds kRefusedPause{100};

std::string method_label(http::Method method) {
  return method == http::Method::kOther ? "other" : std::string(to_string(method));
}

// Bodies with a Content-Encoding (RFC 9110 section 8.4) are refused.
bool is_encoded(const http::RequestHead& head) {
  const auto encoding = head.find("content-encoding");
  return head.has_body() && encoding && !http::equal_ignoring_case(*encoding, "identity") && !encoding->empty();
}

prometheus::Counter& tenant_limit_counter(base::Metrics& metrics, const std::string& reason) {
  return metrics.counter("vbrain_api_tenant_limit_total",
                         "Requests refused with 429 because their tenant was at a limit: `rate` "
                         "(max-requests-per-second), `queue` (half of max-queued), `memory` (half of "
                         "max-json-memory) or `connections` (max-connections-per-tenant).",
                         {{"reason", reason}});
}

}  // namespace

// The metrics of one route. The counter of a status is looked up once.
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

Api::Api(const Services& services, base::Metrics& metrics, ServedFiles served, std::string forwarded_header)
    : services_(services),
      served_{.docs = served.docs, .web = served.web, .uploads = services.limits.max_uploads > 0},
      forwarded_header_(std::move(forwarded_header)),
      failures_(services.limits.max_auth_failures_per_minute),
      tenants_(services),
      rate_policy_(policy_of(rate_of(services.limits))),
      over_rate_(tenant_limit_counter(metrics, "rate")),
      over_queue_(tenant_limit_counter(metrics, "queue")),
      over_memory_(tenant_limit_counter(metrics, "memory")),
      over_connections_(tenant_limit_counter(metrics, "connections")) {
  for (const Route& route : routes()) {
    patterns_.push_back(route.pattern);
    actions_.push_back(action_of(route.pattern));
    metrics_.push_back(
        std::make_unique<RouteMetrics>(metrics, std::string(route.pattern.path), method_label(route.pattern.method)));
  }
  metrics_.push_back(std::make_unique<RouteMetrics>(metrics, "docs", "GET"));
  metrics_.push_back(std::make_unique<RouteMetrics>(metrics, "none", "other"));
}

Api::~Api() = default;

http::Task<http::Reply> Api::handle(http::Exchange& exchange) {
  const auto begun = steady_clock::now();
  const auto known = std::make_shared<Progress>();
  exchange.note = known;
  Progress& progress = *known;
  progress.route = metrics_.size() - 1;
  progress.context = read_context(exchange.head, services_.clock.now());
  Answer result = co_await answer(exchange, progress);
  if (progress.taken && !progress.taken->admitted) {
    co_await exchange.waiting.until(steady_clock::now() + kRefusedPause);
  }
  if (result) {
    if (auto refused = check_if_match(exchange.head, *result)) result = Unexpected<Refusal>(std::move(*refused));
  }
  AuditOutcome outcome{.status = 0, .error = progress.notes.error(), .detail = progress.notes.detail()};
  bool of_job = false;  // the answer says how a job has ended, and refuses nothing
  if (!result) {
    const Refusal& refusal = result.error();
    outcome.error = message_of(refusal);
    outcome.detail = refusal.for_operator.empty() ? refusal.detail : refusal.for_operator;
    of_job = refusal.problem == Problem::kJobFailed;
    result = to_reply(refusal);
  }
  outcome.status = result->status;
  if (!of_job) audit(&exchange.head, exchange.peer, progress, outcome, progress.notes);
  // Not the time for which the client asked the server to wait.
  const std::chrono::duration<double> took = steady_clock::now() - begun - exchange.waiting.waited();
  metrics_.at(progress.route)->count(result->status, took.count());
  complete(*result, progress.context.ids.request_id);
  if (progress.taken) add_rate(*result, *progress.taken);
  if (auto* file = std::get_if<http::FileBody>(&result->body); file != nullptr && progress.seat != nullptr) {
    file->lane = &progress.seat->services.transfer_workers;
  }
  if (is_upload_path(exchange.head.path)) add_tus_headers(*result);
  co_return std::move(*result);
}

// The route's answer. Exceptions end here, logged once. An exception that says that the client is gone is passed on,
// because nobody is left to answer.
http::Task<Answer> Api::answer(http::Exchange& exchange, Progress& progress) {
  std::exception_ptr failure;
  std::optional<QuotaPolicy> limit;
  try {
    if (auto file = find_embedded(exchange.head, served_)) {
      progress.route = routes().size();
      co_return std::move(*file);
    }
    const auto match = admit(exchange, progress);
    if (!match) co_return Unexpected<Refusal>(match.error());
    Call call{progress.seat->services,         exchange,  progress.caller, progress.context,
              progress.identity.repository_id, match->id, match->rest,     progress.notes};
    const Route& route = routes()[match->index];
    if (route.pattern.method == http::Method::kDelete) {
      auto refused = co_await check_before_deletion(call, route);
      if (refused) co_return Unexpected<Refusal>(std::move(*refused));
    }
    co_return co_await route.handler(call);
  } catch (const http::LaneFull&) {
    over_queue_.Increment();
    failure = std::current_exception();
    limit = {.name = "queue",
             .quota = std::max<std::uint64_t>(1, services_.limits.max_queued / 2),
             .unit = kConcurrentRequests};
  } catch (const TenantBudget::TenantFull&) {
    over_memory_.Increment();
    failure = std::current_exception();
  } catch (const std::exception&) {
    failure = std::current_exception();
  }
  if (http::is_client_gone(failure)) {
    base::log_info("the client closed the connection before it was answered",
                   {progress.context.ids, {"peer", exchange.peer}});
    audit(&exchange.head, exchange.peer, progress, {}, progress.notes);
    std::rethrow_exception(failure);
  }
  Refusal refusal = refusal_of(failure);
  if (limit) refusal.limit = limit;
  if (!refusal.for_operator.empty()) {
    base::log_error("request failed", {progress.context.ids,
                                       {"route", metrics_.at(progress.route)->route},
                                       {"error", std::exchange(refusal.for_operator, {})}});
  }
  co_return Unexpected<Refusal>(std::move(refusal));
}

// All checks that come before the body is read.
Result<RouteMatch, Refusal> Api::admit(const http::Exchange& exchange, Progress& progress) {
  const http::RequestHead& head = exchange.head;
  const auto match = match_route(patterns_, method_of(head), head.path);
  if (!match) return match;
  progress.route = match->index;
  progress.id = match->id;
  const Route& route = routes()[match->index];

  if (is_encoded(head))
    return refuse(Problem::kMediaType, {}, "bodies are taken without Content-Encoding only; send the body as it is");
  if (route.takes_body && announces_too_large(services_.limits, head)) {
    return Unexpected<Refusal>(too_large_body(services_.limits, head));
  }

  auto repository = route.repository;
  if (repository == RepositoryHeader::kRequiredForAll) {
    repository = asks_for_page(head.query) ? RepositoryHeader::kOptional : RepositoryHeader::kRequired;
  }
  auto identity = read_identity(head.fields, repository);
  if (!identity) return Unexpected<Refusal>(std::move(identity.error()));
  progress.identity = std::move(*identity);

  if (const std::string_view why = services_.keys_unknown(); !why.empty()) {
    return refuse(Problem::kUnavailable, {}, std::string(why));
  }
  const KnownKeys known{services_.clients, services_.issued_keys, services_.issued_keys_state()};
  auto caller = authenticate(known, progress.identity, services_.clock.now());
  if (!caller && caller.error().problem != Problem::kUnknownKey) return Unexpected<Refusal>(std::move(caller.error()));
  if (!caller) {
    // Only failures are refused: one bad script must not lock out others behind the same address.
    const auto wait = failures_.count(exchange.peer, services_.clock.steady());
    if (wait) {
      return Unexpected<Refusal>(Refusal{.problem = Problem::kTooMany,
                                         .retry_after = *wait,
                                         .for_operator = std::move(caller.error().for_operator),
                                         .limit = QuotaPolicy{.name = "wrong-keys",
                                                              .quota = services_.limits.max_auth_failures_per_minute,
                                                              .window = std::chrono::minutes(1)}});
    }
    return Unexpected<Refusal>(std::move(caller.error()));
  }
  progress.caller = std::move(*caller);
  progress.caller.ids = progress.context.ids;
  if (progress.caller.issued != nullptr) services_.last_uses.note(*progress.caller.issued, services_.clock.now());
  progress.seat = &tenants_.of(progress.caller.tenant);
  if (auto token = take_token(progress); !token) return Unexpected<Refusal>(std::move(token.error()));
  if (auto place = take_connection(exchange, *progress.seat); !place) {
    return Unexpected<Refusal>(std::move(place.error()));
  }
  if (!may(progress.caller.role, route.permission)) return refuse(Problem::kNotPermitted);
  if (auto refused = check_query(head.query, route.parameters)) return Unexpected<Refusal>(std::move(*refused));
  return match;
}

// A token of the tenant's, if requests have a limit.
Result<void, Refusal> Api::take_token(Progress& progress) {
  if (!progress.seat->bucket.limits()) return {};
  progress.taken = progress.seat->bucket.take(services_.clock.steady());
  if (progress.taken->admitted) return {};
  over_rate_.Increment();
  return Unexpected<Refusal>(Refusal{
      .problem = Problem::kTooMany,
      .detail =
          "your client sends more requests than it may (--max-requests-per-second); send fewer, and this one again "
          "after the time in Retry-After",
      .retry_after = progress.taken->retry_after,
      .limit = rate_policy_});
}

// Counts the connection for the tenant whose key was right, until another tenant uses it or it ends.
Result<void, Refusal> Api::take_connection(const http::Exchange& exchange, const Seat& seat) {
  if (seat.connections == nullptr) return {};
  const std::uint64_t most = services_.limits.max_connections_per_tenant;
  if (count_connection(seat.connections, most, exchange.kept)) return {};
  over_connections_.Increment();
  return Unexpected<Refusal>(Refusal{
      .problem = Problem::kTooMany,
      .detail =
          "your client has as many open connections as it may (--max-connections-per-tenant); close some or use them "
          "again, and come back after the time in Retry-After",
      .limit = QuotaPolicy{.name = "connections", .quota = most, .unit = kConcurrentRequests},
      .close = true});
}

// What the tenant has left of its rate. A 429 of another limit names both policies and says only that nothing is left
// of the other one: with "8 requests are left" a client would repeat it at once.
void Api::add_rate(http::Reply& reply, const TokenBucket::Taken& taken) const {
  const auto other =
      std::ranges::find(reply.headers, "RateLimit-Policy", [](const auto& field) { return field.first; });
  if (other == reply.headers.end()) {
    reply.headers.emplace_back("RateLimit-Policy", rate_limit_policy(rate_policy_));
    reply.headers.emplace_back("RateLimit", rate_limit(rate_policy_, taken.remaining, taken.next_in));
  } else if (taken.admitted) {
    other->second = rate_limit_policy(rate_policy_) + ", " + other->second;
  }
}

// What came of a request, in the audit lines that it has. `head`: null if it could not be read.
void Api::audit(const http::RequestHead* head, std::string_view peer, const Progress& progress,
                const AuditOutcome& outcome, const AuditNotes& notes) {
  static const RouteAction kNone;
  const RouteAction& of_route = progress.route < actions_.size() ? actions_[progress.route] : kNone;
  if (!has_audit_lines(of_route.changes, outcome.status, notes)) return;
  const bool known = !progress.caller.key_id.empty();
  if (!known && !audit_.has_room(peer, services_.clock.steady())) return;
  const bool only_refused = notes.changes().empty() && outcome.status >= kFirstRefusal;
  if (progress.seat != nullptr && only_refused && !progress.seat->refusals.take(services_.clock.steady()).admitted) {
    audit_.leave_out();
    return;
  }
  AuditRequest request{
      .action = of_route.action,
      .resource = of_route.resource,
      .id = {},
      .changes = of_route.changes,
      .method = head == nullptr ? std::string_view() : to_string(head->method),
      .path = head == nullptr ? std::string() : hide_secrets(head->path.substr(0, kMaxLoggedPath)),
      .username = progress.caller.username,
      .organization = progress.caller.tenant.organization,
      .application = progress.caller.tenant.application,
      .client = progress.caller.tenant.client,
      .role = known ? to_string(progress.caller.role) : std::string_view(),
      .key_id = progress.caller.key_id,
      .peer = peer,
      .forwarded_for = head == nullptr ? std::string() : forwarded_for(head->fields, forwarded_header_),
      .request_id = progress.context.ids.request_id,
      .trace_id = progress.context.ids.trace_id};
  const std::string id = hide_secrets(progress.id.substr(0, kMaxLoggedPath));
  request.id = id;
  if (!known) {
    // Not authenticated: the key may be in any of them.
    const Identity& identity = progress.identity;
    request.username = hide_secrets(identity.username);
    request.organization = hide_secrets(identity.organization_id);
    request.application = hide_secrets(identity.application_id);
    request.client = hide_secrets(identity.client_id);
    request.key_id = readable_key_id(identity.api_key);
  }
  audit_.write(audit_lines(request, outcome, notes));
}

http::Reply Api::refuse_request(const http::RefusedRequest& refused) {
  Refusal refusal{.problem = problem_of_status(refused.status), .detail = std::string(refused.detail)};
  if (refused.connections_of_source > 0) {
    refusal.limit = QuotaPolicy{
        .name = "connections-of-address", .quota = refused.connections_of_source, .unit = kConcurrentRequests};
  }
  auto known = std::static_pointer_cast<const Progress>(refused.note);
  if (known == nullptr) {
    static const http::RequestHead kNoHead{};
    const http::RequestHead& head = refused.head == nullptr ? kNoHead : *refused.head;
    const auto made = std::make_shared<Progress>();
    made->route = metrics_.size() - 1;
    made->context = read_context(head, services_.clock.now());
    known = made;
  }
  const AuditOutcome outcome{.status = refused.status, .error = message_of(refusal), .detail = refusal.detail};
  // A handler that still works tells itself what it changes.
  audit(refused.head, refused.peer, *known, outcome, {});
  metrics_.back()->count(refused.status, 0);
  http::Reply reply = to_reply(refusal);
  complete(reply, known->context.ids.request_id);
  if (known->taken) add_rate(reply, *known->taken);
  return reply;
}

void Api::complete(http::Reply& reply, const std::string& request_id) {
  reply.headers.emplace_back("X-Request-Id", request_id);
  const auto has = [&](std::string_view name) {
    return std::ranges::any_of(reply.headers, [&](const auto& field) { return field.first == name; });
  };
  if (!has("Cache-Control")) forbid_caching(reply);
  // Texts of users are in JSON too; no browser may take them for a page.
  constexpr std::string_view kSniff = "X-Content-Type-Options";
  if (!has(kSniff)) reply.headers.emplace_back(kSniff, "nosniff");
}

}  // namespace vbrain::api

#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api-server/audit/audit_log.hpp"
#include "api-server/auth/failure_limit.hpp"
#include "api-server/limits/tenants.hpp"
#include "api-server/openapi/embedded_reply.hpp"
#include "api-server/routes/call.hpp"
#include "api-server/services.hpp"
#include "http/handler.hpp"

namespace prometheus {
class Counter;
class Histogram;
}  // namespace prometheus
namespace vbrain::base {
class Metrics;
}

namespace vbrain::api {

// The REST API as one handler. It checks the route, HTTP limits, identity headers, key, rate and role, in this order,
// and calls the route. It turns refusals and exceptions into answers, counts requests, and writes the audit lines.
// Thread-safe.
class Api {
 public:
  // `forwarded_header`: the field of a trusted proxy, for the audit lines (forwarded_for()); empty: none.
  Api(const Services& services, base::Metrics& metrics, ServedFiles served = {}, std::string forwarded_header = {});
  ~Api();

  http::Task<http::Reply> handle(http::Exchange& exchange);

  // The answer for a refusal of the listener, with its audit line. They tell what handle() has found out, and have its
  // request id, if the request has come so far.
  http::Reply refuse_request(const http::RefusedRequest& refused);

  // AuditLog::report_left_out(). Call it about every minute, and at the end.
  void report_left_out() { audit_.report_left_out(); }

 private:
  struct RouteMetrics;
  // What is known of a request so far, for the audit lines. It is the Exchange::note.
  struct Progress {
    std::size_t route = 0;  // index in metrics_
    RequestContext context = {};
    std::string_view id = {};  // in the path
    AuditNotes notes = {};
    Identity identity = {};
    Caller caller = {};
    Seat* seat = nullptr;                          // of the authenticated tenant
    std::optional<TokenBucket::Taken> taken = {};  // with a limit of the rate
  };

  http::Task<Answer> answer(http::Exchange& exchange, Progress& progress);
  Result<RouteMatch, Refusal> admit(const http::Exchange& exchange, Progress& progress);
  Result<void, Refusal> take_token(Progress& progress);
  Result<void, Refusal> take_connection(const http::Exchange& exchange, const Seat& seat);
  void add_rate(http::Reply& reply, const TokenBucket::Taken& taken) const;
  // What every answer has beside the answer itself: the request's id, and how it may be cached.
  static void complete(http::Reply& reply, const std::string& request_id);
  void audit(const http::RequestHead* head, std::string_view peer, const Progress& progress,
             const AuditOutcome& outcome, const AuditNotes& notes);

  const Services& services_;
  const ServedFiles served_;
  const std::string forwarded_header_;
  FailureLimit failures_;
  Tenants tenants_;
  const QuotaPolicy rate_policy_;
  prometheus::Counter& over_rate_;
  prometheus::Counter& over_queue_;
  prometheus::Counter& over_memory_;
  prometheus::Counter& over_connections_;
  AuditLog audit_;
  std::vector<RoutePattern> patterns_;
  std::vector<RouteAction> actions_;  // per route
  std::vector<std::unique_ptr<RouteMetrics>>
      metrics_;  // per route, then of all embedded files, then of what has no route
};

}  // namespace vbrain::api

#include "http/health.hpp"

#include <utility>

#include "http/server.hpp"

namespace vbrain::http {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kPrometheusText = "text/plain; version=0.0.4; charset=utf-8";

HttpOptions options() {
  HttpOptions options;
  options.max_connections = 64;
  options.max_header_bytes = 8 * 1024;
  options.connection_lifetime = std::chrono::seconds(5);
  return options;
}

Reply text_reply(int status, std::string text, std::string_view type = kText) {
  Reply reply;
  reply.status = status;
  reply.content_type = type;
  reply.body = std::move(text);
  reply.close = true;
  return reply;
}

Reply verdict(const std::string& problem) {
  return problem.empty() ? text_reply(200, "ok\n") : text_reply(503, problem + "\n");
}

}  // namespace

Reply answer_health(Method method, std::string_view path, const HealthChecks& checks) {
  const bool known = path == "/livez" || path == "/readyz" || path == "/metrics";
  if (!known) return text_reply(404, "not found\n");
  if (method != Method::kGet && method != Method::kHead) {
    Reply reply = text_reply(405, "only GET and HEAD\n");
    reply.headers.emplace_back("Allow", "GET, HEAD");
    return reply;
  }
  if (path == "/livez") return verdict(checks.not_alive ? checks.not_alive() : std::string());
  if (path == "/readyz") return verdict(checks.not_ready());
  return text_reply(200, checks.metrics(), kPrometheusText);
}

struct HealthListener::State {
  State(const std::string& address, HealthChecks given, base::Metrics& metrics)
      : checks(std::move(given)),
        server(
            "health", address, options(), [this](Exchange& exchange) { return handle(exchange); },
            [](const RefusedRequest& refused) {
              return text_reply(refused.status, std::string(refused.detail) + "\n");
            },
            io, nullptr, metrics) {}

  Task<Reply> handle(Exchange& exchange) {
    Reply reply = answer_health(exchange.head.method, exchange.head.path, checks);
    co_return reply;
  }

  const HealthChecks checks;
  IoThreads io{1};
  // Last: it uses all of the above.
  HttpServer server;
};

HealthListener::HealthListener(const std::string& address, HealthChecks checks, base::Metrics& metrics)
    : state_(std::make_unique<State>(address, std::move(checks), metrics)) {}

HealthListener::~HealthListener() = default;

std::string HealthListener::address() const {
  return state_->server.address();
}

}  // namespace vbrain::http

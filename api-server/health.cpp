#include "api-server/health.hpp"

#include "api-server/errors.hpp"
#include "base/metrics.hpp"

namespace vbrain::api {
namespace {

http::Reply text_reply(int status, std::string text) {
  http::Reply reply;
  reply.status = status;
  reply.content_type = "text/plain; charset=utf-8";
  reply.body = std::move(text);
  return reply;
}

http::Reply answer(const http::RequestHead& head, const Readiness& readiness, base::Metrics& metrics) {
  if (head.path != "/livez" && head.path != "/readyz" && head.path != "/metrics") {
    return to_reply({.problem = Problem::kNoSuchRoute});
  }
  if (head.method != http::Method::kGet && head.method != http::Method::kHead) {
    return to_reply({.problem = Problem::kWrongMethod, .detail = "GET, HEAD"});
  }
  if (head.path == "/livez") return text_reply(200, "ok\n");
  if (head.path == "/readyz") {
    const std::string_view why = readiness();
    return why.empty() ? text_reply(200, "ok\n") : text_reply(503, std::string(why) + "\n");
  }
  http::Reply reply = text_reply(200, metrics.render());
  reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return reply;
}

}  // namespace

bool VolumeHealth::good() const {
  const base::SteadyPoint last{base::SteadyPoint::duration(last_good_.load())};
  return last != base::SteadyPoint{} && clock_.steady() - last <= patience_;
}

http::Handler make_health_handler(Readiness readiness, base::Metrics& metrics) {
  return [readiness = std::move(readiness), &metrics](http::Exchange& exchange) -> http::Task<http::Reply> {
    // The coroutine outlives this call but not the handler: what it needs is copied into its frame.
    return [](const http::RequestHead& head, const Readiness& ready, base::Metrics& all) -> http::Task<http::Reply> {
      co_return answer(head, ready, all);
    }(exchange.head, readiness, metrics);
  };
}

}  // namespace vbrain::api

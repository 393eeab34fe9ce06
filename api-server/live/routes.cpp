#include "api-server/live/event_streams.hpp"
#include "api-server/live/log_follower.hpp"
#include "api-server/live/log_wish.hpp"
#include "api-server/routes/call.hpp"
#include "api-server/routes/with_job.hpp"

namespace vbrain::api {
namespace {

// The field Last-Event-ID (WHATWG HTML section 9.2.4). Any value is taken: one that says nothing to this server gets
// the full state, because a client of EventSource that gets an error never comes back.
std::string last_event_id(const Call& call) {
  return std::string(call.exchange.head.find("last-event-id").value_or(""));
}

// nginx would keep what comes until its buffer is full.
const std::pair<std::string, std::string> kUnbuffered{"X-Accel-Buffering", "no"};

http::Reply event_stream(std::shared_ptr<http::Stream> source) {
  http::Reply reply;
  reply.content_type = "text/event-stream";
  reply.headers.emplace_back(kUnbuffered);
  reply.body = http::StreamBody{.source = std::move(source)};
  return reply;
}

}  // namespace

http::Task<Answer> get_job_events(Call& call) {
  // 404 for a job that this tenant does not have.
  const auto exists = [&](const JobRecord&) -> Answer { return http::Reply(); };
  auto found = co_await answer_with_job(call, call.services.volume_workers, exists);
  if (!found) co_return found;
  const std::string known_id = last_event_id(call);
  const std::string job_id(call.id);
  if (!known_id.empty()) {
    const auto look = co_await look_at_job(call.services, call.caller.tenant, job_id, call.caller.ids);
    if (look->ended && id_of_state(look->json) == known_id) {
      found->status = 204;
      co_return found;
    }
  }
  auto guard = StreamGuard::admit(call, Permission::kReadJob);
  if (!guard) co_return Unexpected<Refusal>(std::move(guard.error()));
  co_return event_stream(std::make_shared<JobEvents>(call.services, call.caller.tenant, job_id, known_id,
                                                     std::move(*guard), call.exchange.waiting.waker()));
}

http::Task<Answer> get_job_log_stream(Call& call) {
  const auto wish = wished_logs(call.exchange.head.query);
  if (!wish) co_return Unexpected<Refusal>(wish.error());
  const auto answer = [](const JobRecord&) -> Answer { return http::Reply(); };
  auto found = co_await answer_with_job(call, call.services.volume_workers, answer);
  if (!found) co_return found;
  auto guard = StreamGuard::admit(call, Permission::kReadJob);
  if (!guard) co_return Unexpected<Refusal>(std::move(guard.error()));
  found->content_type = "text/plain; charset=utf-8";
  found->headers.emplace_back("X-Content-Type-Options", "nosniff");
  found->headers.emplace_back(kUnbuffered);
  found->body = http::StreamBody{.source = std::make_shared<LogFollower>(call.services, call.caller.tenant,
                                                                         std::string(call.id), *wish, std::move(*guard),
                                                                         call.exchange.waiting.waker())};
  co_return found;
}

http::Task<Answer> get_events(Call& call) {
  auto guard = StreamGuard::admit(call, Permission::kReadJob);
  if (!guard) co_return Unexpected<Refusal>(std::move(guard.error()));
  co_return event_stream(std::make_shared<TenantEvents>(call.services, call.caller.tenant, last_event_id(call),
                                                        std::move(*guard), call.exchange.waiting.waker()));
}

}  // namespace vbrain::api

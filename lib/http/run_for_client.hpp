#pragma once

#include <utility>

#include "http/handler.hpp"
#include "http/task.hpp"
#include "http/waiting.hpp"

namespace vbrain::http {

// As run_on(), for work that nobody needs when the client has gone: if it goes while `work` is in the queue, `work` is
// taken out of it, and BodyError kGone is thrown with nothing done. Work that has begun goes on to its end.
template <class F>
Task<std::invoke_result_t<F&>> run_for_client(Waiting& waiting, base::Lane lane, F& work) {
  const struct Watched {
    Waiting& waiting;
    ~Watched() { waiting.when_gone(nullptr); }
  } watched{waiting};
  const auto watch = [&waiting](base::WorkerPool& pool, const base::WorkerPool::Ticket& ticket) {
    waiting.when_gone([&pool, ticket] { pool.drop(ticket); });
  };
  const auto urgency = detail::Urgency::kBounded;
  if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
    co_await run_on(lane, work, urgency, watch);
  } else {
    auto result = co_await run_on(lane, work, urgency, watch);
    co_return std::move(result);
  }
}

}  // namespace vbrain::http

#pragma once

#include <optional>
#include <utility>

#include "api-server/jobs/job_service.hpp"
#include "api-server/routes/call.hpp"
#include "http/run_for_client.hpp"

namespace vbrain::api {

// Answers with `answer(record)` of the job that the path names. It runs on `pool`, where it may block on the volume,
// unless the client goes before its turn comes (http::run_for_client). In the rare case that the API server has to be
// asked first, that happens on Services::workers.
template <class F>
http::Task<Answer> answer_with_job(Call& call, base::Lane pool, F& answer) {
  std::optional<JobRecord> unconfirmed;
  const auto find_and_answer = [&]() -> std::optional<Answer> {
    auto record = find_job(call.services, call.caller, call.id, call.repository_id);
    if (!record) return Unexpected<Refusal>(std::move(record.error()));
    if (!record->unconfirmed) return answer(*record);
    unconfirmed = std::move(*record);
    return std::nullopt;
  };
  http::Waiting& waiting = call.exchange.waiting;
  std::optional<Answer> answered = co_await http::run_for_client(waiting, pool, find_and_answer);
  if (answered) co_return std::move(*answered);
  const auto confirm = [&] { return confirm_job(call.services, call.caller, call.id); };
  const auto confirmed = co_await http::run_on(call.services.workers, confirm);
  if (!confirmed) co_return Unexpected<Refusal>(confirmed.error());
  const auto answer_confirmed = [&]() -> Answer { return answer(*unconfirmed); };
  co_return co_await http::run_for_client(waiting, pool, answer_confirmed);
}

}  // namespace vbrain::api

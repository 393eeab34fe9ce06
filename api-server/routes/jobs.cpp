#include "api-server/answers/tenant_budget.hpp"
#include "api-server/jobs/deletion.hpp"
#include "api-server/jobs/job_service.hpp"
#include "api-server/jobs/space.hpp"
#include "api-server/lists/lists.hpp"
#include "api-server/pages/page.hpp"
#include "api-server/routes/call.hpp"
#include "api-server/routes/shared_read.hpp"
#include "api-server/routes/wait.hpp"
#include "api-server/routes/with_job.hpp"
#include "artifacts/store/store.hpp"
#include "base/json/json.hpp"
#include "base/log/log.hpp"

namespace vbrain::api {
namespace {

// The answer of GET /job/:job_id. Blocks on the volume.
SharedAnswer describe(const Services& services, const artifacts::Tenant& tenant, const JobRecord& record,
                      bool with_jobs, const KnownList* known) {
  TenantBudget::Share memory(services.json_budget, tenant);
  const bool ended = is_terminal(record.status->phase);
  const auto expires = ended && record.status->completion_time
                           ? expiry_of(services, tenant, *record.status->completion_time)
                           : std::nullopt;
  memory.cover(record.stored->shown.size());
  AnswerText answer;
  answer.add(render_job_head(record));
  answer.add(record.stored, record.stored->shown, record.stored->tag);
  if (with_jobs) {
    answer.add(R"(,"jobs":)");
    // A Job made with kubectl may have no repository.
    if (!add_jobs(answer, services, tenant, record.stored->file.repository_id, {}, known)) answer.add("[]");
  }
  answer.add(render_job_tail(*record.status, expires));
  SharedAnswer shared = share_json(ended ? 200 : 202, std::move(answer), std::move(memory));
  shared.retry_after = record.retry_after;
  return shared;
}

http::Task<Answer> answer_with_description(Call& call, bool with_jobs) {
  const Services& services = call.services;
  const artifacts::Tenant& tenant = call.caller.tenant;
  const auto read = [&](const KnownList* known) -> SharedAnswer {
    const auto record = find_job(services, call.caller, call.id, call.repository_id);
    if (!record) return shared_refusal(record.error());
    if (record->unconfirmed) return SharedAnswer{.unconfirmed = true};
    return describe(services, tenant, *record, with_jobs, known);
  };
  const std::string key = key_of_read(with_jobs ? "job" : "job alone", call);
  const auto shared = co_await read_with_list(call, key, read);
  if (!shared->unconfirmed) co_return reply_with(call.exchange.head, shared);
  const auto confirm = [&] { return confirm_job(services, call.caller, call.id); };
  const auto confirmed = co_await http::run_on(services.workers, confirm);
  if (!confirmed) co_return Unexpected<Refusal>(confirmed.error());
  const auto read_confirmed = [&](const KnownList* known) -> SharedAnswer {
    const auto record = find_job(services, call.caller, call.id, call.repository_id);
    if (!record) return shared_refusal(record.error());
    return describe(services, tenant, *record, with_jobs, known);
  };
  const std::string confirmed_key = "confirmed " + key;
  const auto found = co_await read_with_list(call, confirmed_key, read_confirmed);
  co_return reply_with(call.exchange.head, found);
}

}  // namespace

namespace {

http::Task<Answer> get_page_of_jobs(Call& call) {
  const auto page = read_page_request(call.exchange.head.query, ListOf::kJobs);
  if (!page) co_return Unexpected<Refusal>(page.error());
  const auto read = [&](const KnownList* known) -> SharedAnswer {
    AnswerText answer;
    const PageEnd end = add_page_of_jobs(answer, call.services, call.caller.tenant, call.repository_id, *page, known);
    if (!end.found) return shared_refusal({.problem = Problem::kNoRepository});
    return share_page(call, std::move(answer), end);
  };
  const std::string key = key_of_read("page of jobs", call);
  const auto shared = co_await read_with_list(call, key, read);
  co_return reply_with(call.exchange.head, shared);
}

}  // namespace

http::Task<Answer> get_jobs(Call& call) {
  if (asks_for_page(call.exchange.head.query)) co_return co_await get_page_of_jobs(call);
  const auto range = read_date_range(call.exchange.head.query);
  if (!range) co_return Unexpected<Refusal>(range.error());
  const auto read = [&](const KnownList* known) -> SharedAnswer {
    AnswerText answer;
    if (!add_jobs(answer, call.services, call.caller.tenant, call.repository_id, *range, known)) {
      return shared_refusal({.problem = Problem::kNoRepository});
    }
    return share_json(200, std::move(answer), TenantBudget::Share(call.services.json_budget, call.caller.tenant));
  };
  const std::string key = key_of_read("jobs", call);
  const auto shared = co_await read_with_list(call, key, read);
  co_return reply_with(call.exchange.head, shared);
}

http::Task<Answer> get_job(Call& call) {
  const auto with_jobs = wants_jobs(call.exchange.head.query);
  if (!with_jobs) co_return Unexpected<Refusal>(with_jobs.error());
  const auto wait = wanted_wait(call.exchange.head.query);
  if (!wait) co_return Unexpected<Refusal>(wait.error());
  bool waited = false;
  if (*wait > std::chrono::seconds(0)) waited = co_await wait_for_job(call, *wait, WaitFor::kOtherState);
  auto answer = co_await answer_with_description(call, *with_jobs);
  co_return waited ? ask_again_soon(std::move(answer)) : std::move(answer);
}

http::Task<Answer> get_job_params(Call& call) {
  const auto answer = [&](const JobRecord& record) -> Answer {
    TenantBudget::Share memory(call.services.json_budget, call.caller.tenant);
    return held_json(std::move(memory), record.stored->file.params);
  };
  co_return co_await answer_with_job(call, call.services.volume_workers, answer);
}

http::Task<Answer> delete_job(Call& call) {
  const auto deleted = co_await delete_job(call.services, call.caller, call.id, call.repository_id);
  if (!deleted) co_return Unexpected<Refusal>(deleted.error());
  co_return json_reply(200, R"({"message":"Jobs deleted"})");
}

}  // namespace vbrain::api

#include "api-server/jobs/deletion.hpp"
#include "api-server/jobs/job_service.hpp"
#include "api-server/jobs/repository_service.hpp"
#include "api-server/jobs/volume_view.hpp"
#include "api-server/lists/lists.hpp"
#include "api-server/pages/page.hpp"
#include "api-server/routes/call.hpp"
#include "api-server/routes/new_work.hpp"
#include "api-server/routes/shared_read.hpp"
#include "api-server/transfer/json_budget.hpp"
#include "base/json.hpp"
#include "base/log.hpp"

namespace vbrain::api {

namespace {

http::Task<Answer> get_page_of_repositories(Call& call) {
  const auto page = read_page_request(call.exchange.head.query, ListOf::kRepositories);
  if (!page) co_return Unexpected<Refusal>(page.error());
  const auto read = [&](const KnownList* known) -> SharedAnswer {
    AnswerText answer;
    const PageEnd end = add_page_of_repositories(answer, call.services, call.caller.tenant, *page, known);
    return share_page(call, std::move(answer), end);
  };
  const std::string key = key_of_read("page of repositories", call);
  const auto shared = co_await read_with_list(call, key, read);
  co_return reply_with(call.exchange.head, shared);
}

}  // namespace

http::Task<Answer> get_repositories(Call& call) {
  if (asks_for_page(call.exchange.head.query)) co_return co_await get_page_of_repositories(call);
  const auto range = read_date_range(call.exchange.head.query);
  if (!range) co_return Unexpected<Refusal>(range.error());
  const auto read = [&](const KnownList* known) -> SharedAnswer {
    AnswerText answer;
    add_repositories(answer, call.services, call.caller.tenant, *range, known);
    return share_json(200, std::move(answer), JsonBudget::Share(call.services.json_budget, call.caller.tenant));
  };
  const std::string key = key_of_read("repositories", call);
  const auto shared = co_await read_with_list(call, key, read);
  co_return reply_with(call.exchange.head, shared);
}

http::Task<Answer> post_repository(Call& call) {
  auto closed = refuse_closed_application(call.services, call.caller.tenant);
  if (closed) co_return Unexpected<Refusal>(std::move(*closed));
  auto submission = co_await read_new_work(call);
  if (!submission) co_return Unexpected<Refusal>(std::move(submission.error()));
  const std::string notes = render_notes(*submission);
  const auto publish = [&] {
    return publish_repository(call.services, call.caller.tenant, call.caller.username, *submission).repository_id;
  };
  base::WorkerPool& pool = submission->input ? call.services.bulk_workers : call.services.volume_workers;
  const std::string id = co_await http::run_on(pool, publish);
  base::log_info("repository created", {{"repository", id},
                                        {"username", call.caller.username},
                                        {"organization", call.caller.tenant.organization},
                                        {"application", call.caller.tenant.application},
                                        {"client", call.caller.tenant.client},
                                        {"key_id", call.caller.key_id},
                                        {"peer", call.exchange.peer},
                                        {"request_id", call.context.request_id},
                                        {"trace_id", call.context.trace_id()}});
  co_return json_reply(
      201, R"({"message":"Repository created successfully","repository_id":)" + base::quote_json(id) + notes + "}");
}

http::Task<Answer> get_repository(Call& call) {
  const auto with_jobs = wants_jobs(call.exchange.head.query);
  if (!with_jobs) co_return Unexpected<Refusal>(with_jobs.error());
  const auto read = [&](const KnownList* known) -> SharedAnswer {
    const auto stored = call.services.view.repository(call.caller.tenant, call.id);
    if (stored == nullptr) return shared_refusal({.problem = Problem::kNoRepository});
    JsonBudget::Share memory(call.services.json_budget, call.caller.tenant);
    memory.cover(stored->shown.size());
    AnswerText answer;
    answer.add("{");
    // Without its comma.
    answer.add(stored, std::string_view(stored->shown).substr(1), stored->tag);
    if (*with_jobs) {
      answer.add(R"(,"jobs":)");
      if (!add_jobs(answer, call.services, call.caller.tenant, call.id, {}, known)) {
        return shared_refusal({.problem = Problem::kNoRepository});
      }
    }
    answer.add("}");
    return share_json(200, std::move(answer), std::move(memory));
  };
  const std::string key = key_of_read(*with_jobs ? "repository" : "repository alone", call);
  const auto shared = co_await read_with_list(call, key, read);
  co_return reply_with(call.exchange.head, shared);
}

http::Task<Answer> get_repository_params(Call& call) {
  const auto work = [&]() -> Answer {
    const auto stored = call.services.view.repository(call.caller.tenant, call.id);
    if (stored == nullptr) return refuse(Problem::kNoRepository);
    JsonBudget::Share memory(call.services.json_budget, call.caller.tenant);
    return held_json(std::move(memory), stored->file.params);
  };
  co_return co_await http::run_on(call.services.volume_workers, work);
}

http::Task<Answer> delete_repository(Call& call) {
  const auto deleted = co_await delete_repository(call.services, call.caller, call.id);
  if (!deleted) co_return Unexpected<Refusal>(deleted.error());
  base::log_info("repository deleted by its user", {{"repository", call.id},
                                                    {"username", call.caller.username},
                                                    {"organization", call.caller.tenant.organization},
                                                    {"application", call.caller.tenant.application},
                                                    {"client", call.caller.tenant.client},
                                                    {"key_id", call.caller.key_id},
                                                    {"peer", call.exchange.peer},
                                                    {"request_id", call.context.request_id},
                                                    {"trace_id", call.context.trace_id()}});
  co_return json_reply(200, R"({"message":"Repository and jobs deleted"})");
}

}  // namespace vbrain::api

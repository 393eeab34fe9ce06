#include "api-server/answers/tenant_budget.hpp"
#include "api-server/jobs/deletion.hpp"
#include "api-server/jobs/job_service.hpp"
#include "api-server/jobs/repository_service.hpp"
#include "api-server/jobs/volume_view.hpp"
#include "api-server/keys/keyed.hpp"
#include "api-server/lists/lists.hpp"
#include "api-server/pages/page.hpp"
#include "api-server/routes/call.hpp"
#include "api-server/routes/shared_read.hpp"
#include "api-server/submit/json_body.hpp"
#include "api-server/submit/new_work.hpp"
#include "api-server/uploads/upload_use.hpp"
#include "artifacts/store/store.hpp"
#include "base/failpoint.hpp"
#include "base/json/json.hpp"
#include "base/log/log.hpp"

namespace vbrain::api {

namespace {

http::Task<Answer> get_page_of_repositories(Call& call) {
  const auto page = read_page_request(call.exchange.head.query, ListOf::kRepositories);
  if (!page) co_return Unexpected<Refusal>(page.error());
  const auto read = [&](const KnownList* known) -> SharedAnswer {
    AnswerText answer;
    const PageEnd end =
        add_page_of_repositories(answer, call.services, call.caller.tenant, *page, known, call.caller.ids);
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
    add_repositories(answer, call.services, call.caller.tenant, *range, known, call.caller.ids);
    return share_json(200, std::move(answer), TenantBudget::Share(call.services.json_budget, call.caller.tenant));
  };
  const std::string key = key_of_read("repositories", call);
  const auto shared = co_await read_with_list(call, key, read);
  co_return reply_with(call.exchange.head, shared);
}

namespace {

// A repository that was made by this request, or by another one with the same Idempotency-Key.
struct NewRepository {
  std::string id;
  std::string answer;
  bool repeated = false;  // an earlier request has done it all
  bool replayed = false;
};

std::string render_created(const std::string& id, const std::string& notes) {
  return R"({"message":"Repository created successfully","repository_id":)" + base::quote_json(id) + notes + "}";
}

// Blocks on the volume.
Result<NewRepository, Refusal> publish(const Call& call, Submission& submission,
                                       const std::optional<KeyedRequest>& key) {
  const Services& services = call.services;
  const artifacts::Tenant& tenant = call.caller.tenant;
  const std::string notes = render_notes(submission);
  const auto taken = claim_upload(services, tenant, submission, key);
  if (!taken) return Unexpected<Refusal>(taken.error());
  if (!key) {
    std::string id =
        publish_repository(services, tenant, call.caller.username, submission, call.caller.ids).repository_id;
    std::string answer = render_created(id, notes);
    return NewRepository{.id = std::move(id), .answer = std::move(answer)};
  }
  const std::string id = services.volume.choose_repository_id(tenant, services.clock.now());
  auto claimed = claim(services, tenant, *key, {.request = {}, .id = id, .answer = render_created(id, notes)});
  if (!claimed) return Unexpected<Refusal>(std::move(claimed.error()));
  base::failpoint("api-server.key-claimed");
  keep_upload(submission, key);
  artifacts::KeyRecord& record = claimed->record;
  if (!claimed->done) {
    publish_repository(services, tenant, call.caller.username, submission, call.caller.ids,
                       KnownRepository{record.id, key->name});
    base::failpoint("api-server.repository-published");
    note_key_done(services, tenant, record.id, call.caller.ids);
    // Another request with the key had made it before, and it was deleted while this one was under way.
    if (has_deletion_mark(services.volume, tenant, record.id))
      take_back_repository(services.volume, tenant, record.id, call.caller.ids);
  }
  return NewRepository{.id = std::move(record.id),
                       .answer = std::move(record.answer),
                       .repeated = claimed->done,
                       .replayed = !claimed->mine};
}

}  // namespace

http::Task<Answer> post_repository(Call& call) {
  auto looked = co_await look_at_key(call, KeyedBody::kRead);
  if (!looked) co_return Unexpected<Refusal>(std::move(looked.error()));
  if (looked->replayed) {
    co_await spend_left_upload(call, *looked->key);
    co_return std::move(*looked->replayed);
  }
  auto closed = refuse_closed_application(call.services, call.caller.tenant);
  if (closed) co_return Unexpected<Refusal>(std::move(*closed));
  const BodyTerms terms{.digest = looked->key ? BodyTerms::Digest::kToo : BodyTerms::Digest::kNone};
  auto submission = co_await read_new_work(call, looked->key, terms);
  if (!submission) co_return Unexpected<Refusal>(std::move(submission.error()));
  if (looked->key) set_digest(call, *looked->key, submission->digest);
  auto staged = co_await stage_upload(call, *submission, looked->key);
  if (!staged) co_return Unexpected<Refusal>(std::move(staged.error()));
  if (*staged) co_return std::move(**staged);
  const auto work = [&] { return publish(call, *submission, looked->key); };
  const base::Lane pool = submission->input ? call.services.bulk_workers : call.services.volume_workers;
  auto made = co_await http::run_on(pool, work);
  if (!made) co_return Unexpected<Refusal>(std::move(made.error()));
  co_await spend_upload(call.services, *submission);
  call.audit.add({.action = {},
                  .id = std::move(made->id),
                  .upload = submission->upload == nullptr ? std::string() : submission->upload->upload().id(),
                  .repeated = made->repeated});
  co_return reply_of_key(std::move(made->answer), made->replayed);
}

http::Task<Answer> get_repository(Call& call) {
  const auto with_jobs = wants_jobs(call.exchange.head.query);
  if (!with_jobs) co_return Unexpected<Refusal>(with_jobs.error());
  const auto read = [&](const KnownList* known) -> SharedAnswer {
    const auto stored = call.services.view.repository(call.caller.tenant, call.id);
    if (stored == nullptr) return shared_refusal({.problem = Problem::kNoRepository});
    TenantBudget::Share memory(call.services.json_budget, call.caller.tenant);
    memory.cover(stored->shown.size());
    AnswerText answer;
    answer.add("{");
    // Without its comma.
    answer.add(stored, std::string_view(stored->shown).substr(1), stored->tag);
    if (*with_jobs) {
      answer.add(R"(,"jobs":)");
      if (!add_jobs(answer, call.services, call.caller.tenant, call.id, {}, known, call.caller.ids)) {
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
    TenantBudget::Share memory(call.services.json_budget, call.caller.tenant);
    return held_json(std::move(memory), stored->file.params);
  };
  co_return co_await http::run_on(call.services.volume_workers, work);
}

http::Task<Answer> delete_repository(Call& call) {
  std::vector<std::string> jobs;
  Result<void, Refusal> deleted;
  std::exception_ptr failure;
  try {
    auto outcome = co_await delete_repository(call.services, call.caller, call.id, jobs);
    deleted = std::move(outcome);
  } catch (const std::exception&) {
    failure = std::current_exception();
  }
  if (failure == nullptr && deleted) call.audit.add({.action = {}, .id = std::string(call.id)});
  // As many ids in a line as a batch has.
  for (std::size_t from = 0; from < jobs.size(); from += kMostJobsOfBatch) {
    const auto begin = jobs.begin() + static_cast<std::ptrdiff_t>(from);
    const auto count = std::min(kMostJobsOfBatch, jobs.size() - from);
    call.audit.add({.action = "job.delete",
                    .id = {},
                    .repository = std::string(call.id),
                    .jobs = std::vector<std::string>(begin, begin + static_cast<std::ptrdiff_t>(count))});
  }
  if (failure != nullptr) std::rethrow_exception(failure);
  if (!deleted) co_return Unexpected<Refusal>(deleted.error());
  co_return json_reply(200, R"({"message":"Repository and jobs deleted"})");
}

}  // namespace vbrain::api

#include <algorithm>
#include <iterator>

#include "api-server/jobs/job_service.hpp"
#include "api-server/keys/keyed.hpp"
#include "api-server/routes/call.hpp"
#include "api-server/submit/callback.hpp"
#include "api-server/submit/new_job.hpp"
#include "api-server/submit/new_work.hpp"
#include "api-server/submit/priority.hpp"
#include "api-server/uploads/upload_use.hpp"
#include "artifacts/store/store.hpp"

namespace vbrain::api {
namespace {

// `upload`: the one that was used for it; empty: none.
Answer answer_created(const Call& call, NewJob created, std::string upload = {}) {
  call.audit.add({.action = {},
                  .id = std::move(created.job_id),
                  .repository = std::move(created.repository_id),
                  .upload = std::move(upload),
                  .repeated = created.repeated});
  return reply_of_key(std::move(created.answer), created.replayed);
}

// Whether an earlier request with the key has made the job already: then it stays as it is, whatever the schema of the
// Application says now.
bool is_published(const std::optional<KeyedRequest>& key) {
  return key && key->job_published;
}

// A client that sends params to a retry would believe that they count. `{}` is what some send for nothing.
http::Task<std::optional<Refusal>> refuse_body_of_retry(Call& call) {
  call.exchange.body.set_limit(call.services.limits.max_json_bytes);
  std::string body;  // without blanks, as far as it is looked at
  try {
    while (body.size() <= 2) {
      const std::string_view piece = co_await call.exchange.body.read();
      if (piece.empty()) break;
      std::ranges::copy_if(piece, std::back_inserter(body),
                           [](char c) { return c != ' ' && c != '\t' && c != '\r' && c != '\n'; });
    }
  } catch (const http::BodyError& problem) {
    if (problem.kind() != http::BodyError::Kind::kTooLarge) throw;
    body = "more than blanks";
  }
  if (body.empty() || body == "{}") co_return std::nullopt;
  co_return Refusal{.problem = Problem::kInvalid,
                    .subject = "body",
                    .detail =
                        "a retry takes no body: the new job has the input and params of the old one. Remedy: send the "
                        "request without a body; for other params send POST /api/v1/job/execute"};
}

}  // namespace

http::Task<Answer> post_job_execute(Call& call) {
  const Services& services = call.services;
  if (call.repository_id.empty() && !may(call.caller.role, Permission::kCreateRepository)) {
    co_return refuse(Problem::kNotPermitted, {}, "without repository_id a repository would be created");
  }
  auto looked = co_await look_at_key(call, KeyedBody::kRead);
  if (!looked) co_return Unexpected<Refusal>(std::move(looked.error()));
  if (looked->replayed) {
    co_await spend_left_upload(call, *looked->key);
    co_return std::move(*looked->replayed);
  }
  auto closed = refuse_closed_application(services, call.caller.tenant);
  if (closed) co_return Unexpected<Refusal>(std::move(*closed));
  if (!call.repository_id.empty()) {
    // Before the body, which may be large.
    const auto look = [&] {
      return artifacts::is_repository_id(call.repository_id) &&
             services.volume.hold_repository(call.caller.tenant, call.repository_id);
    };
    const bool exists = co_await http::run_on(services.volume_workers, look);
    if (!exists) co_return refuse(Problem::kNoRepository);
  }
  const BodyTerms terms{.priority = true, .digest = looked->key ? BodyTerms::Digest::kToo : BodyTerms::Digest::kNone};
  auto submission = co_await read_new_work(call, looked->key, terms);
  if (!submission) co_return Unexpected<Refusal>(std::move(submission.error()));
  if (looked->key) set_digest(call, *looked->key, submission->digest);
  // What needs no files, before an upload is unpacked.
  if (auto refused = refuse_priority(call.caller.role, submission->priority.value_or(0))) {
    co_return Unexpected<Refusal>(std::move(*refused));
  }
  Result<TypedJob, http::Reply> typed = TypedJob();
  if (!is_published(looked->key)) {
    auto callback = callback_of(services, call.caller.tenant, submission->callback_url);
    if (!callback) co_return Unexpected<Refusal>(std::move(callback.error()));
    auto lost = co_await refuse_lost_callback(services, call.caller, submission->callback_url);
    if (lost) co_return Unexpected<Refusal>(std::move(*lost));
    submission->callback_url = std::move(*callback);
    typed = co_await type_new_job(call, submission->params);
  }
  if (!typed) co_return std::move(typed.error());
  auto staged = co_await stage_upload(call, *submission, looked->key);
  if (!staged) co_return Unexpected<Refusal>(std::move(staged.error()));
  if (*staged) co_return std::move(**staged);
  std::string upload = submission->upload == nullptr ? std::string() : submission->upload->upload().id();
  auto created = co_await execute_job(services, call.caller, call.context, call.repository_id, std::move(*submission),
                                      std::move(*typed), looked->key);
  if (!created) co_return Unexpected<Refusal>(std::move(created.error()));
  if (call.repository_id.empty()) {
    call.audit.add(
        {.action = "repository.create", .id = created->repository_id, .upload = upload, .repeated = created->repeated});
  }
  co_return answer_created(call, std::move(*created), std::move(upload));
}

http::Task<Answer> post_job_retry(Call& call) {
  const Services& services = call.services;
  auto looked = co_await look_at_key(call, KeyedBody::kIgnored);
  if (!looked) co_return Unexpected<Refusal>(std::move(looked.error()));
  if (looked->replayed) co_return std::move(*looked->replayed);
  auto closed = refuse_closed_application(services, call.caller.tenant);
  if (closed) co_return Unexpected<Refusal>(std::move(*closed));
  const auto find = [&] { return find_job(services, call.caller, call.id, call.repository_id); };
  const auto record = co_await http::run_on(services.volume_workers, find);
  if (!record) co_return Unexpected<Refusal>(record.error());
  if (record->unconfirmed) {
    const auto confirm = [&] { return confirm_job(services, call.caller, call.id); };
    const auto confirmed = co_await http::run_on(services.workers, confirm);
    if (!confirmed) co_return Unexpected<Refusal>(confirmed.error());
  }
  auto refused = co_await refuse_body_of_retry(call);
  if (refused) co_return Unexpected<Refusal>(std::move(*refused));
  TypedJob typed;
  // Whether it has ended is asked first.
  if (is_terminal(record->status->phase) && !is_published(looked->key)) {
    const std::string url = services.limits.webhook_allow.empty() ? "" : record->stored->file.callback_url;
    auto lost = co_await refuse_lost_callback(services, call.caller, url);
    if (lost) co_return Unexpected<Refusal>(std::move(*lost));
    auto checked = co_await type_params(call, record->stored->file.params);
    if (!checked) co_return std::move(checked.error());
    typed = std::move(*checked);
  }
  auto created = co_await retry_job(services, call.caller, call.context, *record, std::move(typed), looked->key);
  if (!created) co_return Unexpected<Refusal>(std::move(created.error()));
  co_return answer_created(call, std::move(*created));
}

}  // namespace vbrain::api

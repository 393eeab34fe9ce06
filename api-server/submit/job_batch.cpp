#include "api-server/answers/tenant_budget.hpp"
#include "api-server/jobs/job_service.hpp"
#include "api-server/jobs/space.hpp"
#include "api-server/keys/body_digest.hpp"
#include "api-server/keys/keyed.hpp"
#include "api-server/routes/call.hpp"
#include "api-server/submit/batch.hpp"
#include "api-server/submit/callback.hpp"
#include "api-server/transfer/part_head.hpp"
#include "api-server/transfer/submission.hpp"
#include "artifacts/store/store.hpp"
#include "base/text/digest.hpp"

namespace vbrain::api {
namespace {

bool is_json(const http::RequestHead& head) {
  const auto type = parse_parameterized(head.find("content-type").value_or(""));
  return type && type->value == "application/json";
}

// The text of the body; `memory` covers it. Throws as BodyReader::read().
http::Task<std::string> read_text(Call& call, TenantBudget::Share& memory) {
  std::string text;
  for (;;) {
    const std::string_view piece = co_await call.exchange.body.read();
    if (piece.empty()) break;
    memory.cover(text.size() + piece.size());
    text += piece;
  }
  co_return text;
}

}  // namespace

http::Task<Answer> post_job_batch(Call& call) {
  const Services& services = call.services;
  const artifacts::Tenant& tenant = call.caller.tenant;
  if (!is_json(call.exchange.head)) {
    co_return refuse(Problem::kMediaType, {},
                     "the body is not application/json; send {\"params\": [{…}, …]} and name it in Content-Type");
  }
  auto looked = co_await look_at_key(call, KeyedBody::kRead);
  if (!looked) co_return Unexpected<Refusal>(std::move(looked.error()));
  if (looked->replayed) co_return std::move(*looked->replayed);
  auto closed = refuse_closed_application(services, tenant);
  if (closed) co_return Unexpected<Refusal>(std::move(*closed));
  const auto hold = [&] {
    return artifacts::is_repository_id(call.repository_id) &&
           services.volume.hold_repository(tenant, call.repository_id);
  };
  const bool exists = co_await http::run_on(services.volume_workers, hold);
  if (!exists) co_return refuse(Problem::kNoRepository);
  const bool published = looked->key && looked->key->published;
  if (!published) {
    auto full = check_space(space_of(services, tenant), call.exchange.head.content_length.value_or(0));
    if (full) co_return Unexpected<Refusal>(std::move(*full));
  }

  TenantBudget::Share memory(services.json_budget, tenant);
  call.exchange.body.set_limit(services.limits.max_json_bytes);
  std::string text;
  bool too_large = false;
  try {
    text = co_await read_text(call, memory);
  } catch (const http::BodyError& problem) {
    if (problem.kind() != http::BodyError::Kind::kTooLarge) throw;
    too_large = true;
  }
  if (too_large) co_return Unexpected<Refusal>(too_large_body(services.limits, call.exchange.head));
  Result<BatchFields, Refusal> fields;
  const auto parse = [&] {
    if (looked->key) set_digest(call, *looked->key, digest_of_json(base::sha256_hex(text)));
    fields = read_batch_fields(text);
  };
  co_await http::run_on(services.volume_workers, parse);
  if (!fields) co_return Unexpected<Refusal>(std::move(fields.error()));
  if (!published) {
    auto callback = callback_of(services, tenant, fields->callback_url);
    if (!callback) co_return Unexpected<Refusal>(std::move(callback.error()));
    auto lost = co_await refuse_lost_callback(services, call.caller, fields->callback_url);
    if (lost) co_return Unexpected<Refusal>(std::move(*lost));
    fields->callback_url = std::move(*callback);
  }
  ParamsCheck check(services, tenant);
  if (!published) {
    auto wrong = co_await check_batch(call, check, *fields);
    if (wrong) co_return std::move(*wrong);
  }
  auto made =
      co_await execute_batch(services, call.caller, call.context, call.repository_id, *fields, check, looked->key);
  if (!made) co_return Unexpected<Refusal>(std::move(made.error()));
  call.audit.add({.action = {},
                  .id = {},
                  .repository = call.repository_id,
                  .jobs = std::move(made->jobs),
                  .repeated = made->repeated});
  co_return reply_of_key(std::move(made->answer), made->replayed);
}

}  // namespace vbrain::api

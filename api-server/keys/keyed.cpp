#include "api-server/keys/keyed.hpp"

#include "api-server/keys/body_digest.hpp"
#include "api-server/transfer/submission.hpp"
#include "api-server/uploads/tus.hpp"

namespace vbrain::api {

void set_digest(const Call& call, KeyedRequest& key, std::string_view body_digest) {
  const auto upload = read_upload_header(call.exchange.head.fields);
  // One that is sent twice is refused later.
  const std::string_view id = upload && *upload ? **upload : std::string_view();
  key.request = digest_of_request(call.exchange.head.path, call.repository_id, body_digest, id);
}

http::Task<Result<KeyLook, Refusal>> look_at_key(Call& call, KeyedBody body) {
  auto sent = read_idempotency_key(call.exchange.head.fields);
  if (!sent) co_return Unexpected<Refusal>(std::move(sent.error()));
  KeyLook look;
  if (!*sent) co_return look;
  look.key = KeyedRequest{.name = artifacts::key_record_name(**sent), .request = {}};
  if (body == KeyedBody::kIgnored) set_digest(call, *look.key, digest_of_no_body());
  const auto find = [&] {
    auto known = find_key(call.services.volume, call.caller.tenant, look.key->name);
    if (known && !known->done) {
      look.key->published = has_published(call.services.volume, call.caller.tenant, known->record);
      look.key->job_published = call.services.volume.has_job(call.caller.tenant, known->record.id);
    }
    return known;
  };
  auto found = co_await http::run_on(call.services.volume_workers, find);
  // A request that is under way, or was interrupted, is completed with the body.
  if (!found || !found->done) co_return look;
  if (body == KeyedBody::kRead) {
    const BodyTerms terms{.priority = true, .digest = BodyTerms::Digest::kOnly};
    const auto submission = co_await read_submission(call.services, call.caller, call.exchange, terms);
    if (!submission) co_return Unexpected<Refusal>(submission.error());
    set_digest(call, *look.key, submission->digest);
  }
  if (found->record.request != look.key->request) co_return Unexpected<Refusal>(other_submission());
  // Jobs of a batch are named, and not the batch.
  call.audit.add({.action = {},
                  .id = found->record.jobs.empty() ? found->record.id : std::string(),
                  .jobs = found->record.jobs,
                  .repeated = true});
  look.replayed = reply_of_key(std::move(found->record.answer), true);
  co_return look;
}

}  // namespace vbrain::api

#include "api-server/submit/new_work.hpp"

#include "api-server/jobs/space.hpp"

namespace vbrain::api {

http::Task<Result<Submission, Refusal>> read_new_work(Call& call, const std::optional<KeyedRequest>& key,
                                                      BodyTerms terms) {
  if (key && key->published) {
    co_return co_await read_submission(call.services, call.caller, call.exchange, terms);
  }
  const TenantSpace space = space_of(call.services, call.caller.tenant);
  terms.check = [&space](std::uint64_t bytes) { return check_space(space, bytes); };
  auto full = terms.check(call.exchange.head.content_length.value_or(0));
  if (full) co_return Unexpected<Refusal>(std::move(*full));
  auto submission = co_await read_submission(call.services, call.caller, call.exchange, terms);
  if (!submission) co_return Unexpected<Refusal>(std::move(submission.error()));
  // An upload takes time: others may have come meanwhile.
  full = check_space(space_of(call.services, call.caller.tenant), bytes_of(*submission));
  if (full) co_return Unexpected<Refusal>(std::move(*full));
  co_return submission;
}

}  // namespace vbrain::api

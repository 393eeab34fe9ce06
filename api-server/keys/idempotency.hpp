#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api-server/errors.hpp"
#include "api-server/services.hpp"
#include "artifacts/submit/key_records.hpp"
#include "base/log/request_ids.hpp"
#include "http/message/message.hpp"

namespace vbrain::api {

// The key of a request: the value of its header Idempotency-Key (draft-ietf-httpapi-idempotency-key-header), a string
// of RFC 8941 in quotation marks, or the same without them. 1 to 255 visible ASCII characters; in quotation marks also
// spaces. Nothing: it was not sent. Pure.
Result<std::optional<std::string>, Refusal> read_idempotency_key(const std::vector<http::HeaderField>& fields);

// A request with a key.
struct KeyedRequest {
  std::string name;     // artifacts::key_record_name()
  std::string request;  // digest_of_request(), once the body has come
  // An earlier request with the key has published what it makes. This one may complete it, and needs no more space.
  bool published = false;
  bool job_published = false;  // the one job that the request makes is there, not only its repository
};

// What a key stands for.
struct ClaimedKey {
  artifacts::KeyRecord record;
  bool mine = false;  // this request has made the record
  bool done = false;  // what it names was published: only the answer is wanted
};

// Makes `record`, whose `request` is set here, the one of the key, or returns the one that it has. Refuses with
// kOtherSubmission and kTooMany. Blocks on the volume; throws VolumeError and CorruptFile.
Result<ClaimedKey, Refusal> claim(const Services& services, const artifacts::Tenant& tenant, const KeyedRequest& keyed,
                                  artifacts::KeyRecord record);

// The answer from a record: the 201 with the body of the first answer. `replayed`: another request made the record.
http::Reply reply_of_key(std::string answer, bool replayed);

// The refusal of another request with a key that was used.
Refusal other_submission();

// mark_key_done(); a failure is only logged, because the answer does not depend on it. `ids`: of the request.
void note_key_done(const Services& services, const artifacts::Tenant& tenant, const std::string& id,
                   const base::RequestIds& ids) noexcept;

}  // namespace vbrain::api

#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "api-server/keys/idempotency.hpp"
#include "api-server/routes/call.hpp"
#include "api-server/transfer/submission.hpp"
#include "artifacts/uploads/upload_store.hpp"
#include "base/log/request_ids.hpp"

namespace vbrain::api {

// The complete upload of which a request makes a job or a repository. Exactly one request takes it; if that one fails,
// the upload is free again. Not thread-safe.
class UploadUse {
 public:
  // `changed`: when its last bytes came, by the clock of the file server; nothing: not known. `ids`: of the
  // request, for log lines.
  UploadUse(const Services& services, const artifacts::Tenant& tenant, artifacts::Upload upload,
            std::optional<base::TimePoint> changed = {}, base::RequestIds ids = {})
      : services_(services), tenant_(tenant), upload_(std::move(upload)), changed_(changed), ids_(std::move(ids)) {}
  UploadUse(const UploadUse&) = delete;
  // Frees the upload on a pool, unless keep() or spend() was called.
  ~UploadUse();

  const artifacts::Upload& upload() const { return upload_; }

  // Takes the upload for the request with this key, or for this request alone. The same request with the same key may
  // take it from there. Refuses with kUploadUsed, kUploadUnfinished and kNoUpload. Blocks on the volume.
  Result<void, Refusal> claim(const std::optional<KeyedRequest>& key);
  // For the last moment before the job or repository is published: takes it once more, or refuses, because a request
  // that is slow for many minutes counts as dead, and another one may have taken the upload since claim(). Blocks on
  // the volume.
  Result<void, Refusal> confirm();
  // The job or repository may exist: only the same request with the same key may try again.
  void keep() { claimed_.reset(); }
  // The job or repository exists: the upload goes. Blocks on the volume; a failure is logged.
  void spend() noexcept;

 private:
  const Services& services_;
  const artifacts::Tenant tenant_;
  artifacts::Upload upload_;
  const std::optional<base::TimePoint> changed_;
  base::RequestIds ids_;
  std::string owner_ = {};  // of claim()
  std::optional<artifacts::UploadState> claimed_ = {};
};

// The upload, or kNoUpload, or kUploadUsed. Blocks on the volume.
Result<artifacts::Upload, Refusal> open_known_upload(const Services& services, const artifacts::Tenant& tenant,
                                                     std::string_view id);

// Whether the upload has not changed for longer than its Upload-Expires promises, by the clock of the file server. The
// controller's sweeper removes it within the next hour. Blocks on the volume.
bool has_expired(const Services& services, const artifacts::Upload& upload);
Refusal expired_upload();

// If the body or the header upload_id names an upload: checks and unpacks it as an uploaded file, sets `input` and
// `upload`, and checks the space for it. Refuses with kNoUpload, kUploadUnfinished, kUploadUsed, and as an uploaded
// file is refused. With a key whose work is done meanwhile it returns the answer.
http::Task<Result<std::optional<http::Reply>, Refusal>> stage_upload(Call& call, Submission& submission,
                                                                     const std::optional<KeyedRequest>& key);

// Frees an upload that a request has taken and that is held by nobody any more: it has not changed for `holds`, by the
// clock of the file server, so its request was killed. Blocks on the volume.
inline constexpr std::chrono::minutes kClaimHolds{15};
void free_if_abandoned(const Services& services, const artifacts::Upload& upload,
                       std::chrono::minutes holds = kClaimHolds);

// The bytes that are free when the submission has used its upload; 0: it has none.
std::uint64_t bytes_given_back(const Submission& submission);

// UploadUse::claim() of the submission's upload, if it has one. A request with a key that finds the upload used by a
// request with the same key goes on: it will find the key done. Blocks on the volume.
Result<void, Refusal> claim_upload(const Services& services, const artifacts::Tenant& tenant,
                                   const Submission& submission, const std::optional<KeyedRequest>& key);

// The same with UploadUse::confirm(), after claim_upload().
Result<void, Refusal> confirm_upload(const Services& services, const artifacts::Tenant& tenant,
                                     const Submission& submission, const std::optional<KeyedRequest>& key);

// UploadUse::keep() of the submission's upload, if it has one and the request has a key.
void keep_upload(const Submission& submission, const std::optional<KeyedRequest>& key);

// UploadUse::spend() of the submission's upload, if it has one.
http::Task<void> spend_upload(const Services& services, const Submission& submission);

// The same of an upload that an earlier request with this key has used, and not spent because it was killed. For an
// answer that is repeated. A failure is logged.
http::Task<void> spend_left_upload(const Call& call, const KeyedRequest& key);

}  // namespace vbrain::api

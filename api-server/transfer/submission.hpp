#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api-server/answers/tenant_budget.hpp"
#include "api-server/auth/auth.hpp"
#include "api-server/errors.hpp"
#include "api-server/services.hpp"
#include "artifacts/records/job_file.hpp"
#include "artifacts/store/store.hpp"
#include "http/handler.hpp"

namespace vbrain::api {

class UploadUse;

// A staged folder with the files that a client sent. If it ends unpublished the folder is removed on `pool`: I/O
// threads must not wait for the volume.
class StagedInput {
 public:
  StagedInput(base::Lane pool, artifacts::Staging staging);
  StagedInput(StagedInput&&) noexcept = default;
  StagedInput& operator=(StagedInput&&) = delete;
  ~StagedInput();

  artifacts::Staging& staging() { return *staging_; }
  // For publishing; the object is empty afterwards.
  artifacts::Staging take() { return std::move(*std::exchange(staging_, nullptr)); }

  // An open file in the folder. It is closed before the folder is removed: network file systems keep open files.
  void hold(std::shared_ptr<void> file) { file_ = std::move(file); }

  std::vector<artifacts::InputFile> files;
  std::vector<std::string> empty_folders;
  std::vector<std::string> notes;  // ArchiveListing::notes

 private:
  base::Lane pool_;
  std::shared_ptr<artifacts::Staging> staging_;
  std::shared_ptr<void> file_;
};

// The body of `POST /repository` and `POST /job/execute`, checked. Its files are on the volume, not yet durable.
struct Submission {
  std::string params;                         // JSON text of an object as sent; empty: not sent
  std::string metadata;                       // the same
  std::optional<StagedInput> input;           // not sent: nothing
  TenantBudget::Share memory;                 // of params and metadata
  std::optional<std::int32_t> priority = {};  // not sent: nothing
  std::string digest = {};                    // of the body (body_digest.hpp), if it was asked for
  std::string upload_id = {};                 // as sent, unchecked; empty: not sent
  std::string callback_url = {};              // the same
  std::shared_ptr<UploadUse> upload = {};     // from stage_upload(): `input` was made of it
};

// Refuses a body of which so many bytes have come; nothing: go on.
using BodyCheck = std::function<std::optional<Refusal>(std::uint64_t bytes)>;

// What a request may have in its body, and what is done with it.
struct BodyTerms {
  BodyCheck check = {};   // asked while a multipart body comes; may be empty
  bool priority = false;  // the fields `priority` and `callback_url` are known
  enum class Digest {
    kNone,
    kToo,   // Submission::digest is wanted
    kOnly,  // nothing else is: the body is neither checked nor stored
  } digest = Digest::kNone;
};

// Reads the body: JSON {params?, metadata?, priority?, callback_url?, upload_id?}, multipart with `file` and the same,
// or none. Files go to the volume as they arrive, memory stays constant. An archive is checked before it is unpacked.
// Throws BodyError, Overloaded and artifacts::VolumeError.
http::Task<Result<Submission, Refusal>> read_submission(const Services& services, const Caller& caller,
                                                        http::Exchange& exchange, const BodyTerms& terms);

// The bytes that publishing a submission adds.
std::uint64_t bytes_of(const Submission& submission);

// The last member of the answer to a submission, `,"notes":[…]`: what was decided about its archive. Empty if nothing
// was.
std::string render_notes(const Submission& submission);

// The largest body that read_submission() would take of this request, by its media type.
std::uint64_t submission_limit(const Limits& limits, const http::RequestHead& head);

// Whether the head announces a body that is larger than any of its media type may be. Of a type that the path does not
// take the limit is that of the largest bodies: below it the type is what is wrong. Pure.
bool announces_too_large(const Limits& limits, const http::RequestHead& head);

// The answer to a body of this request that is larger than that.
Refusal too_large_body(const Limits& limits, const http::RequestHead& head);

// The answer to an upload (tus) that is larger than it may be.
Refusal too_large_upload(const Limits& limits);

// The format that a file of this name must have, by its extension in any case. Nothing: the extension is not taken.
enum class FileKind { kZip, kCsv, kXlsx, kJson };
std::optional<FileKind> file_kind(std::string_view name);

}  // namespace vbrain::api

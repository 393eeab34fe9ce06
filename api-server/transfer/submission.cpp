#include "api-server/transfer/submission.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "api-server/keys/body_digest.hpp"
#include "api-server/submit/json_body.hpp"
#include "api-server/submit/priority.hpp"
#include "api-server/transfer/file_receiver.hpp"
#include "api-server/transfer/multipart.hpp"
#include "api-server/transfer/write_behind.hpp"
#include "api-server/uploads/tus.hpp"
#include "artifacts/records/raw_json.hpp"
#include "base/json/json.hpp"
#include "base/text/digest.hpp"

namespace vbrain::api {
namespace {

using artifacts::Staging;

// JSON up to here is checked on the I/O thread, larger JSON on the volume's pool. Not on `workers`: requests that wait
// for the Kubernetes API would keep it waiting.
constexpr std::size_t kSmallJson = TenantBudget::kFree;
constexpr const char* kUploadSetting = " bytes; the operator's setting is max-upload-bytes";

enum class MediaType { kNone, kJson, kMultipart, kOffsetStream, kOther };

MediaType media_type(const http::RequestHead& head, std::optional<ParameterizedValue>& parsed) {
  if (!head.has_body()) return MediaType::kNone;
  parsed = parse_parameterized(head.find("content-type").value_or(""));
  if (!parsed) return MediaType::kOther;
  if (parsed->value == "application/json") return MediaType::kJson;
  if (parsed->value == kOffsetStream) return MediaType::kOffsetStream;
  return parsed->value == "multipart/form-data" ? MediaType::kMultipart : MediaType::kOther;
}

std::string json_limit(const Limits& limits) {
  return std::to_string(limits.max_json_bytes) + " bytes each; the operator's setting is max-json-bytes";
}

// A field that has to hold one JSON object.
Result<std::string, Refusal> read_object(std::string_view name, std::string_view text) {
  text = without_byte_order_mark(text);
  const auto members = artifacts::split_object(text);
  if (!members) return refuse(Problem::kInvalid, std::string(name), members.error() + std::string(kSendAnObject));
  return std::string(text);
}

// A multipart body as it is read.
struct Form {
  std::optional<std::string> params;
  std::optional<std::string> metadata;
  std::optional<std::string> priority;
  std::optional<std::string> upload_id;
  std::optional<std::string> callback_url;
  std::optional<std::string> file_name;
  std::string* field = nullptr;  // the one being read; null within the file
  bool no_file = false;          // within a file field that was left empty
};

// Whether the part is the file. The bytes of a field go to `form.field`.
Result<bool, Refusal> begin_part(const PartHead& head, Form& form, bool priority_known) {
  form.field = nullptr;
  form.no_file = false;
  if (head.name == "file") {
    // A browser sends a file field that its user left empty without a name and without content.
    form.no_file = head.filename.value_or("").empty();
    if (form.no_file) return false;
    if (form.file_name) return refuse(Problem::kInvalid, "file", "sent twice; put several files into one ZIP");
    if (auto refused = check_file_name(*head.filename)) return Unexpected<Refusal>(std::move(*refused));
    form.file_name = head.filename;
    return true;
  }
  auto* field = head.name == "params"                           ? &form.params
                : head.name == "metadata"                       ? &form.metadata
                : head.name == "upload_id"                      ? &form.upload_id
                : head.name == "priority" && priority_known     ? &form.priority
                : head.name == "callback_url" && priority_known ? &form.callback_url
                                                                : nullptr;
  if (field == nullptr) return bad_field(head.name, known_fields("file, upload_id, ", priority_known));
  if (*field) return bad_field(head.name, "sent twice; send it once");
  form.field = &field->emplace();
  return false;
}

http::Task<Result<Submission, Refusal>> read_json(const Services& services, const artifacts::Tenant& tenant,
                                                  http::BodyReader& body, const BodyTerms& terms) {
  using Digest = BodyTerms::Digest;
  Submission submission{
      .params = {}, .metadata = {}, .input = {}, .memory = TenantBudget::Share(services.json_budget, tenant)};
  std::string text;
  for (;;) {
    const std::string_view piece = co_await body.read();
    if (piece.empty()) break;
    submission.memory.cover(text.size() + piece.size());
    text += piece;
  }
  if (text.empty()) {
    if (terms.digest != Digest::kNone) submission.digest = digest_of_no_body();
    co_return submission;
  }
  Result<JsonFields, Refusal> fields;
  const auto parse = [&] {
    if (terms.digest != Digest::kNone) submission.digest = digest_of_json(base::sha256_hex(text));
    if (terms.digest != Digest::kOnly) fields = read_json_fields(text, terms.priority);
  };
  if (text.size() <= kSmallJson) {
    parse();
  } else {
    co_await http::run_on(services.volume_workers, parse);
  }
  if (!fields) co_return Unexpected<Refusal>(std::move(fields.error()));
  submission.params = std::move(fields->params);
  submission.metadata = std::move(fields->metadata);
  submission.priority = fields->priority;
  submission.upload_id = std::move(fields->upload_id);
  submission.callback_url = std::move(fields->callback_url);
  co_return submission;
}

Refusal refusal(Problem problem, std::string subject, std::string detail) {
  return {.problem = problem, .subject = std::move(subject), .detail = std::move(detail)};
}

// What a multipart body has become so far.
struct Upload {
  Submission submission;
  Form form;
  std::shared_ptr<FileReceiver> file;           // submission.input holds it too, and closes it
  std::shared_ptr<base::Sha256> file_digest{};  // of its bytes, if it is wanted
};

// Reads the whole body into `upload`. Writing may go on behind it.
http::Task<std::optional<Refusal>> read_parts(const Services& services, const Caller& caller, std::string_view boundary,
                                              http::BodyReader& body, const BodyTerms& terms, Upload& upload,
                                              WriteBehind& writing) {
  using Digest = BodyTerms::Digest;
  using Kind = MultipartReader::Event::Kind;
  MultipartReader reader(boundary);
  Form& form = upload.form;
  Submission& submission = upload.submission;
  std::size_t fields_size = 0;
  std::uint64_t received = 0;
  for (;;) {
    const std::string_view piece = co_await body.read();
    if (piece.empty()) break;
    received += piece.size();
    // A body of unknown length; one of known length was refused before.
    auto full = terms.check ? terms.check(received) : std::nullopt;
    if (full) co_return std::move(full);
    reader.feed(piece);
    for (auto event = reader.next(); event.kind != Kind::kNeedMore; event = reader.next()) {
      if (event.kind == Kind::kError) co_return refusal(Problem::kInvalid, "body", std::string(event.error));
      if (event.kind == Kind::kPart) {
        const auto is_file = begin_part(event.head, form, terms.priority);
        if (!is_file) co_return is_file.error();
        if (!*is_file) continue;
        if (terms.digest != Digest::kNone) upload.file_digest = std::make_shared<base::Sha256>();
        if (terms.digest == Digest::kOnly) {
          writing.begin([digest = upload.file_digest](std::string_view bytes) { digest->update(bytes); });
          continue;
        }
        upload.file = std::make_shared<FileReceiver>(*event.head.filename);
        const auto open = [&] {
          submission.input.emplace(services.bulk_workers, services.volume.stage(caller.tenant, caller.ids));
          submission.input->hold(upload.file);
          upload.file->open(services.volume.root().at(artifacts::layout::staging(caller.tenant)),
                            submission.input->staging());
        };
        co_await http::run_on(services.volume_workers, open);
        writing.begin([file = upload.file, digest = upload.file_digest](std::string_view bytes) {
          if (digest != nullptr) digest->update(bytes);
          file->write(bytes);
        });
      } else if (event.kind == Kind::kData && form.no_file) {
        co_return refusal(Problem::kInvalid, "file", "it has content and no filename; name it in Content-Disposition");
      } else if (event.kind == Kind::kData && form.field != nullptr) {
        if (form.field->size() + event.data.size() > services.limits.max_json_bytes) {
          co_return refusal(Problem::kTooLarge, {}, "params and metadata have at most " + json_limit(services.limits));
        }
        fields_size += event.data.size();
        submission.memory.cover(fields_size);
        form.field->append(event.data);
      } else if (event.kind == Kind::kData) {
        co_await writing.add(event.data);
      }
    }
  }
  co_await writing.flush();
  if (!reader.missing().empty()) co_return refusal(Problem::kInvalid, "body", std::string(reader.missing()));
  co_return std::nullopt;
}

// A text field of a form that was not sent, or that its user left empty.
bool is_left_empty(const std::optional<std::string>& field) {
  return !field || field->find_first_not_of(" \t\r\n") == std::string::npos;
}

http::Task<Result<Submission, Refusal>> read_multipart(const Services& services, const Caller& caller,
                                                       std::string_view boundary, http::BodyReader& body,
                                                       const BodyTerms& terms) {
  using Digest = BodyTerms::Digest;
  Upload upload{.submission = {.params = {},
                               .metadata = {},
                               .input = {},
                               .memory = TenantBudget::Share(services.json_budget, caller.tenant)},
                .form = {},
                .file = {}};
  WriteBehind writing(services.transfer_workers);
  std::optional<Refusal> refused;
  std::exception_ptr failure;
  try {
    refused = co_await read_parts(services, caller, boundary, body, terms, upload, writing);
  } catch (const std::exception&) {
    failure = std::current_exception();
  }
  // Nothing of the upload ends while it is being written.
  co_await writing.settle();
  if (failure) std::rethrow_exception(failure);
  if (refused) co_return Unexpected<Refusal>(std::move(*refused));
  Form& form = upload.form;
  Submission& submission = upload.submission;
  const auto parse = [&]() -> std::optional<Refusal> {
    if (terms.digest != Digest::kNone) {
      submission.digest = digest_of_form({.params = form.params,
                                          .metadata = form.metadata,
                                          .priority = form.priority,
                                          .upload_id = form.upload_id,
                                          .callback_url = form.callback_url,
                                          .file_name = form.file_name,
                                          .file_sha256 = upload.file_digest ? upload.file_digest->hex() : ""});
    }
    if (terms.digest == Digest::kOnly) return std::nullopt;
    for (auto [name, from, to] : {std::tuple("params", &form.params, &submission.params),
                                  std::tuple("metadata", &form.metadata, &submission.metadata)}) {
      if (is_left_empty(*from)) continue;
      auto object = read_object(name, **from);
      if (!object) return std::move(object.error());
      *to = std::move(*object);
    }
    if (!is_left_empty(form.priority)) {
      const auto priority = read_priority(*form.priority);
      if (!priority) return priority.error();
      submission.priority = *priority;
    }
    if (!is_left_empty(form.callback_url)) submission.callback_url = std::move(*form.callback_url);
    if (is_left_empty(form.upload_id)) return std::nullopt;
    if (form.file_name) return refusal(Problem::kInvalid, "upload_id", "sent with a file; send one of them");
    submission.upload_id = std::move(*form.upload_id);
    return std::nullopt;
  };
  refused = co_await http::run_on(services.volume_workers, parse);
  if (refused) co_return Unexpected<Refusal>(std::move(*refused));
  if (upload.file != nullptr) {
    const auto finish = [&] { return upload.file->finish(*submission.input, services.limits); };
    const auto finished = co_await http::run_on(services.bulk_workers, finish);
    if (!finished) co_return Unexpected<Refusal>(refusal_of(finished.error()));
  }
  co_return std::move(submission);
}

http::Task<Result<Submission, Refusal>> read_body(const Services& services, const Caller& caller,
                                                  http::Exchange& exchange, const BodyTerms& terms) {
  std::optional<ParameterizedValue> type;
  exchange.body.set_limit(submission_limit(services.limits, exchange.head));
  switch (media_type(exchange.head, type)) {
    case MediaType::kNone:
      co_return Submission{.params = {},
                           .metadata = {},
                           .input = {},
                           .memory = TenantBudget::Share(services.json_budget, caller.tenant),
                           .digest = digest_of_no_body()};
    case MediaType::kJson:
      co_return co_await read_json(services, caller.tenant, exchange.body, terms);
    case MediaType::kMultipart: {
      const auto boundary = boundary_of(*type);
      if (!boundary)
        co_return refuse(Problem::kInvalid, "content-type",
                         "it needs a boundary; let the HTTP library set Content-Type");
      const std::string_view text = *boundary;
      co_return co_await read_multipart(services, caller, text, exchange.body, terms);
    }
    case MediaType::kOffsetStream:
    case MediaType::kOther:
      break;
  }
  co_return refuse(Problem::kMediaType, {},
                   "the body is neither application/json nor multipart/form-data; send one of them and name it in "
                   "Content-Type");
}

}  // namespace

StagedInput::StagedInput(base::Lane pool, Staging staging)
    : pool_(pool), staging_(std::make_shared<Staging>(std::move(staging))) {}

StagedInput::~StagedInput() {
  if (staging_ == nullptr && file_ == nullptr) return;
  pool_.post_always([staging = std::move(staging_), file = std::move(file_)]() mutable {
    file.reset();
    staging.reset();
  });
}

std::optional<FileKind> file_kind(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, FileKind>, 4> kKinds{
      {{".zip", FileKind::kZip}, {".csv", FileKind::kCsv}, {".xlsx", FileKind::kXlsx}, {".json", FileKind::kJson}}};
  const auto dot = name.rfind('.');
  // ".csv" alone is a name without extension.
  if (dot == std::string_view::npos || dot == 0) return std::nullopt;
  for (const auto& [extension, kind] : kKinds) {
    if (http::equal_ignoring_case(name.substr(dot), extension)) return kind;
  }
  return std::nullopt;
}

std::uint64_t bytes_of(const Submission& submission) {
  std::uint64_t bytes = submission.params.size() + submission.metadata.size();
  if (!submission.input) return bytes;
  for (const artifacts::InputFile& file : submission.input->files) bytes += file.bytes;
  return bytes;
}

std::string render_notes(const Submission& submission) {
  if (!submission.input || submission.input->notes.empty()) return {};
  std::string list;
  for (const std::string& note : submission.input->notes) {
    list.append(list.empty() ? "" : ",").append(base::quote_json(note));
  }
  return ",\"notes\":[" + list + "]";
}

std::uint64_t submission_limit(const Limits& limits, const http::RequestHead& head) {
  std::optional<ParameterizedValue> parsed;
  const MediaType type = media_type(head, parsed);
  const bool is_upload = type == MediaType::kMultipart || type == MediaType::kOffsetStream;
  return is_upload ? limits.max_upload_bytes : limits.max_json_bytes;
}

bool announces_too_large(const Limits& limits, const http::RequestHead& head) {
  std::optional<ParameterizedValue> parsed;
  const MediaType type = media_type(head, parsed);
  const bool is_taken = is_upload_path(head.path) ? type == MediaType::kOffsetStream
                                                  : type == MediaType::kJson || type == MediaType::kMultipart;
  return head.content_length.value_or(0) > (is_taken ? submission_limit(limits, head) : limits.max_upload_bytes);
}

Refusal too_large_body(const Limits& limits, const http::RequestHead& head) {
  std::optional<ParameterizedValue> parsed;
  const MediaType type = media_type(head, parsed);
  if (type == MediaType::kOffsetStream || type == MediaType::kOther) return too_large_upload(limits);
  return {.problem = Problem::kTooLarge,
          .detail = type == MediaType::kMultipart
                        ? "a multipart body has at most " + std::to_string(limits.max_upload_bytes) + kUploadSetting
                        : "a JSON body has at most " + std::to_string(limits.max_json_bytes) +
                              " bytes; the operator's setting is max-json-bytes"};
}

Refusal too_large_upload(const Limits& limits) {
  return {.problem = Problem::kTooLarge,
          .detail = "an upload has at most " + std::to_string(limits.max_upload_bytes) + kUploadSetting};
}

http::Task<Result<Submission, Refusal>> read_submission(const Services& services, const Caller& caller,
                                                        http::Exchange& exchange, const BodyTerms& terms) {
  try {
    co_return co_await read_body(services, caller, exchange, terms);
  } catch (const http::BodyError& problem) {
    if (problem.kind() != http::BodyError::Kind::kTooLarge) throw;
  }
  co_return Unexpected<Refusal>(too_large_body(services.limits, exchange.head));
}

}  // namespace vbrain::api

#include "api-server/transfer/submission.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "api-server/keys/body_digest.hpp"
#include "api-server/submit/json_body.hpp"
#include "api-server/submit/priority.hpp"
#include "api-server/transfer/multipart.hpp"
#include "api-server/transfer/write_behind.hpp"
#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/archive/archive_spool.hpp"
#include "artifacts/records/raw_json.hpp"
#include "base/digest.hpp"
#include "base/json.hpp"

namespace vbrain::api {
namespace {

using artifacts::ArchiveError;
using artifacts::Staging;

// JSON up to here is checked on the I/O thread, larger JSON on the volume's pool. Not on `workers`: requests that wait
// for the Kubernetes API would keep it waiting.
constexpr std::size_t kSmallJson = JsonBudget::kFree;
constexpr std::uint64_t kNameBytesPerEntry = 256;  // of an archive, on average

enum class MediaType { kNone, kJson, kMultipart, kOther };

MediaType media_type(const http::RequestHead& head, std::optional<ParameterizedValue>& parsed) {
  if (!head.has_body()) return MediaType::kNone;
  parsed = parse_parameterized(head.find("content-type").value_or(""));
  if (!parsed) return MediaType::kOther;
  if (parsed->value == "application/json") return MediaType::kJson;
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

// One uploaded file on its way to the volume. Members run on the volume's pool, one after the other.
class FileReceiver {
 public:
  FileReceiver(std::string name, FileKind kind) : name_(std::move(name)), kind_(kind) {}

  // `parent` is the folder that holds the staged one.
  void open(const artifacts::Dir& parent, Staging& staging) {
    if (kind_ == FileKind::kZip) {
      // The archive is not in the staged folder, which may be removed while the file is open: a network file system may
      // keep a name for it until it is closed.
      archive_.emplace(parent, staging.folder());
    } else {
      auto file = staging.input().create_file(name_);
      if (!file) throw artifacts::VolumeError(EEXIST, "create an input file");
      file_ = std::move(*file);
    }
  }

  void write(std::string_view bytes) {
    if (archive_) {
      archive_->write(bytes);
    } else {
      artifacts::write_all(file_.get(), bytes);
      digest_.update(bytes);
    }
    size_ += bytes.size();
  }

  // Checks what has come and puts it into the staged input.
  Result<void, ArchiveError> finish(StagedInput& input, const Limits& limits) {
    if (archive_) return unpack(input, limits);
    file_ = {};
    const auto written = input.staging().input().open_file(name_);
    if (!written) throw artifacts::VolumeError(ENOENT, "read an input file back");
    const int fd = written->fd.get();
    const auto checked = kind_ == FileKind::kCsv    ? artifacts::check_csv(fd)
                         : kind_ == FileKind::kXlsx ? artifacts::check_xlsx(fd)
                                                    : artifacts::check_json(fd);
    if (!checked) return Unexpected<ArchiveError>(checked.error());
    input.files.push_back({name_, size_, digest_.hex()});
    return {};
  }

 private:
  Result<void, ArchiveError> unpack(StagedInput& input, const Limits& limits) {
    artifacts::ArchiveLimits archive_limits;
    archive_limits.entries = limits.max_archive_entries;
    archive_limits.inflated_bytes = limits.max_inflated_bytes;
    archive_limits.file_bytes = limits.max_inflated_bytes;
    archive_limits.names_bytes = std::max(archive_limits.names_bytes, limits.max_archive_entries * kNameBytesPerEntry);
    archive_limits.ratio = limits.max_inflate_ratio;
    archive_limits.code_page = limits.archive_code_page == 850 ? artifacts::CodePage::k850 : artifacts::CodePage::k437;
    auto unpacked = archive_->unpack(archive_limits, input.staging().input());
    archive_.reset();
    if (!unpacked) return Unexpected<ArchiveError>(std::move(unpacked.error()));
    input.files = std::move(unpacked->files);
    input.empty_folders = unpacked->listing.empty_folders();
    input.notes = std::move(unpacked->listing.notes);
    return {};
  }

  const std::string name_;
  const FileKind kind_;
  std::optional<artifacts::ArchiveSpool> archive_;
  artifacts::Fd file_;
  base::Sha256 digest_;
  std::uint64_t size_ = 0;
};

// A multipart body as it is read.
struct Form {
  std::optional<std::string> params;
  std::optional<std::string> metadata;
  std::optional<std::string> priority;
  std::optional<std::string> file_name;
  std::string* field = nullptr;  // the one being read; null within the file
  bool no_file = false;          // within a file field that was left empty
};

// The format of the part if it is the file. Nothing for a field; its bytes then go to `form.field`.
Result<std::optional<FileKind>, Refusal> begin_part(const PartHead& head, Form& form, bool priority_known) {
  form.field = nullptr;
  form.no_file = false;
  if (head.name == "file") {
    // A browser sends a file field that its user left empty without a name and without content.
    form.no_file = head.filename.value_or("").empty();
    if (form.no_file) return std::optional<FileKind>();
    if (form.file_name) return refuse(Problem::kInvalid, "file", "sent twice; put several files into one ZIP");
    const std::string_view why = artifacts::check_entry_name(*head.filename, 255, 1);
    if (!why.empty()) return refuse(Problem::kInvalid, "file", "filename: " + std::string(why) + "; rename the file");
    const auto kind = file_kind(*head.filename);
    if (!kind)
      return refuse(Problem::kInvalid, "file",
                    "its filename ends neither in .zip, .csv, .xlsx nor .json; put other files into a ZIP");
    form.file_name = head.filename;
    return kind;
  }
  auto* field = head.name == "params"                       ? &form.params
                : head.name == "metadata"                   ? &form.metadata
                : head.name == "priority" && priority_known ? &form.priority
                                                            : nullptr;
  if (field == nullptr) return bad_field(head.name, known_fields("file, ", priority_known));
  if (*field) return bad_field(head.name, "sent twice; send it once");
  form.field = &field->emplace();
  return std::optional<FileKind>();
}

http::Task<Result<Submission, Refusal>> read_json(const Services& services, const artifacts::Tenant& tenant,
                                                  http::BodyReader& body, const BodyTerms& terms) {
  using Digest = BodyTerms::Digest;
  Submission submission{
      .params = {}, .metadata = {}, .input = {}, .memory = JsonBudget::Share(services.json_budget, tenant)};
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
http::Task<std::optional<Refusal>> read_parts(const Services& services, const artifacts::Tenant& tenant,
                                              std::string_view boundary, http::BodyReader& body, const BodyTerms& terms,
                                              Upload& upload, WriteBehind& writing) {
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
        const auto kind = begin_part(event.head, form, terms.priority);
        if (!kind) co_return kind.error();
        if (!*kind) continue;
        if (terms.digest != Digest::kNone) upload.file_digest = std::make_shared<base::Sha256>();
        if (terms.digest == Digest::kOnly) {
          writing.begin([digest = upload.file_digest](std::string_view bytes) { digest->update(bytes); });
          continue;
        }
        upload.file = std::make_shared<FileReceiver>(*event.head.filename, **kind);
        const auto open = [&] {
          submission.input.emplace(services.bulk_workers, services.volume.stage(tenant));
          submission.input->hold(upload.file);
          upload.file->open(services.volume.root().at(artifacts::layout::staging(tenant)), submission.input->staging());
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

http::Task<Result<Submission, Refusal>> read_multipart(const Services& services, const artifacts::Tenant& tenant,
                                                       std::string_view boundary, http::BodyReader& body,
                                                       const BodyTerms& terms) {
  using Digest = BodyTerms::Digest;
  Upload upload{.submission = {.params = {},
                               .metadata = {},
                               .input = {},
                               .memory = JsonBudget::Share(services.json_budget, tenant)},
                .form = {},
                .file = {}};
  WriteBehind writing(services.volume_workers);
  std::optional<Refusal> refused;
  std::exception_ptr failure;
  try {
    refused = co_await read_parts(services, tenant, boundary, body, terms, upload, writing);
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
    if (is_left_empty(form.priority)) return std::nullopt;
    const auto priority = read_priority(*form.priority);
    if (!priority) return priority.error();
    submission.priority = *priority;
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

http::Task<Result<Submission, Refusal>> read_body(const Services& services, const artifacts::Tenant& tenant,
                                                  http::Exchange& exchange, const BodyTerms& terms) {
  std::optional<ParameterizedValue> type;
  exchange.body.set_limit(submission_limit(services.limits, exchange.head));
  switch (media_type(exchange.head, type)) {
    case MediaType::kNone:
      co_return Submission{.params = {},
                           .metadata = {},
                           .input = {},
                           .memory = JsonBudget::Share(services.json_budget, tenant),
                           .digest = digest_of_no_body()};
    case MediaType::kJson:
      co_return co_await read_json(services, tenant, exchange.body, terms);
    case MediaType::kMultipart: {
      const auto boundary = boundary_of(*type);
      if (!boundary)
        co_return refuse(Problem::kInvalid, "content-type",
                         "it needs a boundary; let the HTTP library set Content-Type");
      const std::string_view text = *boundary;
      co_return co_await read_multipart(services, tenant, text, exchange.body, terms);
    }
    case MediaType::kOther:
      break;
  }
  co_return refuse(Problem::kMediaType, {},
                   "the body is neither application/json nor multipart/form-data; send one of them and name it in "
                   "Content-Type");
}

}  // namespace

StagedInput::StagedInput(base::WorkerPool& pool, Staging staging)
    : pool_(&pool), staging_(std::make_shared<Staging>(std::move(staging))) {}

StagedInput::~StagedInput() {
  if (staging_ == nullptr && file_ == nullptr) return;
  pool_->post_always([staging = std::move(staging_), file = std::move(file_)]() mutable {
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
  return media_type(head, parsed) == MediaType::kMultipart ? limits.max_upload_bytes : limits.max_json_bytes;
}

Refusal too_large_body(const Limits& limits, const http::RequestHead& head) {
  std::optional<ParameterizedValue> parsed;
  const bool multipart = media_type(head, parsed) == MediaType::kMultipart;
  return {.problem = Problem::kTooLarge,
          .detail = multipart ? "a multipart body has at most " + std::to_string(limits.max_upload_bytes) +
                                    " bytes; the operator's setting is max-upload-bytes"
                              : "a JSON body has at most " + std::to_string(limits.max_json_bytes) +
                                    " bytes; the operator's setting is max-json-bytes"};
}

http::Task<Result<Submission, Refusal>> read_submission(const Services& services, const artifacts::Tenant& tenant,
                                                        http::Exchange& exchange, const BodyTerms& terms) {
  try {
    co_return co_await read_body(services, tenant, exchange, terms);
  } catch (const http::BodyError& problem) {
    if (problem.kind() != http::BodyError::Kind::kTooLarge) throw;
  }
  co_return Unexpected<Refusal>(too_large_body(services.limits, exchange.head));
}

}  // namespace vbrain::api

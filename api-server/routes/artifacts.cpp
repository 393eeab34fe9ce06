#include "api-server/answers/sealed_texts.hpp"
#include "api-server/jobs/job_service.hpp"
#include "api-server/jobs/repository_service.hpp"
#include "api-server/jobs/volume_view.hpp"
#include "api-server/routes/call.hpp"
#include "api-server/routes/stored_files.hpp"
#include "api-server/routes/wait.hpp"
#include "api-server/routes/with_job.hpp"
#include "api-server/transfer/download.hpp"
#include "artifacts/archive/archive_writer.hpp"
#include "artifacts/store/store.hpp"
#include "base/text/digest.hpp"

namespace vbrain::api {
namespace {

// The runner seals no larger result (docs/interfaces.md).
constexpr std::uint64_t kMaxResult = 16ULL << 20;
// What stands around a result in its answer.
constexpr std::string_view kBeforeResult = R"({"output":)";
constexpr std::string_view kAfterResult = "}";
// An archive without entries: its end record (PKWARE APPNOTE 4.3.16).
constexpr std::string_view kEmptyArchive{"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22};

Download empty_archive(std::string filename) {
  Download what;
  what.body = std::string(kEmptyArchive);
  what.filename = std::move(filename);
  what.etag = base::sha256_hex(kEmptyArchive);
  return what;
}

// The body of an answer about a sealed file.
struct Sealed {
  DownloadBody body;
  std::string etag;
};

// Nothing: the file is not visible yet. Blocks on the volume.
std::optional<Sealed> open_result(const Call& call, const Finished& job) {
  const auto expected = static_cast<std::uint64_t>(job.sizes.result_bytes);
  if (expected == 0) return Sealed{std::string(R"({"output":null})"), {}};
  auto file = call.services.volume.open_result(call.caller.tenant, call.id, job.attempt);
  if (!file || file->size != expected || expected > kMaxResult) return std::nullopt;
  auto body = body_of(std::move(*file));
  if (auto* text = std::get_if<std::string>(&body)) {
    text->insert(0, kBeforeResult).append(kAfterResult);
  } else {
    auto& whole = std::get<http::FileBody>(body);
    static const auto kBefore = http::in_pieces(std::string(kBeforeResult));
    static const auto kAfter = http::in_pieces(std::string(kAfterResult));
    whole.before = kBefore;
    whole.after = kAfter;
  }
  return Sealed{std::move(body), {}};
}

// The same for the output.
std::optional<Sealed> open_output(const Call& call, const Finished& job) {
  const auto expected = static_cast<std::uint64_t>(job.sizes.output_bytes);
  if (expected == 0) return Sealed{std::string(kEmptyArchive), base::sha256_hex(kEmptyArchive)};
  auto file = call.services.volume.open_output(call.caller.tenant, call.id, job.attempt);
  if (!file || file->size != expected) return std::nullopt;
  return Sealed{body_of(std::move(*file)), job.sizes.output_sha256};
}

using Kind = SealedTexts::Kind;

// A sealed result never changes, so which one it is tells what is in it. A later job may have the same id (kubectl).
std::string result_etag(std::string_view job_id, const JobRecord& record) {
  const Finished job = finished(record);
  return base::sha256_hex(std::string(job_id) + "\n" + base::format_rfc3339(record.stored->file.created_on) + "\n" +
                          std::to_string(job.attempt) + "\n" + std::to_string(job.sizes.result_bytes));
}

std::optional<Sealed> open_sealed(const Call& call, Kind kind, const JobRecord& record) {
  if (kind == Kind::kOutput) return open_output(call, finished(record));
  auto sealed = open_result(call, finished(record));
  if (sealed) sealed->etag = result_etag(call.id, record);
  return sealed;
}

Answer send_sealed(const Call& call, Kind kind, Sealed sealed) {
  if (kind == Kind::kOutput) {
    return download(call.exchange.head, {.body = std::move(sealed.body),
                                         .filename = std::string(call.id) + "-output.zip",
                                         .etag = std::move(sealed.etag)});
  }
  http::Reply reply;
  if (answer_known(reply, call.exchange.head, sealed.etag)) return reply;
  std::visit([&](auto& body) { reply.body = std::move(body); }, sealed.body);
  return reply;
}

// Whether the answer may be remembered: what is large is read anew each time.
bool is_small(Kind kind, const JobRecord& record) {
  const job::Artifacts sizes = finished(record).sizes;
  const std::int64_t bytes = kind == Kind::kResult ? sizes.result_bytes : sizes.output_bytes;
  return bytes <= static_cast<std::int64_t>(SealedTexts::kMaxBytes);
}

// The whole body in one text, to be remembered.
std::string text_of(const Sealed& sealed) {
  if (const auto* text = std::get_if<std::string>(&sealed.body)) return *text;
  const auto& file = std::get<http::FileBody>(sealed.body);
  std::string text(file.length, '\0');
  read_whole(file.file, text);
  if (file.before != nullptr) text.insert(0, file.before->joined());
  if (file.after != nullptr) text.append(file.after->joined());
  return text;
}

// Blocks on the volume.
Answer read_sealed(const Call& call, Kind kind, const JobRecord& record) {
  if (auto other = answer_unless_finished(record)) return std::move(*other);
  SealedTexts& texts = call.services.sealed_texts;
  std::optional<SealedTexts::Seen> seen;
  if (is_small(kind, record)) seen = texts.look(call.caller.tenant, call.id);
  // Whether it may be remembered was looked at after the record had been read. So the record is read once more.
  std::optional<JobRecord> again;
  if (seen) {
    auto found = find_job(call.services, call.caller, call.id, call.repository_id);
    if (!found) return Unexpected<Refusal>(std::move(found.error()));
    if (!found->unconfirmed && !answer_unless_finished(*found)) again = std::move(*found);
  }
  auto sealed = open_sealed(call, kind, again ? *again : record);
  if (!sealed) return not_visible_yet();
  if (again && is_small(kind, *again)) {
    texts.keep(kind, call.caller.tenant, call.id, std::move(*seen), again->stored->file.repository_id,
               {.body = text_of(*sealed), .etag = sealed->etag});
  }
  return send_sealed(call, kind, std::move(*sealed));
}

// From memory on the I/O thread, else from the volume.
http::Task<Answer> answer_with_sealed(Call& call, Kind kind) {
  const auto known = call.services.sealed_texts.find(kind, call.caller.tenant, call.id, call.repository_id);
  if (known != nullptr) {
    // All readers share the text.
    auto text = std::make_shared<http::TextPieces>();
    text->add(known, known->body);
    co_return send_sealed(call, kind, {std::move(text), known->etag});
  }
  const auto answer = [&](const JobRecord& record) { return read_sealed(call, kind, record); };
  co_return co_await answer_with_job(call, call.services.volume_workers, answer);
}

Answer input_of(const Call& call) {
  const Services& services = call.services;
  const auto stored = services.view.repository(call.caller.tenant, call.id);
  if (stored == nullptr) return refuse(Problem::kNoRepository);
  Download what;
  what.filename = std::string(call.id) + "-input.zip";
  what.etag = input_etag(stored->file);
  const auto known = call.exchange.head.find("if-none-match");
  // The client has this version: the archive, which may be large, is not made.
  if (known && names_etag(*known, what.etag, Comparison::kWeak)) return download(call.exchange.head, std::move(what));
  const auto make = [&](const artifacts::ArchiveWriter::Sink& out) {
    return services.volume.write_input_zip(call.caller.tenant, call.id, out);
  };
  const std::string key = "input " + artifacts::layout::repository(call.caller.tenant, call.id) + " " + what.etag;
  return made_archive(call, std::move(what), Problem::kNoRepository, key, make);
}

Answer logs_of(const Call& call, const JobRecord& record) {
  Download what;
  what.filename = std::string(call.id) + "-logs.zip";
  if (!record.on_volume) return download(call.exchange.head, empty_archive(std::move(what.filename)));
  const auto make = [&](const artifacts::ArchiveWriter::Sink& out) {
    return call.services.volume.write_logs_zip(call.caller.tenant, call.id, out);
  };
  // Logs of a job that has not finished may grow, also after a failure: the pod of a node that is lost may still write.
  std::string key;
  if (record.status->phase == job::Phase::kFinished && record.status->accepted_attempt) {
    key = "logs " + artifacts::layout::job(call.caller.tenant, call.id) + " " + result_etag(call.id, record);
  }
  return made_archive(call, std::move(what), Problem::kNoJob, key, make);
}

}  // namespace

http::Task<Answer> get_job_result(Call& call) {
  const auto wait = wanted_wait(call.exchange.head.query);
  if (!wait) co_return Unexpected<Refusal>(wait.error());
  bool waited = false;
  if (*wait > std::chrono::seconds(0)) waited = co_await wait_for_job(call, *wait, WaitFor::kEnd);
  auto answer = co_await answer_with_sealed(call, Kind::kResult);
  co_return waited ? ask_again_soon(std::move(answer)) : std::move(answer);
}

http::Task<Answer> get_job_output(Call& call) {
  return answer_with_sealed(call, Kind::kOutput);
}

http::Task<Answer> get_repository_input(Call& call) {
  const auto work = [&] { return input_of(call); };
  http::Waiting& waiting = call.exchange.waiting;
  co_return co_await http::run_for_client(waiting, call.services.bulk_workers, work);
}

http::Task<Answer> get_job_logs(Call& call) {
  const auto answer = [&](const JobRecord& record) { return logs_of(call, record); };
  co_return co_await answer_with_job(call, call.services.bulk_workers, answer);
}

}  // namespace vbrain::api

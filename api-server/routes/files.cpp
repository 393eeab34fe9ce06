#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>

#include "api-server/files/file_list.hpp"
#include "api-server/files/shown_file.hpp"
#include "api-server/jobs/job_service.hpp"
#include "api-server/jobs/volume_view.hpp"
#include "api-server/routes/call.hpp"
#include "api-server/routes/shared_read.hpp"
#include "api-server/routes/stored_files.hpp"
#include "api-server/routes/with_job.hpp"
#include "artifacts/raw_zip/file_reader.hpp"
#include "artifacts/store/store.hpp"
#include "base/text/digest.hpp"

namespace vbrain::api {
namespace {

using artifacts::ArchiveEntry;
using artifacts::ArchiveError;
using artifacts::FileReader;

// What is larger takes a thread of Services::bulk_workers: the directory of an archive that is searched for one name,
// and a file that has to be unpacked.
constexpr std::uint64_t kShortDirectory = 256 * 1024;
constexpr std::uint64_t kShortFile = 4ULL << 20;
// Of a file that must be unpacked. What is unpacked takes room on the volume until it is sent.
constexpr std::uint64_t kLargestUnpacked = 4ULL << 30;
// A larger manifest is not read: its digests are left out of the list.
constexpr std::uint64_t kLargestManifest = 8ULL << 20;

// What a thread may do. kShort: it has to stop at what takes long.
enum class Work { kShort, kAny };

// A list, or the news that it takes long.
struct FileList {
  SharedAnswer answer = {};
  bool is_long = false;
};

[[noreturn]] void refuse_output(const Call& call, const ArchiveError& error) {
  throw artifacts::CorruptFile(artifacts::layout::job(call.caller.tenant, call.id) + ": output.zip: " + error.reason);
}

FileReader reader_of(const Call& call, const artifacts::OpenFile& archive) {
  auto reader = FileReader::open(archive.fd.get(), archive.size);
  if (!reader) refuse_output(call, reader.error());
  return std::move(*reader);
}

// Nothing: the archive is not visible yet.
std::optional<artifacts::OpenFile> open_archive(const Call& call, const Finished& job) {
  auto archive = call.services.volume.open_output(call.caller.tenant, call.id, job.attempt);
  if (archive && archive->size != static_cast<std::uint64_t>(job.sizes.output_bytes)) return std::nullopt;
  return archive;
}

// The digests that the runner wrote while it sealed the output. Old manifests and those of many files lack some.
class Digests {
 public:
  Digests(const Call& call, int attempt) : memory_(call.services.json_budget, call.caller.tenant) {
    const auto folder = call.services.volume.open_attempt(call.caller.tenant, call.id, attempt);
    try {
      const auto file = folder ? folder->open_file(artifacts::layout::kManifest) : std::nullopt;
      if (!file || file->size > kLargestManifest) return;
      memory_.cover(file->size);
    } catch (const artifacts::UnsafeFile&) {
      return;  // The container made it.
    }
    auto manifest = folder->read_manifest();
    if (!manifest || !*manifest) return;
    manifest_ = std::move(**manifest);
    for (const artifacts::OutputFile& one : manifest_.files) by_name_.emplace(one.name, &one);
  }

  // Empty: not known.
  std::string_view of(const ArchiveEntry& file) const {
    const auto found = by_name_.find(file.name);
    if (found == by_name_.end() || found->second->bytes != file.size) return {};
    return found->second->sha256;
  }

 private:
  TenantBudget::Share memory_;
  artifacts::Manifest manifest_;
  std::unordered_map<std::string_view, const artifacts::OutputFile*> by_name_;
};

// An answer that stands for a list, for all its readers.
SharedAnswer share(const Call& call, Answer answer) {
  if (!answer) return shared_refusal(std::move(answer.error()));
  AnswerText text;
  text.add(std::get<std::string>(answer->body));
  return share_json(answer->status, std::move(text),
                    TenantBudget::Share(call.services.json_budget, call.caller.tenant));
}

// Blocks on the volume.
FileList list_output(const Call& call, Work work, bool is_confirmed) {
  const auto record = find_job(call.services, call.caller, call.id, call.repository_id);
  if (!record) return {shared_refusal(record.error())};
  if (record->unconfirmed && !is_confirmed) return {SharedAnswer{.unconfirmed = true}};
  if (auto other = answer_unless_finished(*record)) {
    FileList none{share(call, std::move(*other))};
    none.answer.retry_after = record->retry_after;
    return none;
  }
  const Finished job = finished(*record);
  const artifacts::Tenant& tenant = call.caller.tenant;
  if (job.sizes.output_bytes == 0)
    return {share_files(
        call.services, tenant, longest_list(0, 0), [](const auto&) {}, call.caller.ids)};
  const auto archive = open_archive(call, job);
  if (!archive) return {shared_refusal(not_visible_yet().value())};
  const FileReader reader = reader_of(call, *archive);
  const std::uint64_t longest = longest_list(reader.entries(), reader.directory_bytes());
  if (work == Work::kShort && longest > kShortList) return {.is_long = true};
  const Digests digests(call, job.attempt);
  const auto files = [&](const std::function<void(const ListedFile&)>& take) {
    const auto done = reader.each([&](const ArchiveEntry& file) {
      take({.name = file.name, .bytes = file.size, .sha256 = digests.of(file), .crc32 = file.crc});
    });
    if (!done) refuse_output(call, done.error());
  };
  return {share_files(call.services, tenant, longest, files, call.caller.ids)};
}

FileList list_input(const Call& call, const std::vector<artifacts::InputFile>& input, Work work) {
  std::uint64_t names_bytes = 0;
  for (const artifacts::InputFile& file : input) names_bytes += file.name.size();
  const std::uint64_t longest = longest_list(input.size(), names_bytes);
  if (work == Work::kShort && longest > kShortList) return {.is_long = true};
  const auto files = [&](const std::function<void(const ListedFile&)>& take) {
    for (const artifacts::InputFile& file : input) {
      take({.name = file.name, .bytes = file.bytes, .sha256 = file.sha256});
    }
  };
  return {share_files(call.services, call.caller.tenant, longest, files, call.caller.ids)};
}

// Blocks on the volume.
FileList list_repository_input(const Call& call, Work work) {
  const auto stored = call.services.view.repository(call.caller.tenant, call.id);
  if (stored == nullptr) return {shared_refusal({.problem = Problem::kNoRepository})};
  return list_input(call, stored->file.input, work);
}

// The input of a job. Of a Job made with kubectl whose folder is not there yet it is that of the repository that it
// names. Blocks on the volume.
using InputList = std::shared_ptr<const std::vector<artifacts::InputFile>>;
InputList input_of(const Call& call, const JobRecord& record) {
  const artifacts::JobFile& file = record.stored->file;
  InputList of_job(record.stored, &file.input);
  if (record.on_volume || file.repository_id.empty()) return of_job;
  const auto repository = call.services.view.repository(call.caller.tenant, file.repository_id);
  return repository == nullptr ? of_job : InputList(repository, &repository->file.input);
}

// Blocks on the volume.
FileList list_job_input(const Call& call, Work work, bool is_confirmed) {
  const auto record = find_job(call.services, call.caller, call.id, call.repository_id);
  if (!record) return {shared_refusal(record.error())};
  if (record->unconfirmed && !is_confirmed) return {SharedAnswer{.unconfirmed = true}};
  return list_input(call, *input_of(call, *record), work);
}

// The list that `read(work)` makes, shared with other requests for `key`.
template <class F>
http::Task<std::shared_ptr<const SharedAnswer>> read_files(const Call& call, const std::string& key, F& read) {
  const Services& services = call.services;
  const auto read_short = [&] { return read(Work::kShort); };
  auto list = co_await services.reads.get(services.volume_workers, key, read_short);
  if (list->is_long) {
    const auto read_any = [&] { return read(Work::kAny); };
    const std::string long_key = "long " + key;
    auto whole = co_await services.reads.get(services.bulk_workers, long_key, read_any);
    list = std::move(whole);
  }
  co_return std::shared_ptr<const SharedAnswer>(list, &list->answer);
}

// What all answers with one file have.
Download described(std::string_view name, std::string etag) {
  Download what;
  what.content_type = shown_as(name).media_type;
  what.disposition = disposition_of(name);
  what.etag = std::move(etag);
  return what;
}

Answer confined(Answer answer) {
  if (answer) confine(*answer);
  return answer;
}

// Sends a file that has to be unpacked first. Nothing: that takes long.
std::optional<Answer> send_unpacked(const Call& call, artifacts::OpenFile archive, const FileReader& reader,
                                    const ArchiveEntry& file, Download what, Work work) {
  const http::RequestHead& head = call.exchange.head;
  const auto known = head.find("if-none-match");
  const auto wanted = head.find("if-match");
  const bool has_tag = !what.etag.empty();
  const bool is_known = has_tag && known && names_etag(*known, what.etag, Comparison::kWeak);
  const bool is_other = has_tag && wanted && !names_etag(*wanted, what.etag, Comparison::kStrong);
  if (head.method == http::Method::kHead || is_known || is_other) {
    // Not a byte of it is sent, so nothing is unpacked.
    http::FileBody unsent;
    unsent.file = std::move(archive.fd);
    unsent.length = file.size;
    what.body = std::move(unsent);
    return download(head, std::move(what));
  }
  if (file.size <= kSmallFile) {
    std::string text;
    const auto done = reader.read(file, [&](std::string_view piece) { text.append(piece); });
    if (!done) refuse_output(call, done.error());
    what.body = std::move(text);
    return download(head, std::move(what));
  }
  if (file.size > kLargestUnpacked) {
    return refuse(
        Problem::kTooLarge, {},
        "packed files of more than 4 GiB are not sent alone; GET /job/:job_id/output sends them in their archive");
  }
  if (work == Work::kShort && file.size > kShortFile) return std::nullopt;
  const auto make = [&](const artifacts::ArchiveWriter::Sink& out) {
    const auto done = reader.read(file, out);
    if (!done) refuse_output(call, done.error());
    return std::make_optional(artifacts::ArchiveWriter::Added{file.size, {}});
  };
  // The tag is a digest of the archive's digest and the file's name. The first comes from the container, so the job
  // belongs to the key.
  std::string key;
  if (!what.etag.empty()) key = "file " + artifacts::layout::job(call.caller.tenant, call.id) + " " + what.etag;
  return made_archive(call, std::move(what), Problem::kNoFile, key, make);
}

// Blocks on the volume. Nothing: it takes long.
std::optional<Answer> output_file(const Call& call, const JobRecord& record, const std::string& name, Work work) {
  if (auto other = answer_unless_finished(record)) return std::move(*other);
  const Finished job = finished(record);
  if (job.sizes.output_bytes == 0) return refuse(Problem::kNoFile);
  auto archive = open_archive(call, job);
  if (!archive) return not_visible_yet();
  const FileReader reader = reader_of(call, *archive);
  if (work == Work::kShort && reader.directory_bytes() > kShortDirectory) return std::nullopt;
  const auto found = reader.find(name);
  if (!found) refuse_output(call, found.error());
  if (!*found) return refuse(Problem::kNoFile);
  const ArchiveEntry& file = **found;
  const std::string& sealed = job.sizes.output_sha256;
  Download what = described(name, sealed.empty() ? "" : base::sha256_hex(sealed + "\n" + name));
  if (file.deflated) return send_unpacked(call, std::move(*archive), reader, file, std::move(what), work);
  what.body = body_of(std::move(archive->fd), file.data_offset, file.size);
  return download(call.exchange.head, std::move(what));
}

// The file `name` of the folder `input`, which has the files of `list`. `gone`: the refusal if it is not there and what
// it belongs to was deleted meanwhile. Blocks on the volume.
Answer send_input(const Call& call, const std::vector<artifacts::InputFile>& list, const std::string& input,
                  const std::string& name, const std::function<std::optional<Refusal>()>& gone) {
  const auto listed = std::ranges::find(list, name, &artifacts::InputFile::name);
  if (listed == list.end()) return refuse(Problem::kNoFile);
  auto content = call.services.volume.root().open_file(input + "/" + name);
  if (!content || content->size != listed->bytes) {
    if (auto refused = gone()) return Unexpected<Refusal>(std::move(*refused));
    throw artifacts::CorruptFile(input + ": a file of the list of the input is missing or has another size");
  }
  Download what = described(name, listed->sha256);
  what.body = body_of(std::move(*content));
  return download(call.exchange.head, std::move(what));
}

// Blocks on the volume.
Answer repository_input_file(const Call& call, const std::string& name) {
  const artifacts::Tenant& tenant = call.caller.tenant;
  const auto stored = call.services.view.repository(tenant, call.id);
  if (stored == nullptr) return refuse(Problem::kNoRepository);
  const auto gone = [&]() -> std::optional<Refusal> {
    if (call.services.volume.has_repository(tenant, call.id)) return std::nullopt;
    return Refusal{.problem = Problem::kNoRepository};
  };
  return send_input(call, stored->file.input, artifacts::layout::repository_input(tenant, call.id), name, gone);
}

// A job that was sent with files has an input of its own, all others have their repository's. Blocks on the volume.
Answer job_input_file(const Call& call, const JobRecord& record, const std::string& name) {
  const artifacts::Tenant& tenant = call.caller.tenant;
  const artifacts::JobFile& file = record.stored->file;
  const bool is_own = file.input_from == artifacts::JobFile::InputFrom::kJob;
  const std::string input = is_own ? artifacts::layout::job_input(tenant, call.id)
                                   : artifacts::layout::repository_input(tenant, file.repository_id);
  const auto gone = [&]() -> std::optional<Refusal> {
    const auto now = find_job(call.services, call.caller, call.id, call.repository_id);
    if (!now) return now.error();
    if (is_own || call.services.volume.has_repository(tenant, file.repository_id)) return std::nullopt;
    return Refusal{.problem = Problem::kNoJob};
  };
  return send_input(call, *input_of(call, record), input, name, gone);
}

// Answers with a list of files of a job.
using ListOfJob = FileList (*)(const Call&, Work, bool is_confirmed);
http::Task<Answer> answer_with_list(Call& call, std::string_view what, ListOfJob list) {
  const auto read = [&](Work work) { return list(call, work, false); };
  const std::string key = key_of_read(what, call);
  const auto known = co_await read_files(call, key, read);
  if (!known->unconfirmed) co_return reply_with(call.exchange.head, known);
  const auto confirm = [&] { return confirm_job(call.services, call.caller, call.id); };
  const auto confirmed = co_await http::run_on(call.services.workers, confirm);
  if (!confirmed) co_return Unexpected<Refusal>(confirmed.error());
  const auto read_confirmed = [&](Work work) { return list(call, work, true); };
  const std::string confirmed_key = "confirmed " + key;
  const auto found = co_await read_files(call, confirmed_key, read_confirmed);
  co_return reply_with(call.exchange.head, found);
}

}  // namespace

http::Task<Answer> get_job_output_files(Call& call) {
  return answer_with_list(call, "output files", list_output);
}

http::Task<Answer> get_job_output_file(Call& call) {
  const auto name = file_name_in(call.rest);
  if (!name) co_return Unexpected<Refusal>(name.error());
  bool is_long = false;
  const auto look = [&](const JobRecord& record) -> Answer {
    auto answer = output_file(call, record, *name, Work::kShort);
    is_long = !answer;
    return is_long ? Answer() : std::move(*answer);
  };
  auto quick = co_await answer_with_job(call, call.services.volume_workers, look);
  if (!is_long) co_return confined(std::move(quick));
  const auto work = [&](const JobRecord& record) { return *output_file(call, record, *name, Work::kAny); };
  auto answer = co_await answer_with_job(call, call.services.bulk_workers, work);
  co_return confined(std::move(answer));
}

http::Task<Answer> get_job_input_files(Call& call) {
  return answer_with_list(call, "files of the input", list_job_input);
}

http::Task<Answer> get_job_input_file(Call& call) {
  const auto name = file_name_in(call.rest);
  if (!name) co_return Unexpected<Refusal>(name.error());
  const auto look = [&](const JobRecord& record) { return job_input_file(call, record, *name); };
  auto answer = co_await answer_with_job(call, call.services.volume_workers, look);
  co_return confined(std::move(answer));
}

http::Task<Answer> get_repository_input_files(Call& call) {
  const auto read = [&](Work work) { return list_repository_input(call, work); };
  const std::string key = key_of_read("input files", call);
  const auto list = co_await read_files(call, key, read);
  co_return reply_with(call.exchange.head, list);
}

http::Task<Answer> get_repository_input_file(Call& call) {
  const auto name = file_name_in(call.rest);
  if (!name) co_return Unexpected<Refusal>(name.error());
  const auto work = [&] { return repository_input_file(call, *name); };
  auto answer = co_await http::run_on(call.services.volume_workers, work);
  co_return confined(std::move(answer));
}

}  // namespace vbrain::api

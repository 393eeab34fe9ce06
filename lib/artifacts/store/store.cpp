#include "artifacts/store/store.hpp"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/json.hpp"

namespace vbrain::artifacts {
namespace {

constexpr std::uint64_t kStatusLimit = 4U << 20;

std::string join(std::string folder, std::string_view name) {
  return std::move(folder.append("/").append(name));
}

template <class File>
std::optional<File> read_decoded(const Dir& root, const std::string& path,
                                 Result<File, std::string> (*decode)(std::string_view)) {
  const auto text = root.read_file(path, kJobFileLimit);
  if (!text) return std::nullopt;
  auto file = decode(*text);
  if (!file) throw CorruptFile(path + ": " + file.error());
  return std::move(*file);
}

std::vector<std::string> names_in(const Dir& folder, bool (*is_legal)(std::string_view),
                                  const std::function<bool(std::string_view)>& wanted) {
  std::vector<std::string> names;
  for (Dir::Entry& entry : folder.list()) {
    if (is_legal(entry.name) && (!wanted || wanted(entry.name))) names.push_back(std::move(entry.name));
  }
  return names;
}

// Adds the log files of one attempt, folders included; one file open at a time.
class LogCollector {
 public:
  explicit LogCollector(ArchiveWriter& writer) : writer_(writer) {}

  void collect(const Dir& folder, const std::string& prefix, int depth = 1) {
    for (const Dir::Entry& entry : folder.list()) {
      if (files_ == Store::kLogFiles || bytes_ >= Store::kLogBytes) return;
      // Ours, half written.
      if (entry.name.starts_with(".vbrain-") || !check_name(entry.name)) continue;
      try {
        if (entry.type == DT_DIR) {
          if (auto below = depth < kDepth ? folder.sub(entry.name) : std::nullopt) {
            collect(*below, prefix + entry.name + "/", depth + 1);
          }
        } else if (const auto file = folder.open_file(entry.name)) {
          const auto size = std::min(file->size, Store::kLogBytes - bytes_);
          bytes_ += writer_.add(prefix + entry.name, file->fd.get(), size, file->modified).bytes;
          ++files_;
        }
      } catch (const UnsafeFile&) {
        continue;
      }
    }
  }

 private:
  static constexpr int kDepth = 16;
  static bool check_name(std::string_view name) { return is_name(name) && name.find('\\') == name.npos; }

  ArchiveWriter& writer_;
  std::size_t files_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace

Store::Store(const std::string& root) : root_(Dir::open(root)) {}

std::optional<RepositoryFile> Store::read_repository(const Tenant& tenant, std::string_view repository_id) const {
  return read_decoded(root(), layout::repository_file(tenant, repository_id), decode_repository_file);
}

bool Store::has_repository(const Tenant& tenant, std::string_view repository_id) const {
  return root().status(layout::repository(tenant, repository_id)).has_value();
}

std::optional<JobFile> Store::read_job(const Tenant& tenant, std::string_view job_id) const {
  return read_decoded(root(), layout::job_file(tenant, job_id), decode_job_file);
}

bool Store::has_job(const Tenant& tenant, std::string_view job_id) const {
  return root().status(layout::job(tenant, job_id)).has_value();
}

std::optional<std::vector<std::string>> Store::jobs_of(const Tenant& tenant, std::string_view repository_id,
                                                       const std::function<bool(std::string_view)>& wanted) const {
  const auto markers = root().sub(layout::markers(tenant, repository_id));
  if (!markers) return std::nullopt;
  auto ids = names_in(*markers, is_job_folder_name, wanted);
  const auto jobs = root().sub(layout::jobs(tenant));
  if (!jobs) return std::vector<std::string>{};
  // A marker is written before its job's folder, so after a crash it may name none.
  std::erase_if(ids, [&](const std::string& id) {
    return !jobs->status(id) || jobs->status(join(id, layout::kDeleted)).has_value();
  });
  return ids;
}

std::vector<std::string> Store::repositories(const Tenant& tenant,
                                             const std::function<bool(std::string_view)>& wanted) const {
  const auto folder = root().sub(layout::repositories(tenant));
  return folder ? names_in(*folder, is_repository_id, wanted) : std::vector<std::string>{};
}

std::optional<ArchiveWriter::Added> Store::write_input_zip(const Tenant& tenant, std::string_view repository_id,
                                                           ArchiveWriter::Sink out) const {
  const auto file = read_repository(tenant, repository_id);
  if (!file) return std::nullopt;
  ArchiveWriter writer(std::move(out), Compression::kFast);
  const std::string input = layout::repository_input(tenant, repository_id);
  for (const InputFile& listed : file->input) {
    const auto content = root().open_file(join(input, listed.name));
    if (!content) throw CorruptFile(input + ": a file that repository.json lists is missing");
    // A file's own time changes with a copy of the volume; the same input is to give the same bytes.
    writer.add(listed.name, content->fd.get(), content->size, file->created_on);
  }
  return writer.finish();
}

std::string encode_record(const nlohmann::json& record) {
  nlohmann::json object = record;
  object["format"] = 1;
  return object.dump() + "\n";
}

void Store::write_status(const Tenant& tenant, std::string_view job_id, const nlohmann::json& record) const {
  root().write_file_durably(layout::status_file(tenant, job_id), encode_record(record));
}

std::optional<nlohmann::json> Store::read_status(const Tenant& tenant, std::string_view job_id) const {
  const std::string path = layout::status_file(tenant, job_id);
  const auto text = root().read_file(path, kStatusLimit);
  if (!text) return std::nullopt;
  auto record = base::parse_json(*text);
  if (!record) throw CorruptFile(path + ": " + record.error());
  if (!record->is_object()) throw CorruptFile(path + ": not an object");
  return std::move(*record);
}

void Store::create_attempt(const Tenant& tenant, std::string_view job_id, int number) const {
  const std::string name = "attempts/" + std::to_string(number);
  if (number < 1) throw std::invalid_argument("attempts count from 1");
  root().at(layout::job(tenant, job_id)).make(name);
}

std::vector<int> Store::attempts(const Tenant& tenant, std::string_view job_id) const {
  std::vector<int> numbers;
  const auto folder = root().sub(layout::attempts(tenant, job_id));
  if (!folder) return numbers;
  for (const Dir::Entry& entry : folder->list()) {
    int number = 0;
    const char* end = entry.name.data() + entry.name.size();
    const auto parsed = std::from_chars(entry.name.data(), end, number);
    if (parsed.ec == std::errc() && parsed.ptr == end && number >= 1) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

ClaimResult Store::close_attempt(const Tenant& tenant, std::string_view job_id, int number, base::TimePoint now) const {
  create_attempt(tenant, job_id, number);
  return take_claim(root().at(layout::attempt(tenant, job_id, number)),
                    {.by = Claim::By::kController, .pod_uid = {}, .time = now});
}

std::optional<Claim> Store::read_claim(const Tenant& tenant, std::string_view job_id, int number) const {
  const auto attempt = root().sub(layout::attempt(tenant, job_id, number));
  if (!attempt) return std::nullopt;
  return artifacts::read_claim(*attempt);
}

std::optional<Result<Manifest, std::string>> Store::read_manifest(const Tenant& tenant, std::string_view job_id,
                                                                  int number) const {
  try {
    const auto text =
        root().read_file(join(layout::attempt(tenant, job_id, number), layout::kManifest), kManifestLimit);
    if (!text) return std::nullopt;
    return decode_manifest(*text);
  } catch (const UnsafeFile&) {
    return Unexpected<std::string>("not a regular file of allowed size");
  }
}

std::optional<OpenFile> Store::open_result(const Tenant& tenant, std::string_view job_id, int number) const {
  return root().open_file(join(layout::attempt(tenant, job_id, number), layout::kResult));
}

std::optional<OpenFile> Store::open_output(const Tenant& tenant, std::string_view job_id, int number) const {
  return root().open_file(join(layout::attempt(tenant, job_id, number), layout::kOutput));
}

std::optional<ArchiveWriter::Added> Store::write_logs_zip(const Tenant& tenant, std::string_view job_id,
                                                          ArchiveWriter::Sink out) const {
  if (!has_job(tenant, job_id)) return std::nullopt;
  ArchiveWriter writer(std::move(out), Compression::kFast);
  LogCollector collector(writer);
  const std::vector<int> numbers = attempts(tenant, job_id);
  for (const int number : numbers) {
    const auto logs = root().sub(join(layout::attempt(tenant, job_id, number), layout::kLogs));
    if (!logs) continue;
    collector.collect(*logs, numbers.size() > 1 ? "attempt-" + std::to_string(number) + "-" : "");
  }
  return writer.finish();
}

std::optional<base::TimePoint> Store::probe() const {
  const std::string name = ".probe-" + random_name();
  const auto takes_no_more = [](const VolumeError& error) { return error.is_full() || error.code().value() == EROFS; };
  std::optional<Fd> file;
  try {
    file = root().create_file(name);
    if (!file) throw VolumeError(EEXIST, "probe the volume");
  } catch (const VolumeError& error) {
    if (!takes_no_more(error)) throw;
    return std::nullopt;
  }
  // As it was made, not as it was written: a full volume has a time too.
  struct stat found {};
  if (fstat(file->get(), &found) != 0) throw VolumeError(errno, "probe the volume");
  try {
    write_all(file->get(), "vbrain\n");
    sync_and_close(std::move(*file));
  } catch (const VolumeError& error) {
    root().remove_file(name);
    if (!takes_no_more(error)) throw;
    return changed_at(found);
  }
  root().remove_file(name);
  return changed_at(found);
}

}  // namespace vbrain::artifacts

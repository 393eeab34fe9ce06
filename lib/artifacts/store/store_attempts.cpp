// Attempts: files written by runners and possibly changed by applications.
#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "artifacts/archive/left_out.hpp"
#include "artifacts/files/access.hpp"
#include "artifacts/store/store.hpp"
#include "base/files/io.hpp"

namespace vbrain::artifacts {
namespace {

// True if another try to read will fail for the same reason. Other errors may be temporary errors of the volume.
bool is_for_good(int error) {
  return error == EACCES || error == EPERM;
}

std::string reason_of(const UnsafeFile& error) {
  return error.code().value() == EMLINK ? "it has a second name (a hard link)" : "it is not a regular file";
}

// Adds the log files of one attempt, including subfolders; one file is open at a time. Leaves out unreadable files.
class LogCollector {
 public:
  LogCollector(ArchiveWriter& writer, LeftOut& left_out) : writer_(writer), left_out_(left_out) {}

  // `attempts` is the folder of all attempts; `prefix` precedes the files' names in the archive.
  void attempt(const Dir& attempts, int number, const std::string& prefix) {
    const std::string name = std::to_string(number);
    const auto folder = guarded("attempt " + name, [&] { return open_own_folder(attempts, name); });
    if (folder) collect(*folder, std::string(layout::kLogs), prefix, 1);
  }

 private:
  static constexpr int kDepth = 16;

  void collect(const Dir& parent, const std::string& name, const std::string& prefix, int depth) {
    const auto folder = guarded(depth == 1 ? prefix + name : prefix, [&] { return open_own_folder(parent, name); });
    if (!folder) return;
    for (const Dir::Entry& entry : folder->list()) {
      const std::string shown = prefix + entry.name;
      if (files_ == Store::kLogFiles || bytes_ >= Store::kLogBytes) {
        return left_out_.add(shown, "the archive is full: it holds 2000 files and 4 GiB at most");
      }
      if (entry.name.starts_with(".vbrain-")) continue;  // an incomplete temporary file
      if (!is_name(entry.name) || entry.name.find('\\') != entry.name.npos) {
        left_out_.add(shown, "its name cannot be in an archive");
      } else if (entry.type != DT_DIR) {
        add(*folder, entry.name, shown);
      } else if (depth == kDepth) {
        left_out_.add(shown, "it is more than 16 levels deep");
      } else {
        collect(*folder, entry.name, shown + "/", depth + 1);
      }
    }
  }

  // Opens with `open`; for an unreadable file it adds a line to the text and returns nothing.
  template <class Open>
  auto guarded(const std::string& shown, const Open& open) -> decltype(open()) {
    try {
      return open();
    } catch (const UnsafeFile& error) {
      left_out_.add(shown, reason_of(error));
    } catch (const VolumeError& error) {
      if (!is_for_good(error.code().value())) throw;
      left_out_.add(shown, error.code().message());
    }
    return std::nullopt;
  }

  void add(const Dir& folder, const std::string& name, const std::string& shown) {
    const auto file = guarded(shown, [&] {
      auto opened = open_as_owner(folder, name, [&] { return folder.open_file(name); });
      // Some file servers check rights when a file is read, not when it is opened. An entry that has been started can't
      // be removed from the archive.
      char first = 0;
      if (opened && base::read_some_at(opened->fd.get(), {&first, 1}, 0) < 0) throw VolumeError(errno, "read " + shown);
      return opened;
    });
    if (!file) return;
    const auto size = std::min(file->size, Store::kLogBytes - bytes_);
    bytes_ += writer_.add(shown, file->fd.get(), size, file->modified).bytes;
    ++files_;
  }

  ArchiveWriter& writer_;
  LeftOut& left_out_;
  std::size_t files_ = 0;
  std::uint64_t bytes_ = 0;
};

// The entry of the archive that names what is missing.
constexpr std::string_view kLeftOutFile = "left-out-by-server.txt";

}  // namespace

std::optional<JobFolder> Store::open_job(const Tenant& tenant, std::string_view job_id) const {
  return JobFolder::open(root(), layout::job(tenant, job_id));
}

std::optional<AttemptFolder> Store::open_attempt(const Tenant& tenant, std::string_view job_id, int number) const {
  return AttemptFolder::open(root(), layout::job(tenant, job_id), number);
}

AttemptFolder Store::make_attempt(const Tenant& tenant, std::string_view job_id, int number) const {
  const auto job = open_job(tenant, job_id);
  if (!job) throw VolumeError(ENOENT, "open folder " + layout::job(tenant, job_id));
  return job->make_attempt(number);
}

void Store::create_attempt(const Tenant& tenant, std::string_view job_id, int number) const {
  make_attempt(tenant, job_id, number);
}

std::vector<int> Store::attempts(const Tenant& tenant, std::string_view job_id) const {
  const auto job = open_job(tenant, job_id);
  return job ? job->attempts() : std::vector<int>{};
}

ClaimResult Store::close_attempt(const Tenant& tenant, std::string_view job_id, int number, base::TimePoint now) const {
  return make_attempt(tenant, job_id, number).close(now);
}

std::optional<Claim> Store::read_claim(const Tenant& tenant, std::string_view job_id, int number) const {
  const auto attempt = open_attempt(tenant, job_id, number);
  return attempt ? attempt->read_claim() : std::nullopt;
}

std::optional<Result<Manifest, std::string>> Store::read_manifest(const Tenant& tenant, std::string_view job_id,
                                                                  int number) const {
  const auto attempt = open_attempt(tenant, job_id, number);
  return attempt ? attempt->read_manifest() : std::nullopt;
}

std::optional<OpenFile> Store::open_result(const Tenant& tenant, std::string_view job_id, int number) const {
  const auto attempt = open_attempt(tenant, job_id, number);
  return attempt ? attempt->open_file(layout::kResult) : std::nullopt;
}

std::optional<OpenFile> Store::open_output(const Tenant& tenant, std::string_view job_id, int number) const {
  const auto attempt = open_attempt(tenant, job_id, number);
  return attempt ? attempt->open_file(layout::kOutput) : std::nullopt;
}

std::optional<ArchiveWriter::Added> Store::write_logs_zip(const Tenant& tenant, std::string_view job_id,
                                                          ArchiveWriter::Sink out) const {
  if (!has_job(tenant, job_id)) return std::nullopt;
  ArchiveWriter writer(std::move(out), Compression::kFast);
  LeftOut left_out("The server");
  LogCollector collector(writer, left_out);
  const std::vector<int> numbers = attempts(tenant, job_id);
  const auto folder = root().sub(layout::attempts(tenant, job_id));
  for (const int number : numbers) {
    if (folder) collector.attempt(*folder, number, numbers.size() > 1 ? "attempt-" + std::to_string(number) + "-" : "");
  }
  if (!left_out.empty()) writer.add_text(kLeftOutFile, left_out.text());
  return writer.finish();
}

}  // namespace vbrain::artifacts

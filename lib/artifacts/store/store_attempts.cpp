// Attempts: files written by runners and possibly changed by applications.
#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "artifacts/archive/left_out.hpp"
#include "artifacts/store/access.hpp"
#include "artifacts/store/store.hpp"
#include "base/io.hpp"

namespace vbrain::artifacts {
namespace {

// Opens an entry of `folder`. An application with the servers' own user may have removed its mode bits, and its runner
// may have been killed before it restored them. Then the owner restores them here.
template <class Open>
auto open_as_owner(const Dir& folder, std::string_view name, const Open& open) {
  try {
    return open();
  } catch (const UnsafeFile&) {
    throw;
  } catch (const VolumeError& error) {
    if (error.code().value() != EACCES || restore_access_at(folder.fd(), std::string(name)) != 0) throw;
  }
  return open();
}

std::optional<Dir> open_folder(const Dir& parent, std::string_view name) {
  auto folder = open_as_owner(parent, name, [&] { return parent.sub(name); });
  struct stat found {};
  // The folder can be listed, but its entries can't be opened.
  if (folder && fstat(folder->fd(), &found) == 0 && (found.st_mode & 0700) != 0700) restore_access(folder->fd());
  return folder;
}

std::optional<OpenFile> open_file(const std::optional<Dir>& folder, std::string_view name) {
  if (!folder) return std::nullopt;
  return open_as_owner(*folder, name, [&] { return folder->open_file(name); });
}

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
    const auto folder = guarded("attempt " + name, [&] { return open_folder(attempts, name); });
    if (folder) collect(*folder, std::string(layout::kLogs), prefix, 1);
  }

 private:
  static constexpr int kDepth = 16;

  void collect(const Dir& parent, const std::string& name, const std::string& prefix, int depth) {
    const auto folder = guarded(depth == 1 ? prefix + name : prefix, [&] { return open_folder(parent, name); });
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

std::optional<Dir> Store::open_attempt(const Tenant& tenant, std::string_view job_id, int number) const {
  const std::string name = std::to_string(number);
  const auto attempts = root().sub(layout::attempts(tenant, job_id));
  return attempts ? open_folder(*attempts, name) : std::nullopt;
}

void Store::create_attempt(const Tenant& tenant, std::string_view job_id, int number) const {
  if (number < 1) throw std::invalid_argument("attempts count from 1");
  const Dir job = root().at(layout::job(tenant, job_id));
  if (open_attempt(tenant, job_id, number)) return;
  const Dir attempt = job.make("attempts/" + std::to_string(number));
  // The server creates it, so that an application with another user can't remove the server's rights. If a crash loses
  // it, the runner creates it.
  attempt.make_new(layout::kLogs);
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
  const auto attempt = open_attempt(tenant, job_id, number);
  if (!attempt) throw VolumeError(ENOENT, "open the folder of an attempt");
  const Claim mine{.by = Claim::By::kController, .pod_uid = {}, .time = now};
  return open_as_owner(*attempt, layout::kClaim, [&] { return take_claim(*attempt, mine); });
}

std::optional<Claim> Store::read_claim(const Tenant& tenant, std::string_view job_id, int number) const {
  const auto attempt = open_attempt(tenant, job_id, number);
  if (!attempt) return std::nullopt;
  return open_as_owner(*attempt, layout::kClaim, [&] { return artifacts::read_claim(*attempt); });
}

std::optional<Result<Manifest, std::string>> Store::read_manifest(const Tenant& tenant, std::string_view job_id,
                                                                  int number) const {
  const auto attempt = open_attempt(tenant, job_id, number);
  if (!attempt) return std::nullopt;
  try {
    const auto text = open_as_owner(*attempt, layout::kManifest,
                                    [&] { return attempt->read_file(layout::kManifest, kManifestLimit); });
    if (!text) return std::nullopt;
    return decode_manifest(*text);
  } catch (const UnsafeFile&) {
    return Unexpected<std::string>("not a regular file of allowed size");
  }
}

std::optional<OpenFile> Store::open_result(const Tenant& tenant, std::string_view job_id, int number) const {
  return open_file(open_attempt(tenant, job_id, number), layout::kResult);
}

std::optional<OpenFile> Store::open_output(const Tenant& tenant, std::string_view job_id, int number) const {
  return open_file(open_attempt(tenant, job_id, number), layout::kOutput);
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

#include "artifacts/store/job_folder.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "artifacts/files/access.hpp"
#include "artifacts/store/layout.hpp"
#include "artifacts/store/store.hpp"
#include "base/json/json.hpp"

namespace vbrain::artifacts {
namespace {

constexpr std::uint64_t kStatusLimit = 4U << 20;
constexpr std::string_view kAttempts = "attempts";

std::string join(std::string_view folder, std::string_view name) {
  return std::string(folder).append("/").append(name);
}

// `job` is the path of the job's folder below `root`; empty: `root` is that folder.
std::optional<Dir> open_attempt(const Dir& root, std::string_view job, int number) {
  if (number < 1) throw std::invalid_argument("attempts count from 1");
  const std::string name = std::to_string(number);
  const std::string all = job.empty() ? std::string(kAttempts) : join(job, kAttempts);
  std::optional<Dir> folder;
  try {
    folder = root.sub(join(all, name));
    if (folder) restore_own_folder(*folder);
    return folder;
  } catch (const UnsafeFile&) {
    throw;
  } catch (const VolumeError& error) {
    if (error.code().value() != EACCES) throw;
  }
  const auto attempts = root.sub(all);
  return attempts ? open_own_folder(*attempts, name) : std::nullopt;
}

}  // namespace

std::optional<AttemptFolder> AttemptFolder::open(const Dir& root, const std::string& job, int number) {
  auto folder = open_attempt(root, job, number);
  if (!folder) return std::nullopt;
  return AttemptFolder(std::move(*folder));
}

std::optional<Claim> AttemptFolder::read_claim() const {
  return open_as_owner(folder_, layout::kClaim, [&] { return artifacts::read_claim(folder_); });
}

std::optional<Result<Manifest, std::string>> AttemptFolder::read_manifest() const {
  try {
    const auto text =
        open_as_owner(folder_, layout::kManifest, [&] { return folder_.read_file(layout::kManifest, kManifestLimit); });
    if (!text) return std::nullopt;
    return decode_manifest(*text);
  } catch (const UnsafeFile&) {
    return Unexpected<std::string>("not a regular file of allowed size");
  }
}

std::optional<OpenFile> AttemptFolder::open_file(std::string_view name) const {
  return open_as_owner(folder_, name, [&] { return folder_.open_file(name); });
}

ClaimResult AttemptFolder::close(base::TimePoint now) const {
  const Claim mine{.by = Claim::By::kController, .pod_uid = {}, .time = now};
  return open_as_owner(folder_, layout::kClaim, [&] { return take_claim(folder_, mine); });
}

std::optional<JobFolder> JobFolder::open(const Dir& root, const std::string& path) {
  auto folder = root.sub(path);
  if (!folder) return std::nullopt;
  return JobFolder(std::move(*folder));
}

bool JobFolder::is_deleted() const {
  return folder_.status(layout::kDeleted).has_value();
}

bool JobFolder::has_input() const {
  return folder_.status(layout::kInput).has_value();
}

std::optional<nlohmann::json> JobFolder::read_status() const {
  return read_record(folder_, std::string(layout::kStatusFile));
}

void JobFolder::write_status(const nlohmann::json& record) const {
  folder_.write_file_durably(layout::kStatusFile, encode_record(record));
}

std::vector<int> JobFolder::attempts() const {
  std::vector<int> numbers;
  const auto folder = folder_.sub(kAttempts);
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

std::optional<nlohmann::json> read_record(const Dir& root, const std::string& path) {
  const auto text = root.read_file(path, kStatusLimit);
  if (!text) return std::nullopt;
  auto record = base::parse_json(*text);
  if (!record) throw CorruptFile(path + ": " + record.error());
  if (!record->is_object()) throw CorruptFile(path + ": not an object");
  return std::move(*record);
}

AttemptFolder JobFolder::make_attempt(int number) const {
  if (auto found = open_attempt(folder_, "", number)) return AttemptFolder(std::move(*found));
  Dir attempt = folder_.make(join(kAttempts, std::to_string(number)));
  // The server creates it, so that an application with another user can't remove the server's rights. If a crash loses
  // it, the runner creates it.
  attempt.make_new(layout::kLogs);
  return AttemptFolder(std::move(attempt));
}

Dir add_first_attempt(const Dir& staged) {
  auto attempts = staged.make_new(kAttempts);
  auto first = attempts ? attempts->make_new("1") : std::nullopt;
  if (!first) throw VolumeError(EEXIST, "make the folder of the first attempt");
  first->make_new(layout::kLogs);
  return std::move(*attempts);
}

}  // namespace vbrain::artifacts

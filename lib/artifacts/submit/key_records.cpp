#include "artifacts/submit/key_records.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "artifacts/records/json_fields.hpp"
#include "artifacts/scans/volume_walk.hpp"
#include "artifacts/store/store_index.hpp"
#include "artifacts/submit/job_batch.hpp"
#include "base/json/json.hpp"
#include "base/text/digest.hpp"

namespace vbrain::artifacts {
namespace {

constexpr const char* kFolder = ".keys";
constexpr std::string_view kDone = "done-";
constexpr std::string_view kGone = "gone-";
// A batch has at most 1,000 ids of 36 bytes, in the list and in the answer.
constexpr std::uint64_t kRecordLimit = 1U << 20;

std::string folder_of(const Tenant& tenant) {
  return layout::tenant(tenant) + "/" + kFolder;
}

bool is_record_name(std::string_view name) {
  return name.size() == 64 &&
         std::ranges::all_of(name, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// The text of a symbolic link; nothing: there is no such name, or it is a file (`is_file`).
std::optional<std::string> read_link(const Dir& folder, const std::string& name, bool& is_file) {
  std::array<char, 4096> text;
  const ssize_t size = readlinkat(folder.fd(), name.c_str(), text.data(), text.size());
  if (size >= 0) return std::string(text.data(), static_cast<std::size_t>(size));
  is_file = errno == EINVAL;
  if (is_file || errno == ENOENT) return std::nullopt;
  throw VolumeError(errno, "read the record of an Idempotency-Key");
}

KeyRecord read_record(std::string_view text) {
  const auto object = nlohmann::json::parse(text, nullptr, false);
  fields::require_format(object);
  KeyRecord record;
  record.request = fields::text(object, "request", 64);
  record.id = fields::text(object, "id", 63);
  record.repository_id = fields::text(object, "repository_id", 18);
  if (const nlohmann::json* jobs = fields::find(object, "jobs")) {
    if (!jobs->is_array()) fields::refuse("jobs", "is not a list");
    for (const nlohmann::json& job : *jobs) {
      if (!job.is_string()) fields::refuse("jobs", "holds something else");
      record.jobs.push_back(job.get<std::string>());
      if (!is_job_folder_name(record.jobs.back())) fields::refuse("jobs", "holds an illegal id");
    }
  }
  record.answer = fields::text(object, "answer", kRecordLimit);
  if (!is_record_name(record.request)) fields::refuse("request", "is not legal");
  if (!is_job_folder_name(record.id)) fields::refuse("id", "is not legal");
  if (!record.repository_id.empty() && !is_repository_id(record.repository_id)) {
    fields::refuse("repository_id", "is not legal");
  }
  return record;
}

}  // namespace

std::string encode(const KeyRecord& record) {
  std::string text =
      R"({"format":1,"request":)" + base::quote_json(record.request) + R"(,"id":)" + base::quote_json(record.id);
  if (!record.repository_id.empty()) text += R"(,"repository_id":)" + base::quote_json(record.repository_id);
  if (!record.jobs.empty()) {
    text += R"(,"jobs":[)";
    for (const std::string& id : record.jobs) {
      if (text.back() != '[') text += ',';
      text += base::quote_json(id);
    }
    text += ']';
  }
  return text + R"(,"answer":)" + base::quote_json(record.answer) + "}";
}

Result<KeyRecord, std::string> decode_key_record(std::string_view text) {
  try {
    return read_record(text);
  } catch (const fields::Malformed& malformed) {
    return Unexpected<std::string>(malformed.reason);
  }
}

std::string key_record_name(std::string_view key) {
  return base::sha256_hex(key);
}

std::optional<FoundKey> find_key(const Store& store, const Tenant& tenant, const std::string& name) {
  const auto folder = store.root().sub(folder_of(tenant));
  if (!folder) return std::nullopt;
  bool is_file = false;
  auto text = read_link(*folder, name, is_file);
  // Between its two names a new file has two links.
  if (is_file) text = folder->read_file(name, kRecordLimit, 2);
  if (!text) return std::nullopt;
  auto record = decode_key_record(*text);
  if (!record) throw CorruptFile("the record of an Idempotency-Key, " + name + ": " + record.error());
  const bool done = folder->status(std::string(kDone) + record->id).has_value();
  return FoundKey{std::move(*record), done};
}

bool claim_key(const Store& store, const Tenant& tenant, const std::string& name, const KeyRecord& record) {
  const std::string path = folder_of(tenant);
  auto folder = store.root().sub(path);
  if (!folder) folder = store.root().make(path);
  const std::string text = encode(record);
  if (store.ordered_journal()) {
    if (symlinkat(text.c_str(), folder->fd(), name.c_str()) == 0) return true;
    if (errno == EEXIST) return false;
    // XFS has links of at most 1,024 bytes, others of 4,095.
    if (errno != ENAMETOOLONG) throw VolumeError(errno, "record an Idempotency-Key");
  }
  DurableFile file(*folder);
  write_all(file.fd(), text);
  return file.commit_new(name);
}

void mark_key_done(const Store& store, const Tenant& tenant, std::string_view id) {
  const auto folder = store.root().sub(folder_of(tenant));
  if (folder) folder->create_file(std::string(kDone).append(id));
}

bool has_key_mark(const Store& store, const Tenant& tenant, std::string_view id) {
  return store.root().status(folder_of(tenant) + "/" + std::string(kDone).append(id)).has_value();
}

void mark_key_deleted(const Store& store, const Tenant& tenant, std::string_view id) {
  const auto folder = store.root().sub(folder_of(tenant));
  if (!folder) return;
  folder->create_file(std::string(kGone).append(id));
  folder->create_file(std::string(kDone).append(id));
}

bool has_deletion_mark(const Store& store, const Tenant& tenant, std::string_view id) {
  return store.root().status(folder_of(tenant) + "/" + std::string(kGone).append(id)).has_value();
}

bool has_published(const Store& store, const Tenant& tenant, const KeyRecord& record) {
  if (!record.jobs.empty()) {
    return store.has_job(tenant, record.jobs.front()) || is_batch_under_way(store, tenant, record.id);
  }
  if (!record.repository_id.empty()) return store.has_repository(tenant, record.repository_id);
  return is_repository_id(record.id) ? store.has_repository(tenant, record.id) : store.has_job(tenant, record.id);
}

std::uint64_t count_keys(const Store& store, const Tenant& tenant) {
  std::uint64_t count = 0;
  each_name(store, folder_of(tenant), [&](std::string_view name) { count += is_record_name(name) ? 1 : 0; });
  return count;
}

std::size_t sweep_keys(const Store& store, base::TimePoint before, const OnUnreadable& unreadable,
                       std::stop_token stop) {
  std::size_t removed = 0;
  const auto visit = [&](const Dir& tenant, const std::string& path) {
    const auto folder = tenant.sub(kFolder);
    if (!folder) return true;
    return walk::guarded(path + "/" + kFolder, unreadable, [&] {
      return walk::each_entry(*folder, [&](const Dir::Entry& entry) {
        const auto found = folder->status(entry.name);
        // A mark is younger than its record, so it stays as long as that.
        if (found && changed_at(*found) < before && folder->remove_file(entry.name)) ++removed;
        return !stop.stop_requested();
      });
    });
  };
  walk::guarded("tenants", unreadable, [&] { return walk::each_tenant(store.root(), unreadable, visit); });
  return removed;
}

}  // namespace vbrain::artifacts

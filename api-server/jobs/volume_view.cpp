#include "api-server/jobs/volume_view.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api-server/jobs/dates.hpp"
#include "api-server/lists/id_lists.hpp"
#include "artifacts/records/raw_json.hpp"
#include "artifacts/store/store.hpp"
#include "base/json/json.hpp"
#include "base/text/digest.hpp"

namespace vbrain::api {
namespace {

// params and metadata of a job have at most this size together with the usual limit. The list of its input, which can
// make job.json larger, does not count: a job with a long list must stay readable.
constexpr std::size_t kMaxCountedRead = 2U << 20;
std::string list_json(const auto& items, auto text_of) {
  std::string text = "[";
  for (const auto& item : items) {
    if (text.size() > 1) text += ',';
    text += base::quote_json(text_of(item));
  }
  return text + "]";
}

}  // namespace

std::string name_in(std::string_view metadata) {
  const auto members = artifacts::split_object(metadata);
  if (!members) return "";
  for (const auto& [key, value] : *members) {
    if (key == "name" && value.starts_with('"')) return nlohmann::json::parse(value).get<std::string>();
  }
  return "";
}

namespace {

std::string render_members(const auto& file, std::string_view name) {
  const auto params = artifacts::split_object(file.params);
  std::string text = ",\"repository_id\":" + base::quote_json(file.repository_id);
  text += ",\"name\":" + base::quote_json(name);
  text += ",\"input\":" + list_json(file.input, [](const artifacts::InputFile& input) { return input.name; });
  text += ",\"created_on\":\"" + format_created_on(file.created_on) + "\"";
  text += ",\"created_by\":" + base::quote_json(file.created_by);
  text += params && !params->empty() ? ",\"params\":true" : ",\"params\":false";
  text += ",\"metadata\":" + file.metadata;
  return text;
}

}  // namespace

std::string render_fixed(const artifacts::JobFile& file) {
  return render_members(file, name_in(file.metadata));
}

std::string render_fixed(const artifacts::RepositoryFile& file) {
  return render_members(file, file.name);
}

// Names hold no control characters.
std::string repository_key(const artifacts::Tenant& tenant, std::string_view repository_id) {
  return tenant.organization + '\n' + tenant.application + '\n' + tenant.client + '\n' + std::string(repository_id);
}

namespace {

std::vector<std::string> key_of_repository(const job::JobSpec& spec) {
  return {repository_key({spec.organization_id, spec.application_id, spec.client_id}, spec.repository_id)};
}

}  // namespace

std::vector<std::string> kubectl_jobs_keys(const job::Job& job) {
  if (job.made_by_rest() || job.spec.repository_id.empty()) return {};
  return key_of_repository(job.spec);
}

std::vector<std::string> deleted_jobs_keys(const job::Job& job) {
  if (!job.meta.deletion_timestamp || job.spec.repository_id.empty()) return {};
  return key_of_repository(job.spec);
}

std::size_t VolumeView::RepositoryEntry::weight() const {
  const artifacts::RepositoryFile& file = repository->file;
  return 512 + repository->shown.size() + file.params.size() + file.metadata.size() + file.input.size() * 160;
}

std::size_t VolumeView::JobEntry::weight() const {
  const artifacts::JobFile& file = job->file;
  return 512 + job->shown.size() + file.params.size() + file.metadata.size() + file.unknown.size() +
         file.input.size() * 160 + (record == nullptr ? 0 : 1024 + record->status.attempt_history.size() * 512);
}

template <class Entry>
std::shared_ptr<const Entry> VolumeView::LruCache<Entry>::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  return found->second->second;
}

template <class Entry>
void VolumeView::LruCache<Entry>::put(const std::string& key, std::shared_ptr<const Entry> entry) {
  erase(key);
  const std::size_t weight = entry->weight() + key.size();
  // A value that would displace all others is not cached.
  if (weight > max_bytes_ / 4) return;
  const std::lock_guard lock(mutex_);
  if (entries_.contains(key)) return;
  order_.emplace_front(key, std::move(entry));
  entries_.emplace(order_.front().first, order_.begin());
  bytes_ += weight;
  while (bytes_ > max_bytes_) {
    const auto& [last_key, last] = order_.back();
    bytes_ -= last->weight() + last_key.size();
    entries_.erase(last_key);
    order_.pop_back();
  }
}

template <class Entry>
void VolumeView::LruCache<Entry>::erase(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  const auto position = found->second;
  bytes_ -= position->second->weight() + key.size();
  entries_.erase(found);
  order_.erase(position);
}

VolumeView::VolumeView(const artifacts::Store& volume, const kube::Cache<job::Job>& resources, const base::Clock& clock,
                       TenantBudget& budget, std::size_t max_bytes, std::size_t list_bytes)
    : volume_(volume),
      clock_(clock),
      budget_(budget),
      jobs_(max_bytes),
      repositories_(max_bytes),
      lists_(std::make_unique<IdLists>(volume, resources, clock, list_bytes)) {}

VolumeView::~VolumeView() = default;

TenantBudget::Share VolumeView::cover_read(const artifacts::Tenant& tenant, const std::optional<FolderStamp>& file) {
  TenantBudget::Share memory(budget_, tenant);
  if (file) memory.cover(std::min(static_cast<std::size_t>(file->size), kMaxCountedRead));
  return memory;
}

std::shared_ptr<const VolumeView::JobEntry> VolumeView::job_entry(const artifacts::Tenant& tenant,
                                                                  std::string_view job_id) {
  const std::string path = artifacts::layout::job(tenant, job_id);
  // The stamp is read before the content. A change after that gives the folder another stamp, which the next read sees.
  const base::TimePoint now = clock_.now();
  const auto stamp = stamp_of(volume_, path);
  auto cached = jobs_.find(path);
  if (!stamp) {
    if (cached != nullptr) jobs_.erase(path);
    return nullptr;
  }
  if (cached != nullptr && cached->reliable && cached->stamp == *stamp) return cached;
  // The inode of the folder is not enough: the folder of a new job may have the inode of a removed one.
  const auto file_stamp = stamp_of(volume_, artifacts::layout::job_file(tenant, job_id));
  const bool same = cached != nullptr && cached->stamp.inode == stamp->inode && cached->file_stamp == file_stamp;
  if (volume_.is_deleted(tenant, job_id)) {
    jobs_.erase(path);
    return nullptr;
  }
  auto entry = std::make_shared<JobEntry>();
  entry->stamp = *stamp;
  entry->file_stamp = file_stamp;
  entry->reliable = is_reliable(*stamp, now);
  if (same) {
    // job.json is written once, before its folder has this name. The record may be another one; its own stamp tells.
    entry->job = cached->job;
    entry->record_stamp = cached->record_stamp;
    entry->record = cached->record;
  } else {
    const TenantBudget::Share memory = cover_read(tenant, file_stamp);
    auto file = volume_.read_job(tenant, job_id);
    if (!file) return nullptr;
    auto job = std::make_shared<StoredJob>();
    job->shown = render_fixed(*file);
    job->tag = base::sha256_hex(job->shown);
    job->file = std::move(*file);
    entry->job = std::move(job);
  }
  if (!same || entry->reliable) jobs_.put(path, entry);
  return entry;
}

std::shared_ptr<const VolumeView::JobEntry> VolumeView::with_record(const artifacts::Tenant& tenant,
                                                                    std::string_view job_id,
                                                                    std::shared_ptr<const JobEntry> entry) {
  if (entry->reliable && entry->record_known) return entry;
  auto known = std::make_shared<JobEntry>(*entry);
  // A record is replaced as a whole, by a file with another inode or time.
  const auto stamp = stamp_of(volume_, artifacts::layout::status_file(tenant, job_id));
  if (!stamp) {
    known->record = nullptr;
  } else if (known->record == nullptr || known->record_stamp != stamp) {
    const auto read = volume_.read_status(tenant, job_id);
    auto record = std::make_shared<StoredRecord>();
    if (read) record->uid = read->value(nlohmann::json::json_pointer("/metadata/uid"), "");
    if (read) record->status = job::decode_status(*read);
    known->record = read ? std::move(record) : nullptr;
  }
  known->record_stamp = stamp;
  known->record_known = true;
  jobs_.put(artifacts::layout::job(tenant, job_id), known);
  return known;
}

std::shared_ptr<const StoredJob> VolumeView::job(const artifacts::Tenant& tenant, std::string_view job_id) {
  const auto entry = job_entry(tenant, job_id);
  return entry == nullptr ? nullptr : entry->job;
}

JobOnVolume VolumeView::job_and_record(const artifacts::Tenant& tenant, std::string_view job_id) {
  auto entry = job_entry(tenant, job_id);
  if (entry == nullptr) return {};
  entry = with_record(tenant, job_id, std::move(entry));
  return {entry->job, entry->record};
}

std::shared_ptr<const StoredRepository> VolumeView::repository(const artifacts::Tenant& tenant,
                                                               std::string_view repository_id, Counting counting) {
  if (!artifacts::is_repository_id(repository_id)) return nullptr;
  const std::string path = artifacts::layout::repository(tenant, repository_id);
  // Nothing changes directly in the folder once it has its name: the same folder means the same content.
  const auto stamp = stamp_of(volume_, path);
  const auto cached = repositories_.find(path);
  if (cached != nullptr && stamp == cached->stamp) return cached->repository;
  repositories_.erase(path);
  if (!stamp) return nullptr;
  std::optional<TenantBudget::Share> memory;
  if (counting == Counting::kCounted) {
    memory.emplace(cover_read(tenant, stamp_of(volume_, artifacts::layout::repository_file(tenant, repository_id))));
  }
  auto file = volume_.read_repository(tenant, repository_id);
  if (!file) return nullptr;
  auto repository = std::make_shared<StoredRepository>();
  repository->shown = render_fixed(*file);
  repository->tag = base::sha256_hex(repository->shown);
  repository->file = std::move(*file);
  auto entry = std::make_shared<RepositoryEntry>();
  entry->stamp = *stamp;
  entry->repository = repository;
  repositories_.put(path, std::move(entry));
  return repository;
}

}  // namespace vbrain::api

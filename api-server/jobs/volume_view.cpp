#include "api-server/jobs/volume_view.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "api-server/jobs/dates.hpp"
#include "api-server/jobs/job_record.hpp"
#include "artifacts/records/raw_json.hpp"
#include "artifacts/store/store.hpp"
#include "base/json.hpp"

namespace vbrain::api {
namespace {

// Coarser than the times of any file system in use, and than the clocks of servers may differ.
constexpr std::chrono::seconds kQuietAfter{2};

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
std::string by_hand_key(const artifacts::Tenant& tenant, std::string_view repository_id) {
  return tenant.organization + '\n' + tenant.application + '\n' + tenant.client + '\n' + std::string(repository_id);
}

std::vector<std::string> by_hand_keys(const job::Job& job) {
  if (job.made_by_rest() || job.spec.repository_id.empty()) return {};
  return {by_hand_key({job.spec.organization_id, job.spec.application_id, job.spec.client_id}, job.spec.repository_id)};
}

std::size_t VolumeView::RepositoryEntry::weight() const {
  const artifacts::RepositoryFile& file = repository->file;
  return 512 + repository->shown.size() + file.params.size() + file.metadata.size() + file.input.size() * 160;
}

std::size_t VolumeView::JobEntry::weight() const {
  const artifacts::JobFile& file = job->file;
  return 512 + job->shown.size() + file.params.size() + file.metadata.size() + file.input.size() * 160;
}

std::size_t VolumeView::ListEntry::weight() const {
  return 256 + json->size();
}

template <class Entry>
std::shared_ptr<const Entry> VolumeView::Memory<Entry>::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  return found->second->second;
}

template <class Entry>
void VolumeView::Memory<Entry>::put(const std::string& key, std::shared_ptr<const Entry> entry) {
  erase(key);
  const std::size_t weight = entry->weight() + key.size();
  // What would push out everything else is not worth remembering.
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
void VolumeView::Memory<Entry>::erase(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  const auto position = found->second;
  bytes_ -= position->second->weight() + key.size();
  entries_.erase(found);
  order_.erase(position);
}

VolumeView::VolumeView(const artifacts::Store& volume, const kube::Cache<job::Job>& resources, const base::Clock& clock,
                       std::size_t max_bytes)
    : volume_(volume),
      resources_(resources),
      clock_(clock),
      jobs_(max_bytes),
      repositories_(max_bytes),
      lists_(max_bytes) {}

std::optional<VolumeView::Stamp> VolumeView::look(const std::string& path) const {
  const auto found = volume_.root().status(path);
  if (!found) return std::nullopt;
  return Stamp{found->st_ino, found->st_mtim.tv_sec, found->st_mtim.tv_nsec, found->st_size};
}

bool VolumeView::is_quiet(const Stamp& stamp) const {
  const auto changed = std::chrono::seconds(stamp.seconds);
  return clock_.now().time_since_epoch() - changed > kQuietAfter;
}

std::shared_ptr<const StoredJob> VolumeView::job(const artifacts::Tenant& tenant, std::string_view job_id) {
  const std::string path = artifacts::layout::job(tenant, job_id);
  // The stamp first: what changes after it makes the next look differ.
  const auto stamp = look(path);
  const auto known = jobs_.find(path);
  if (!stamp) {
    if (known != nullptr) jobs_.erase(path);
    return nullptr;
  }
  if (known != nullptr && known->quiet && known->stamp == *stamp) return known->job;
  // The folder's inode alone tells nothing: a new job's folder may have that of one that was removed.
  const auto file_stamp = look(artifacts::layout::job_file(tenant, job_id));
  const bool same = known != nullptr && known->stamp.inode == stamp->inode && known->file_stamp == file_stamp;
  if (volume_.is_deleted(tenant, job_id)) {
    jobs_.erase(path);
    return nullptr;
  }
  auto entry = std::make_shared<JobEntry>();
  entry->stamp = *stamp;
  entry->file_stamp = file_stamp;
  entry->quiet = is_quiet(*stamp);
  if (same) {
    // job.json is written once, before its folder has this name.
    entry->job = known->job;
  } else {
    auto file = volume_.read_job(tenant, job_id);
    if (!file) return nullptr;
    auto job = std::make_shared<StoredJob>();
    job->shown = render_fixed(*file);
    job->file = std::move(*file);
    entry->job = std::move(job);
  }
  if (!same || entry->quiet) jobs_.put(path, entry);
  return entry->job;
}

std::shared_ptr<const StoredRepository> VolumeView::repository(const artifacts::Tenant& tenant,
                                                               std::string_view repository_id) {
  if (!artifacts::is_repository_id(repository_id)) return nullptr;
  const std::string path = artifacts::layout::repository(tenant, repository_id);
  // Nothing changes directly in the folder once it has its name: the same folder means the same content.
  const auto stamp = look(path);
  const auto known = repositories_.find(path);
  if (known != nullptr && stamp == known->stamp) return known->repository;
  repositories_.erase(path);
  auto file = stamp ? volume_.read_repository(tenant, repository_id) : std::nullopt;
  if (!file) return nullptr;
  auto repository = std::make_shared<StoredRepository>();
  repository->shown = render_fixed(*file);
  repository->file = std::move(*file);
  auto entry = std::make_shared<RepositoryEntry>();
  entry->stamp = *stamp;
  entry->repository = repository;
  repositories_.put(path, std::move(entry));
  return repository;
}

std::shared_ptr<const std::string> VolumeView::repository_list(const artifacts::Tenant& tenant) {
  static const auto kNone = std::make_shared<const std::string>("[]");
  const std::string path = artifacts::layout::repositories(tenant);
  const auto stamp = look(path);
  if (!stamp) return kNone;
  const auto known = lists_.find(path);
  if (known != nullptr && known->quiet && known->stamp == *stamp) return known->json;
  auto entry = std::make_shared<ListEntry>();
  entry->stamp = *stamp;
  entry->quiet = is_quiet(*stamp);
  entry->json = std::make_shared<const std::string>(
      list_json(volume_.repositories(tenant), [](const std::string& id) { return id; }));
  if (entry->quiet) lists_.put(path, entry);
  return entry->json;
}

std::shared_ptr<const std::string> VolumeView::job_list(const artifacts::Tenant& tenant,
                                                        std::string_view repository_id) {
  auto published = published_list(tenant, repository_id);
  if (published == nullptr) return nullptr;
  const auto by_hand = resources_.by_index(kByHandIndex, by_hand_key(tenant, repository_id));
  if (by_hand.empty()) return published;
  const auto listed = nlohmann::json::parse(*published).get<std::vector<std::string>>();
  std::set<std::string> ids(listed.begin(), listed.end());
  for (const auto& resource : by_hand) {
    const std::string& id = resource->meta.name;
    if (resource->meta.deletion_timestamp || ids.contains(id) || !artifacts::is_job_folder_name(id)) continue;
    // With a folder, it is listed by its marker, or deleted.
    if (!volume_.has_job(tenant, id)) ids.insert(id);
  }
  if (ids.size() == listed.size()) return published;
  return std::make_shared<const std::string>(list_json(ids, [](const std::string& id) { return id; }));
}

std::shared_ptr<const std::string> VolumeView::published_list(const artifacts::Tenant& tenant,
                                                              std::string_view repository_id) {
  if (!artifacts::is_repository_id(repository_id)) return nullptr;
  const std::string path = artifacts::layout::markers(tenant, repository_id);
  const std::uint64_t epoch = epoch_.load(std::memory_order_relaxed);
  const auto stamp = look(path);
  if (!stamp) return nullptr;
  const auto known = lists_.find(path);
  if (known != nullptr && known->quiet && known->stamp == *stamp && known->epoch == epoch) return known->json;

  std::size_t markers = 0;
  const auto count = [&](std::string_view) {
    ++markers;
    return true;
  };
  auto ids = volume_.jobs_of(tenant, repository_id, count);
  if (!ids) return nullptr;
  // A marker is there before its job: the list changes once more without the folder of markers showing it.
  const bool complete = ids->size() == markers;
  std::erase_if(*ids, [&](const std::string& id) {
    const auto resource = resources_.get(id);
    return resource != nullptr && resource->meta.deletion_timestamp && belongs_to(*resource, tenant);
  });
  auto entry = std::make_shared<ListEntry>();
  entry->stamp = *stamp;
  entry->quiet = is_quiet(*stamp);
  entry->epoch = epoch;
  entry->json = std::make_shared<const std::string>(list_json(*ids, [](const std::string& id) { return id; }));
  if (entry->quiet && complete) lists_.put(path, entry);
  return entry->json;
}

}  // namespace vbrain::api

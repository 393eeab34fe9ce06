#include "api-server/answers/sealed_texts.hpp"

#include <chrono>
#include <utility>

#include "api-server/jobs/job_record.hpp"
#include "artifacts/store/store.hpp"

namespace vbrain::api {
namespace {

// More than the resolution of the times of any file system in use.
constexpr std::chrono::seconds kTrustedAfter{2};

std::string key_of(SealedTexts::Kind kind, const std::string& folder) {
  return (kind == SealedTexts::Kind::kResult ? "result " : "output ") + folder;
}

bool same(const timespec& left, const timespec& right) {
  return left.tv_sec == right.tv_sec && left.tv_nsec == right.tv_nsec;
}

}  // namespace

bool SealedTexts::Seen::operator==(const Seen& other) const {
  return inode == other.inode && same(changed, other.changed) && same(touched, other.touched) && uid == other.uid &&
         is_live == other.is_live;
}

SealedTexts::SealedTexts(const artifacts::Store& volume, const kube::Cache<job::Job>& resources,
                         const base::Clock& clock, std::size_t max_bytes)
    : volume_(volume), quick_(volume.root()), resources_(resources), clock_(clock), entries_(max_bytes) {}

SealedTexts::Seen SealedTexts::see(const struct stat& folder, const artifacts::Tenant& tenant,
                                   std::string_view job_id) const {
  Seen seen{.inode = folder.st_ino, .changed = folder.st_mtim, .touched = folder.st_ctim, .uid = {}};
  if (const auto resource = resources_.get(job_id)) {
    seen.uid = resource->meta.uid;
    seen.is_live = !resource->meta.deletion_timestamp && belongs_to(*resource, tenant);
  }
  return seen;
}

std::shared_ptr<const SealedTexts::Text> SealedTexts::find(Kind kind, const artifacts::Tenant& tenant,
                                                           std::string_view job_id, std::string_view repository_id) {
  if (!artifacts::is_job_folder_name(job_id)) return nullptr;
  const std::string folder = artifacts::layout::job(tenant, job_id);
  const std::string key = key_of(kind, folder);
  const auto entry = entries_.find(key);
  if (entry == nullptr) return nullptr;
  const auto found = quick_.status(folder);
  if (!found) return nullptr;
  if (see(*found, tenant, job_id) != entry->seen) {
    entries_.erase(key, entry);
    return nullptr;
  }
  if (!repository_id.empty()) {
    if (repository_id != entry->repository_id) return nullptr;
    if (!quick_.status(artifacts::layout::repository(tenant, repository_id))) return nullptr;
  }
  return {entry, &entry->text};
}

std::optional<SealedTexts::Seen> SealedTexts::look(const artifacts::Tenant& tenant, std::string_view job_id) const {
  if (!artifacts::is_job_folder_name(job_id)) return std::nullopt;
  const auto found = volume_.root().status(artifacts::layout::job(tenant, job_id));
  if (!found) return std::nullopt;
  const std::chrono::seconds changed(found->st_mtim.tv_sec);
  if (clock_.now().time_since_epoch() - changed <= kTrustedAfter) return std::nullopt;
  Seen seen = see(*found, tenant, job_id);
  if (!seen.is_live) return std::nullopt;
  return seen;
}

void SealedTexts::keep(Kind kind, const artifacts::Tenant& tenant, std::string_view job_id, Seen seen,
                       std::string repository_id, Text text) {
  if (text.body.size() > kMaxBytes) return;
  const std::string key = key_of(kind, artifacts::layout::job(tenant, job_id));
  const std::size_t weight = 512 + 2 * key.size() + repository_id.size() + text.body.size();
  entries_.put(key, std::make_shared<const Entry>(Entry{std::move(seen), std::move(repository_id), std::move(text)}),
               weight);
}

}  // namespace vbrain::api

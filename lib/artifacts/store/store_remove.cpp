#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "artifacts/files/trash.hpp"
#include "artifacts/store/store.hpp"
#include "artifacts/submit/key_records.hpp"
#include "base/log/log.hpp"
#include "base/time/clock.hpp"

namespace vbrain::artifacts {

std::optional<std::string> move_to_trash(const Dir& folder, std::string_view from, const Dir& trash) {
  std::string name = std::string(from) + "-" + random_name();
  try {
    if (!folder.status(from) || !folder.move(from, trash, name)) return std::nullopt;
  } catch (const VolumeError& error) {
    // Another process has moved it in the meantime.
    if (error.code().value() == ENOENT) return std::nullopt;
    throw;
  }
  return name;
}

namespace {

// A request with an Idempotency-Key made it, perhaps, and is repeated after the deletion: it must not make it again,
// whoever completed it. Records of keys live for a day.
void mark_for_keys(const Store& store, const Tenant& tenant, const Dir& folder, std::string_view name,
                   const base::RequestIds& ids) {
  constexpr std::chrono::hours kLong{48};
  const auto found = folder.status(name);
  if (!found || changed_at(*found) + kLong < base::SystemClock().now()) return;
  try {
    mark_key_deleted(store, tenant, name);
  } catch (const VolumeError& error) {
    // A full volume must not keep anybody from deleting.
    base::log_warning("a deletion is not marked for requests with an Idempotency-Key", {ids, {"error", error.what()}});
  }
}

std::vector<std::string> job_names_in(const Dir& markers) {
  std::vector<std::string> names;
  for (Dir::Entry& entry : markers.list()) {
    if (is_job_folder_name(entry.name)) names.push_back(std::move(entry.name));
  }
  return names;
}

}  // namespace

namespace {

void put_marker(const Dir& job, bool durably) {
  try {
    job.create_file(layout::kDeleted);
    if (durably) job.sync();
  } catch (const VolumeError& error) {
    // The controller may have removed the folder already. That is what the marker asks for.
    const int code = error.code().value();
    if (code != ENOENT && code != ESTALE) throw;
  }
}

}  // namespace

bool Store::mark_deleted(const Tenant& tenant, std::string_view job_id, std::string_view repository_id) const {
  const auto job = root().sub(layout::job(tenant, job_id));
  if (job) put_marker(*job, true);
  if (!repository_id.empty()) unindex(tenant, {std::string(job_id)}, repository_id);
  return job.has_value();
}

void Store::mark_all_deleted(const Tenant& tenant, const std::vector<std::string>& job_ids) const {
  // For a few jobs one fsync each is cheaper, for more one syncfs.
  constexpr std::size_t kFew = 8;
  for (const std::string& id : job_ids) {
    const auto job = root().sub(layout::job(tenant, id));
    if (!job) continue;
    put_marker(*job, job_ids.size() <= kFew);
  }
  if (job_ids.size() > kFew && syncfs(root().fd()) != 0) throw VolumeError(errno, "syncfs");
}

bool Store::is_deleted(const Tenant& tenant, std::string_view job_id) const {
  return root().status(layout::deleted(tenant, job_id)).has_value();
}

std::vector<std::string> Store::trash_jobs(const Tenant& tenant, const std::vector<std::string>& job_ids,
                                           std::string_view repository_id, const base::RequestIds& ids) const {
  std::vector<std::string> moved;
  if (const auto jobs = root().sub(layout::jobs(tenant))) {
    const Dir trash = root().make(layout::trash(tenant));
    for (const std::string& id : job_ids) {
      mark_for_keys(*this, tenant, *jobs, id, ids);
      if (auto name = move_to_trash(*jobs, id, trash)) moved.push_back(std::move(*name));
    }
    trash.sync();
    jobs->sync();
  }
  // The index comes last. Until then readers ignore the entry, since the job has no folder.
  if (!repository_id.empty()) unindex(tenant, job_ids, repository_id);
  return moved;
}

void Store::unindex(const Tenant& tenant, const std::vector<std::string>& job_ids,
                    std::string_view repository_id) const {
  const auto markers = root().sub(layout::markers(tenant, repository_id));
  if (!markers) return;
  bool changed = false;
  for (const std::string& id : job_ids) changed = markers->remove_file(id) || changed;
  if (changed) markers->sync();
}

bool Store::remove_job(const Tenant& tenant, std::string_view job_id, std::string_view repository_id,
                       std::stop_token stop, const base::RequestIds& ids) const {
  const auto moved = trash_jobs(tenant, {std::string(job_id)}, repository_id, ids);
  // The move has removed the job. Files that cannot be removed, perhaps never, must not keep its resource.
  for (const std::string& name : moved) {
    try {
      purge(tenant, name, stop);
    } catch (const VolumeError& error) {
      base::log_warning("deleted files were not removed yet; the controller's sweeper removes them later",
                        {ids, {"error", error.what()}});
    }
  }
  return !moved.empty();
}

void Store::remove_input(const Tenant& tenant, std::string_view job_id) const {
  root().remove_tree(layout::job_input(tenant, job_id));
}

std::optional<Store::TrashedRepository> Store::trash_repository(const Tenant& tenant, std::string_view repository_id,
                                                                const base::RequestIds& ids) const {
  const auto repositories = root().sub(layout::repositories(tenant));
  if (!repositories || !is_repository_id(repository_id)) return std::nullopt;
  const Dir trash = root().make(layout::trash(tenant));
  mark_for_keys(*this, tenant, *repositories, repository_id, ids);
  auto name = move_to_trash(*repositories, repository_id, trash);
  if (!name) return std::nullopt;
  trash.sync();
  repositories->sync();
  TrashedRepository trashed{*name, {}};
  if (const auto markers = trash.sub(*name + "/jobs")) trashed.jobs = job_names_in(*markers);
  return trashed;
}

std::optional<std::string> Store::trash_unused_repository(const Tenant& tenant, std::string_view repository_id,
                                                          base::TimePoint unused_since) const {
  const auto repositories = root().sub(layout::repositories(tenant));
  if (!repositories || !is_repository_id(repository_id)) return std::nullopt;
  const auto repository = repositories->sub(repository_id);
  if (!repository) return std::nullopt;
  const auto was_used = [&] {
    const auto index = repository->status("jobs");
    return index && changed_at(*index) > unused_since;
  };
  if (was_used()) return std::nullopt;
  // A crash before the rename leaves a repository without its index, which shows and cannot be used. What may fail
  // comes first, and the marker tells the next walk to finish.
  const Dir trash = root().make(layout::trash(tenant));
  if (repository->create_file(layout::kUnused)) repository->sync();
  // After a crash the index may be gone already.
  const bool is_used = was_used();
  if (is_used || (unlinkat(repository->fd(), "jobs", AT_REMOVEDIR) != 0 && errno != ENOENT)) {
    const int error = errno;
    repository->remove_file(layout::kUnused);
    if (is_used || error == ENOTEMPTY || error == EEXIST) return std::nullopt;
    throw VolumeError(error, "remove the index of a repository");
  }
  mark_for_keys(*this, tenant, *repositories, repository_id, {});
  auto name = move_to_trash(*repositories, repository_id, trash);
  if (!name) return std::nullopt;
  trash.sync();
  repositories->sync();
  return name;
}

Store::TenantFolders Store::tenant_folders(const Tenant& tenant) const {
  const auto folder = root().sub(layout::tenant(tenant));
  const auto inode_of = [&](std::string_view name) -> std::optional<ino_t> {
    const auto found = folder ? folder->status(name) : std::nullopt;
    return found ? std::optional(found->st_ino) : std::nullopt;
  };
  return {.repositories = inode_of("repositories"), .jobs = inode_of("jobs")};
}

std::vector<std::string> Store::trash_tenant(const Tenant& tenant, const TenantFolders& expected,
                                             const std::function<bool()>& may_go_on) const {
  std::vector<std::string> moved;
  const auto folder = root().sub(layout::tenant(tenant));
  if (!folder) return moved;
  const Dir trash = root().make(layout::trash(tenant));
  // An upload that goes on finds no staged folder to publish.
  if (const auto staging = folder->sub(".staging")) {
    for (const Dir::Entry& entry : staging->list()) {
      if (auto trashed = move_to_trash(*staging, entry.name, trash)) moved.push_back(std::move(*trashed));
    }
  }
  // Without its repository no job is published any more.
  for (const std::string_view name : {"repositories", "jobs"}) {
    // Another leader may have finished this purge, and a new tenant of the same name may be here.
    const TenantFolders now = tenant_folders(tenant);
    if (name == "jobs" ? now.jobs != expected.jobs : now.repositories != expected.repositories) continue;
    if (!may_go_on()) break;
    if (auto trashed = move_to_trash(*folder, name, trash)) moved.push_back(std::move(*trashed));
  }
  // Records of Idempotency-Keys, batches of jobs that are being published, and uploads, if no new tenant of the same
  // name is here.
  const TenantFolders left = tenant_folders(tenant);
  for (const std::string_view name : {".keys", ".batches", ".uploads"}) {
    if (left.repositories || left.jobs || !may_go_on()) break;
    if (auto trashed = move_to_trash(*folder, name, trash)) moved.push_back(std::move(*trashed));
  }
  trash.sync();
  folder->sync();
  return moved;
}

void Store::remove_empty_tenant(const Tenant& tenant) const {
  const std::string path = layout::tenant(tenant);
  const auto parent = root().sub(path.substr(0, path.rfind('/')));
  const auto folder = root().sub(path);
  if (!parent || !folder) return;
  const auto remove = [](const Dir& from, const std::string& name) {
    if (unlinkat(from.fd(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return;
    if (errno != ENOTEMPTY && errno != EEXIST) throw VolumeError(errno, "remove the folder of a tenant");
  };
  remove(*folder, ".trash");
  remove(*folder, ".staging");
  remove(*parent, encode_component(tenant.client));
}

void Store::purge(const Tenant& tenant, std::string_view trash_name, std::stop_token stop) const {
  if (const auto trash = root().sub(layout::trash(tenant))) trash->remove_tree(trash_name, std::move(stop));
}

std::optional<std::vector<std::string>> Store::index_of(const Tenant& tenant, std::string_view repository_id) const {
  const auto markers = root().sub(layout::markers(tenant, repository_id));
  if (!markers) return std::nullopt;
  return job_names_in(*markers);
}

}  // namespace vbrain::artifacts

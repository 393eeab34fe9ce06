#include "artifacts/submit/job_batch.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "artifacts/records/encode_readable.hpp"
#include "artifacts/scans/volume_walk.hpp"
#include "artifacts/store/job_folder.hpp"
#include "artifacts/submit/key_records.hpp"
#include "base/failpoint.hpp"
#include "base/log/log.hpp"

namespace vbrain::artifacts {
namespace {

constexpr const char* kFolder = ".batches";
constexpr std::size_t kRepositoryIdLength = 18;

// <repository_id>-<batch id>
std::string name_of(std::string_view repository_id, std::string_view id) {
  return std::string(repository_id) + "-" + std::string(id);
}

struct BatchName {
  std::string repository_id;
  std::string id;
};
std::optional<BatchName> parse_name(std::string_view name) {
  if (name.size() <= kRepositoryIdLength + 1 || name[kRepositoryIdLength] != '-') return std::nullopt;
  BatchName parsed{std::string(name.substr(0, kRepositoryIdLength)), std::string(name.substr(kRepositoryIdLength + 1))};
  if (!is_repository_id(parsed.repository_id) || !is_job_folder_name(parsed.id)) return std::nullopt;
  return parsed;
}

// Calls `move`; false if what it moves is gone: another program does the same.
template <class Move>
bool unless_gone(const Move& move) {
  try {
    return move();
  } catch (const VolumeError& error) {
    if (error.code().value() != ENOENT) throw;
    return true;
  }
}

// Moves the jobs of a committed batch to their places and removes its folder. May be repeated, also by several programs
// at once.
BatchOutcome distribute(const Store& store, const Tenant& tenant, const Dir& batches, const std::string& name,
                        std::stop_token stop = {}, const base::RequestIds& ids = {}) {
  const auto batch = batches.sub(name);
  // Another program has completed it.
  if (!batch) return BatchOutcome::kPublished;
  const BatchName parsed = parse_name(name).value();
  // It was complete when a repetition staged it once more; its jobs may be deleted since.
  if (has_key_mark(store, tenant, parsed.id)) {
    batches.remove_tree(name);
    return BatchOutcome::kDone;
  }
  std::vector<std::string> jobs;
  for (const Dir::Entry& entry : batch->list()) {
    if (entry.type == DT_DIR && is_job_folder_name(entry.name)) jobs.push_back(entry.name);
  }
  const auto markers = store.root().sub(layout::markers(tenant, parsed.repository_id));
  if (!markers) {
    batches.remove_tree(name);
    return BatchOutcome::kNoRepository;
  }
  // As for a single job: the entries of the index become durable first.
  for (const std::string& job : jobs) markers->create_file(job);
  markers->sync();
  base::failpoint("batch.indexed");
  const Dir places = store.root().make(layout::jobs(tenant));
  for (const std::string& job : jobs) {
    if (stop.stop_requested()) return BatchOutcome::kPublished;
    // A repeated call staged them once more: those that have their place already are not needed.
    if (!unless_gone([&] { return batch->move(job, places, job); })) batch->remove_tree(job);
    base::failpoint("batch.moved");
  }
  places.sync();
  // If the repository is being removed at the same time, its jobs are removed too; see Store::publish_job().
  if (!store.has_repository(tenant, parsed.repository_id)) {
    for (const std::string& job : jobs) store.remove_job(tenant, job, {}, {}, ids);
    batches.remove_tree(name);
    return BatchOutcome::kNoRepository;
  }
  mark_key_done(store, tenant, parsed.id);
  batches.remove_tree(name);
  return BatchOutcome::kPublished;
}

// The tenant of an interrupted batch: by its path, or by one of its jobs where the path has no whole name.
std::optional<Tenant> tenant_of_batch(const std::string& tenant_path, const Dir& batches, const std::string& name) {
  if (auto tenant = layout::tenant_of(tenant_path)) return tenant;
  const auto batch = batches.sub(name);
  if (!batch) return std::nullopt;
  for (const Dir::Entry& entry : batch->list()) {
    const auto text = batch->read_file(entry.name + "/" + std::string(layout::kJobFile), kJobFileLimit);
    const auto file = text ? decode_job_file(*text) : Unexpected<std::string>("absent");
    if (file) return file->tenant;
  }
  return std::nullopt;
}

// Counts what the job.json of a batch have together.
class BatchBytes {
 public:
  void add(std::size_t bytes) {
    bytes_ += bytes;
    if (bytes_ <= kBatchLimit) return;
    throw TooLarge(
        "the jobs of a batch, each with its params, metadata, result schema and the names of the input files: more "
        "than " +
        std::to_string(kBatchLimit) + " bytes; send fewer at once");
  }
  std::size_t sum() const { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

}  // namespace

std::uint64_t check_batch_size(const std::function<const JobFile*()>& next) {
  BatchBytes bytes;
  while (const JobFile* file = next()) bytes.add(encode(*file).size());
  return bytes.sum();
}

BatchOutcome publish_batch(const Store& store, const Tenant& tenant, std::string_view repository_id,
                           std::string_view id, const std::function<const JobFile*()>& next, bool& committed,
                           const base::RequestIds& ids) {
  committed = false;
  if (!store.root().status(layout::markers(tenant, repository_id))) return BatchOutcome::kNoRepository;
  Staging staging = store.stage(tenant, ids);
  BatchBytes bytes;
  while (const JobFile* file = next()) {
    const std::string text = encode_readable(*file, decode_job_file);
    bytes.add(text.size());
    const auto folder = staging.folder().make_new(file->job_id);
    auto written = folder ? folder->create_file(layout::kJobFile) : std::nullopt;
    if (!written) throw VolumeError(EEXIST, "stage a job of a batch");
    add_first_attempt(*folder);
    write_all(written->get(), text);
    if (::close(written->release()) != 0) throw VolumeError(errno, "close job.json");
  }
  // One sync for all, instead of one for each file and folder.
  // By a descriptor of our own: an error of writing back is told once for each.
  if (syncfs(staging.folder().fd()) != 0) throw VolumeError(errno, "syncfs");
  base::failpoint("batch.staged");
  const Dir batches = store.root().make(layout::tenant(tenant) + "/" + kFolder);
  const std::string name = name_of(repository_id, id);
  // If the name is taken, an earlier call with this id goes on or was interrupted: its jobs are the same ones.
  // From here on an error does not mean that there is none of the jobs.
  committed = true;
  store.place(std::move(staging), batches, name);
  batches.sync();
  // An earlier call with this id may have been complete, so that the name was free again. Its jobs may be deleted.
  if (has_key_mark(store, tenant, id)) {
    batches.remove_tree(name);
    return BatchOutcome::kDone;
  }
  base::failpoint("batch.committed");
  return distribute(store, tenant, batches, name, {}, ids);
}

bool is_batch_under_way(const Store& store, const Tenant& tenant, std::string_view id) {
  const auto batches = store.root().sub(layout::tenant(tenant) + "/" + kFolder);
  if (!batches) return false;
  return std::ranges::any_of(batches->list(), [&](const Dir::Entry& entry) {
    const auto parsed = parse_name(entry.name);
    return parsed && parsed->id == id;
  });
}

BatchOutcome finish_batch(const Store& store, const Tenant& tenant, std::string_view repository_id, std::string_view id,
                          const base::RequestIds& ids) {
  const auto batches = store.root().sub(layout::tenant(tenant) + "/" + kFolder);
  return batches ? distribute(store, tenant, *batches, name_of(repository_id, id), {}, ids) : BatchOutcome::kPublished;
}

std::size_t finish_batches(const Store& store, base::TimePoint before, const OnUnreadable& unreadable,
                           std::stop_token stop) {
  std::size_t finished = 0;
  const auto visit = [&](const Dir& folder, const std::string& path) {
    const auto batches = folder.sub(kFolder);
    if (!batches) return true;
    return walk::guarded(path + "/" + kFolder, unreadable, [&] {
      for (const Dir::Entry& entry : batches->list()) {
        if (stop.stop_requested()) return false;
        const auto found = batches->status(entry.name);
        if (!found || changed_at(*found) >= before || !parse_name(entry.name)) continue;
        const auto tenant = tenant_of_batch(path, *batches, entry.name);
        if (tenant) {
          distribute(store, *tenant, *batches, entry.name, stop);
        } else {
          batches->remove_tree(entry.name);
        }
        base::log_info("published the rest of a batch of jobs that was interrupted", {{"batch", entry.name}});
        ++finished;
      }
      return true;
    });
  };
  walk::guarded("tenants", unreadable, [&] { return walk::each_tenant(store.root(), unreadable, visit); });
  return finished;
}

}  // namespace vbrain::artifacts

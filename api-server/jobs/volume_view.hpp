#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api-server/answers/tenant_budget.hpp"
#include "api-server/jobs/folder_stamp.hpp"
#include "artifacts/records/job_file.hpp"
#include "artifacts/store/layout.hpp"
#include "base/time/clock.hpp"
#include "job/job.hpp"
#include "kube/cache/cache.hpp"

namespace vbrain::artifacts {
class Store;
}

namespace vbrain::api {

class IdLists;

// The part of a job that never changes, and its text in answers.
struct StoredJob {
  artifacts::JobFile file;
  std::string shown;  // members of GET /job/:job_id from "repository_id" on, but for "jobs"; begins with a comma
  std::string tag;    // a digest of `shown`, for entity tags
};

// The record of an ended job: status.json.
struct StoredRecord {
  std::string uid;  // of the resource that the record is of; empty: not known
  job::JobStatus status;
};

// A job, and its record if there is one.
struct JobOnVolume {
  std::shared_ptr<const StoredJob> job;
  std::shared_ptr<const StoredRecord> record;
};

// The same of a repository.
struct StoredRepository {
  artifacts::RepositoryFile file;
  std::string shown;  // as StoredJob
  std::string tag;
};

// The name in `file.metadata`, and the members of StoredJob::shown and StoredRepository::shown. Pure.
std::string name_in(std::string_view metadata);
std::string render_fixed(const artifacts::JobFile& file);
std::string render_fixed(const artifacts::RepositoryFile& file);

// Name of the index of Jobs that were made with kubectl, by repository_key() of their repository. Until their folders
// are published, the volume does not list them.
inline constexpr const char* kKubectlJobsIndex = "madeWithKubectl";
std::vector<std::string> kubectl_jobs_keys(const job::Job& job);

// Name of the index of Jobs that are being deleted, by repository_key() of their repository. The lists leave them out.
inline constexpr const char* kDeletedJobsIndex = "beingDeleted";
std::vector<std::string> deleted_jobs_keys(const job::Job& job);

std::string repository_key(const artifacts::Tenant& tenant, std::string_view repository_id);

// A cache of jobs and repositories over the volume. A cached value is used only if the stamp (inode,
// time of the last change, size) of its folder is still the same. So a change by another server is visible at once, and
// a hit costs a hundredth of reading and parsing. A folder that changed less than two seconds ago may change again
// with the same stamp, since times of file systems are coarse: it is read in full each time.
//
// What is read from the volume counts against the tenant's part of the JSON budget while it is read. All members block
// on the volume and are thread-safe. They throw artifacts::VolumeError, CorruptFile and http::Overloaded.
class VolumeView {
 public:
  // `max_bytes`: the size of the cache, roughly, for jobs and for repositories each. `list_bytes`: of all lists.
  // `resources` has the indexes kKubectlJobsIndex and kDeletedJobsIndex.
  VolumeView(const artifacts::Store& volume, const kube::Cache<job::Job>& resources, const base::Clock& clock,
             TenantBudget& budget, std::size_t max_bytes = 8U << 20, std::size_t list_bytes = 32U << 20);
  ~VolumeView();

  enum class Counting { kCounted, kUncounted };

  // Null: there is none, or it is marked deleted.
  std::shared_ptr<const StoredJob> job(const artifacts::Tenant& tenant, std::string_view job_id);

  // As job(), with the record. A record that is replaced, or that comes, changes the stamp of the job's folder.
  JobOnVolume job_and_record(const artifacts::Tenant& tenant, std::string_view job_id);

  // Null: there is none.
  // `kUncounted`: it is read without the JSON budget, for a request whose body was accepted already.
  std::shared_ptr<const StoredRepository> repository(const artifacts::Tenant& tenant, std::string_view repository_id,
                                                     Counting counting = Counting::kCounted);

  // Of repositories and of their jobs.
  IdLists& lists() { return *lists_; }

 private:
  struct JobEntry {
    FolderStamp stamp;
    std::optional<FolderStamp> file_stamp;  // of job.json
    bool reliable = false;                  // the stamp was over two seconds old: the same stamp means the same content
    std::shared_ptr<const StoredJob> job;
    // Read when it is asked for first: an entry is constant, so another takes its place.
    bool record_known = false;
    std::optional<FolderStamp> record_stamp;
    std::shared_ptr<const StoredRecord> record;
    std::size_t weight() const;
  };
  struct RepositoryEntry {
    FolderStamp stamp;
    std::shared_ptr<const StoredRepository> repository;
    std::size_t weight() const;
  };
  // Entries by key. When it is full the least recently used go.
  template <class Entry>
  class LruCache {
   public:
    explicit LruCache(std::size_t max_bytes) : max_bytes_(max_bytes) {}
    std::shared_ptr<const Entry> find(const std::string& key);
    void put(const std::string& key, std::shared_ptr<const Entry> entry);
    void erase(const std::string& key);

   private:
    using Order = std::list<std::pair<std::string, std::shared_ptr<const Entry>>>;
    std::mutex mutex_;
    Order order_;
    std::unordered_map<std::string_view, typename Order::iterator> entries_;
    std::size_t bytes_ = 0;
    const std::size_t max_bytes_;
  };

  // Null as job(). The second one takes the record from `cached` where it can be trusted.
  std::shared_ptr<const JobEntry> job_entry(const artifacts::Tenant& tenant, std::string_view job_id);
  std::shared_ptr<const JobEntry> with_record(const artifacts::Tenant& tenant, std::string_view job_id,
                                              std::shared_ptr<const JobEntry> entry);
  // The part of the budget for one read of a file of this size.
  TenantBudget::Share cover_read(const artifacts::Tenant& tenant, const std::optional<FolderStamp>& file);
  const artifacts::Store& volume_;
  const base::Clock& clock_;
  TenantBudget& budget_;
  LruCache<JobEntry> jobs_;
  LruCache<RepositoryEntry> repositories_;
  std::unique_ptr<IdLists> lists_;
};

}  // namespace vbrain::api

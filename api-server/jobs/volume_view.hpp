#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api-server/transfer/json_budget.hpp"
#include "artifacts/records/job_file.hpp"
#include "artifacts/store/layout.hpp"
#include "base/clock.hpp"
#include "job/job.hpp"
#include "kube/cache/cache.hpp"

namespace vbrain::artifacts {
class Store;
}

namespace vbrain::api {

// The part of a job that never changes, and its text in answers.
struct StoredJob {
  artifacts::JobFile file;
  std::string shown;  // members of GET /job/:job_id from "repository_id" on, but for "jobs"; begins with a comma
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
  std::string shown;  // as StoredJob::shown
};

// The name in `file.metadata`, and the members of StoredJob::shown and StoredRepository::shown. Pure.
std::string name_in(std::string_view metadata);
std::string render_fixed(const artifacts::JobFile& file);
std::string render_fixed(const artifacts::RepositoryFile& file);

// Name of the index of Jobs that were made with kubectl, by kubectl_jobs_key() of their repository. Until their folders
// are published, the volume does not list them.
inline constexpr const char* kKubectlJobsIndex = "madeWithKubectl";
std::string kubectl_jobs_key(const artifacts::Tenant& tenant, std::string_view repository_id);
std::vector<std::string> kubectl_jobs_keys(const job::Job& job);

// A cache of jobs, repositories and lists of both, over the volume. A cached value is used only if the stamp (inode,
// time of the last change, size) of its folder is still the same. So a change by another server is visible at once, and
// a hit costs a hundredth of reading and parsing. A folder that changed less than two seconds ago may change again
// with the same stamp, since times of file systems are coarse: it is read in full each time.
//
// What is read from the volume counts against the tenant's part of the JSON budget while it is read. All members block
// on the volume and are thread-safe. They throw artifacts::VolumeError, CorruptFile and http::Overloaded.
class VolumeView {
 public:
  // `max_bytes`: the size of the cache, roughly, for jobs, for repositories and for lists each. `resources` has the
  // index kKubectlJobsIndex.
  VolumeView(const artifacts::Store& volume, const kube::Cache<job::Job>& resources, const base::Clock& clock,
             JsonBudget& budget, std::size_t max_bytes = 8U << 20);

  // Null: there is none, or it is marked deleted.
  std::shared_ptr<const StoredJob> job(const artifacts::Tenant& tenant, std::string_view job_id);

  // As job(), with the record. A record that is replaced, or that comes, changes the stamp of the job's folder.
  JobOnVolume job_and_record(const artifacts::Tenant& tenant, std::string_view job_id);

  // The JSON list of a repository's jobs, ascending, without those being deleted. Null: there is no such repository.
  // `memory` grows before the list is built and covers the text afterwards.
  std::shared_ptr<const std::string> job_list(const artifacts::Tenant& tenant, std::string_view repository_id,
                                              JsonBudget::Share& memory);

  // Null: there is none.
  std::shared_ptr<const StoredRepository> repository(const artifacts::Tenant& tenant, std::string_view repository_id);

  // The JSON list of the tenant's repositories, ascending. `memory` as in job_list().
  std::shared_ptr<const std::string> repository_list(const artifacts::Tenant& tenant, JsonBudget::Share& memory);

  // To be called when a Job resource begins to be deleted: the cached lists, which may name it, are not used any more.
  void invalidate_lists() { lists_version_.fetch_add(1, std::memory_order_relaxed); }

 private:
  struct Stamp {
    std::uint64_t inode = 0;
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    std::int64_t size = 0;
    bool operator==(const Stamp&) const = default;
  };
  struct JobEntry {
    Stamp stamp;
    std::optional<Stamp> file_stamp;  // of job.json
    bool reliable = false;            // the stamp was over two seconds old: the same stamp means the same content
    std::shared_ptr<const StoredJob> job;
    // Read when it is asked for first: an entry is constant, so another takes its place.
    bool record_known = false;
    std::optional<Stamp> record_stamp;
    std::shared_ptr<const StoredRecord> record;
    std::size_t weight() const;
  };
  struct RepositoryEntry {
    Stamp stamp;
    std::shared_ptr<const StoredRepository> repository;
    std::size_t weight() const;
  };
  struct ListEntry {
    Stamp stamp;
    bool reliable = false;
    std::uint64_t version = 0;  // of lists_version_, before the list was read
    std::shared_ptr<const std::string> json;
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

  // Nothing: the path does not exist.
  std::optional<Stamp> stamp_of(const std::string& path) const;
  bool is_reliable(const Stamp& stamp) const;
  // Null as job(). The second one takes the record from `cached` where it can be trusted.
  std::shared_ptr<const JobEntry> job_entry(const artifacts::Tenant& tenant, std::string_view job_id);
  std::shared_ptr<const JobEntry> with_record(const artifacts::Tenant& tenant, std::string_view job_id,
                                              std::shared_ptr<const JobEntry> entry);
  // The part of the budget for one read of a file of this size.
  JsonBudget::Share cover_read(const artifacts::Tenant& tenant, const std::optional<Stamp>& file);
  std::shared_ptr<const std::string> published_list(const artifacts::Tenant& tenant, std::string_view repository_id,
                                                    JsonBudget::Share& memory);

  const artifacts::Store& volume_;
  const kube::Cache<job::Job>& resources_;
  const base::Clock& clock_;
  JsonBudget& budget_;
  std::atomic<std::uint64_t> lists_version_{0};
  LruCache<JobEntry> jobs_;
  LruCache<RepositoryEntry> repositories_;
  LruCache<ListEntry> lists_;
};

}  // namespace vbrain::api

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

#include "artifacts/records/job_file.hpp"
#include "artifacts/store/layout.hpp"
#include "base/clock.hpp"
#include "job/job.hpp"
#include "kube/cache/cache.hpp"

namespace vbrain::artifacts {
class Store;
}

namespace vbrain::api {

// What never changes about a job, and how it is shown.
struct StoredJob {
  artifacts::JobFile file;
  std::string shown;  // members of GET /job/:job_id from "repository_id" on, but for "jobs"; begins with a comma
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

// Name of the index of Jobs that were made by hand, by by_hand_key() of their repository: until their folders are
// published the volume does not list them.
inline constexpr const char* kByHandIndex = "byHand";
std::string by_hand_key(const artifacts::Tenant& tenant, std::string_view repository_id);
std::vector<std::string> by_hand_keys(const job::Job& job);

// Jobs, repositories and lists of both as the volume has them, remembered. A remembered answer is given only after a
// look at the folder's inode and times: a change of another server shows at once, a look costs a hundredth of reading
// and parsing. Times on file systems are coarse, so what was changed less than two seconds ago is looked at in full
// each time. All members block on the volume and are thread-safe; they throw artifacts::VolumeError and CorruptFile.
class VolumeView {
 public:
  // `max_bytes`: of what is remembered, roughly, for jobs, for repositories and for lists each. `resources` has the
  // index kByHandIndex.
  VolumeView(const artifacts::Store& volume, const kube::Cache<job::Job>& resources, const base::Clock& clock,
             std::size_t max_bytes = 8U << 20);

  // Null: there is none, or it is marked deleted.
  std::shared_ptr<const StoredJob> job(const artifacts::Tenant& tenant, std::string_view job_id);

  // The JSON list of a repository's jobs, ascending, without those being deleted. Null: there is no such repository.
  std::shared_ptr<const std::string> job_list(const artifacts::Tenant& tenant, std::string_view repository_id);

  // Null: there is none.
  std::shared_ptr<const StoredRepository> repository(const artifacts::Tenant& tenant, std::string_view repository_id);

  // The JSON list of the tenant's repositories, ascending.
  std::shared_ptr<const std::string> repository_list(const artifacts::Tenant& tenant);

  // A Job resource began to be deleted: lists that may name it are made anew. From any thread.
  void forget_lists() { epoch_.fetch_add(1, std::memory_order_relaxed); }

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
    bool quiet = false;  // the stamp was old when the folder was looked at: the same stamp means the same content
    std::shared_ptr<const StoredJob> job;
    std::size_t weight() const;
  };
  struct RepositoryEntry {
    Stamp stamp;
    std::shared_ptr<const StoredRepository> repository;
    std::size_t weight() const;
  };
  struct ListEntry {
    Stamp stamp;
    bool quiet = false;
    std::uint64_t epoch = 0;
    std::shared_ptr<const std::string> json;
    std::size_t weight() const;
  };

  // Entries by key, the least recently used forgotten first.
  template <class Entry>
  class Memory {
   public:
    explicit Memory(std::size_t max_bytes) : max_bytes_(max_bytes) {}
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

  std::optional<Stamp> look(const std::string& path) const;
  bool is_quiet(const Stamp& stamp) const;
  std::shared_ptr<const std::string> published_list(const artifacts::Tenant& tenant, std::string_view repository_id);

  const artifacts::Store& volume_;
  const kube::Cache<job::Job>& resources_;
  const base::Clock& clock_;
  std::atomic<std::uint64_t> epoch_{0};
  Memory<JobEntry> jobs_;
  Memory<RepositoryEntry> repositories_;
  Memory<ListEntry> lists_;
};

}  // namespace vbrain::api

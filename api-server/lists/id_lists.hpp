#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api-server/answers/tenant_budget.hpp"
#include "api-server/jobs/folder_stamp.hpp"
#include "api-server/lists/id_list.hpp"
#include "api-server/lists/reading_turn.hpp"
#include "artifacts/store/layout.hpp"
#include "base/time/clock.hpp"
#include "job/job.hpp"
#include "kube/cache/cache.hpp"

namespace vbrain::artifacts {
class Store;
}

namespace vbrain::api {

// The lists of a repository's jobs and of a tenant's repositories, kept in memory beside the folders that they come
// from (docs/decisions/0030-lists-in-memory.md). A list is used again if the stamp of its folder is the same and older
// than two seconds. Otherwise the names in the folder are read, which finds what came and went; only a new job's
// own folder is looked up.
//
// The memory of all lists is bounded, and that of one tenant; text that slow readers still get counts too. The lists
// used least recently are forgotten first. All members block on the volume and are thread-safe. They throw
// artifacts::VolumeError.
class IdLists {
 public:
  // `bytes`: of all lists; a tenant has at most half. `resources` has the indexes kKubectlJobsIndex and
  // kDeletedJobsIndex.
  IdLists(const artifacts::Store& volume, const kube::Cache<job::Job>& resources, const base::Clock& clock,
          std::size_t bytes);
  ~IdLists();

  // Without `ids` and without one of the flags: there is no such repository.
  struct Listed {
    std::shared_ptr<const IdList> ids;
    bool too_large = false;   // no room for it in memory: see each_job(), each_repository()
    bool takes_long = false;  // only for kShort: it was not read
  };
  // A call with kShort reads at most so many names, and looks up at most so many jobs. It does not wait for one with
  // kLong. If that is not enough it says `takes_long`: then call again with kLong, on a pool for that.
  static constexpr std::size_t kShortNames = 1024;
  static constexpr std::size_t kShortLookUps = 64;
  // The jobs of a repository, also those made with kubectl that have no folder yet, without those being deleted.
  Listed jobs(const artifacts::Tenant& tenant, std::string_view repository_id, Effort effort);
  Listed repositories(const artifacts::Tenant& tenant, Effort effort);
  // The jobs of all repositories of a tenant, and those without one. Without a job that kubectl made and that has no
  // folder yet. It may have jobs that are being deleted: whoever looks at one of them sees that.
  Listed jobs_of_tenant(const artifacts::Tenant& tenant, Effort effort);

  // The same ids one by one, ascending, in constant memory: the folder is read once for each 16,384 ids. False: there
  // is no such repository.
  using Take = std::function<void(std::string_view)>;
  bool each_job(const artifacts::Tenant& tenant, std::string_view repository_id, const Take& take);
  void each_repository(const artifacts::Tenant& tenant, const Take& take);
  void each_job_of_tenant(const artifacts::Tenant& tenant, const Take& take);

  // The ids of `list` that are `wanted`. Null: no room for them in memory.
  std::shared_ptr<const IdList> filtered(const artifacts::Tenant& tenant, const IdList& list,
                                         const std::function<bool(std::string_view)>& wanted);

 private:
  // What one list was read from, and how.
  struct Source {
    const artifacts::Tenant& tenant;
    std::string folder;
    bool of_jobs;  // else of repositories

    bool is_id(std::string_view name) const;
  };
  struct Entry {
    explicit Entry(artifacts::Tenant owner) : tenant(std::move(owner)) {}
    const artifacts::Tenant tenant;
    std::atomic<std::uint64_t> asked{0};  // one more for each request
    std::atomic<std::size_t> weight{0};
    // The rest by whose turn it is. Who comes while the folder is read waits, and then one of them reads for all.
    ReadingTurn turn;
    bool takes_long = false;     // the last call with kShort found too much to read
    std::uint64_t answered = 0;  // of `asked`, before the last reading began
    FolderStamp seen;            // before the last reading began
    FolderStamp stamp;           // of `ids`
    bool reliable = false;       // the stamp was over two seconds old: the same stamp means the same names
    std::shared_ptr<const IdList> ids;
    // Where in the list the names of the folder are, in the order in which the folder has them. It has them in nearly
    // the same order the next time, which saves the search for each.
    std::vector<IdList::Spot> order;
    // Names in the folder without a job to show: its folder is not there yet, or any more, or is marked deleted. That
    // can change without another stamp, so they are looked up each time.
    std::set<std::string, std::less<>> unlisted;
    // `ids` with the changes that the Job resources ask for, and these resources.
    std::vector<std::shared_ptr<const job::Job>> by_hand, deleted;
    std::shared_ptr<const IdList> base, shown;
    // The list had no room. It is not read again before its folder changes or the tenant has more room than then.
    struct Refused {
      FolderStamp stamp;
      std::uint64_t room = 0;
    };
    std::optional<Refused> refused;
  };
  struct Kept {
    std::string folder;
    std::shared_ptr<Entry> entry;
    std::size_t weight;  // in bytes_
  };
  using Order = std::list<Kept>;  // the one used last comes first
  using Resources = std::vector<std::shared_ptr<const job::Job>>;

  Listed list(const Source& source, std::string_view repository_id, Effort effort);
  Listed in_turn(const Source& source, std::string_view repository_id, Entry& entry, std::uint64_t number,
                 Effort effort);
  std::shared_ptr<const IdList> refreshed(const Source& source, Entry& entry, Effort effort);
  std::shared_ptr<const IdList> read_anew(const Source& source, const Entry& entry,
                                          std::set<std::string, std::less<>>& unlisted);
  bool is_still_refused(const Source& source, const Entry& entry) const;
  static std::size_t weight_of(const Entry& entry);
  void look_up_unlisted(const Source& source, Entry& entry);
  std::shared_ptr<const IdList> with_resources(const Source& source, std::string_view repository_id, Entry& entry);
  std::vector<std::string> made_by_hand(const artifacts::Tenant& tenant, const Resources& resources,
                                        const IdList& known, bool& looked_up) const;
  bool each(const Source& source, const std::set<std::string, std::less<>>& more, const Take& take);
  IdList::Cover cover_for(const artifacts::Tenant& tenant, const Entry* keep);
  std::shared_ptr<Entry> entry_of(const Source& source);
  void settle(const std::string& folder, const std::shared_ptr<Entry>& entry);
  void count(Kept& kept, std::size_t weight);
  std::shared_ptr<Entry> forget(Order::iterator kept);
  bool forget_one(const artifacts::Tenant* tenant, const Entry* keep);

  const artifacts::Store& volume_;
  const kube::Cache<job::Job>& resources_;
  const base::Clock& clock_;
  const std::size_t max_bytes_;
  TenantBudget budget_;
  std::mutex mutex_;  // of what follows
  Order order_;
  std::map<std::string_view, Order::iterator> entries_;
  std::size_t bytes_ = 0;
  std::map<artifacts::Tenant, std::size_t> tenant_bytes_;  // the same of each tenant that has lists
};

}  // namespace vbrain::api

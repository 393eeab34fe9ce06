#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/tenant.hpp"
#include "http/waiting.hpp"
#include "job/job.hpp"
#include "kube/cache/cache.hpp"

namespace vbrain::api {

// A change of a job that clients can see.
struct JobNews {
  std::uint64_t position = 0;
  std::string job_id;
  // A client that names it knows all changes of its tenant up to this one and none after it. Empty while objects are
  // listed, because their order is not that of the changes, and for a removal, whose resourceVersion is not known.
  std::string event_id;
  std::shared_ptr<const job::Job> job;  // after the change; null: the resource is not there any more
  bool had_ended = false;               // before the change
};

// The last changes of all jobs, as the watch of Jobs tells them, for the streams of events (docs/decisions: event ids
// and gaps). Per tenant it has the last change of each job: a client that is slow gets the latest state of a job
// instead of all states. It keeps no queue for a stream; a stream has a position in the changes. The number of changes
// is bounded; a stream whose position is older gets the full state. Thread-safe; nothing blocks.
class JobFeed {
 public:
  static constexpr std::size_t kChanges = 8'192;  // about 600 bytes each

  explicit JobFeed(std::size_t changes = kChanges) : most_(changes) {}
  JobFeed(const JobFeed&) = delete;

  // Handlers of the informer of Jobs, on its thread: a change; a list begins; it has ended, and its resourceVersion.
  void note(const kube::Change<job::Job>& change);
  void list_began();
  void list_ended(const std::string& version);

 private:
  struct TenantNews;

 public:
  // Wakes a stream when there are news of its tenant, or of one job of the tenant. While it exists, no gap is missed.
  class Subscription {
   public:
    // An empty `job_id`: all jobs.
    Subscription(JobFeed& feed, const base::Tenant& tenant, std::string job_id, http::Waker waker);
    ~Subscription();
    Subscription(const Subscription&) = delete;

    // Whether there were news since the last call; true at the first one.
    bool take_news() { return news_.exchange(false); }

   private:
    friend class JobFeed;
    JobFeed& feed_;
    std::shared_ptr<TenantNews> tenant_;  // never null, and never another one
    const std::string job_id_;
    const http::Waker waker_;
    std::atomic<bool> news_{true};
  };

  struct Place {
    std::uint64_t position = 0;
    std::string event_id;  // of it; empty: there is none
  };
  // After the last change.
  Place end() const;
  // After the change that has this id. Nothing: this server does not know what has happened since.
  std::optional<std::uint64_t> position_of(std::string_view event_id) const;

  // What is told of one change: the same text for all streams.
  using EventText = std::shared_ptr<const std::string>;
  struct Item {
    std::shared_ptr<const JobNews> news;
    EventText text;  // null: nobody has made it yet
  };
  struct Part {
    bool gap = false;   // changes after the position are forgotten
    bool more = false;  // there are more than these
    std::vector<Item> items;
  };
  // The first changes of the tenant after `position`, `most` at most.
  Part after(const Subscription& subscription, std::uint64_t position, std::size_t most) const;
  // Keeps the text of a change for the other streams.
  void keep(const Subscription& subscription, const JobNews& news, EventText text);

  // The names of the tenant's jobs that have a resource, for the full state. They are known after learn_names(), as
  // long as a stream of the tenant exists. `jobs`: takes long, call it on a worker.
  bool knows_names(const Subscription& subscription) const;
  void learn_names(const Subscription& subscription, const kube::Cache<job::Job>& jobs);
  // In order, after `name`.
  std::vector<std::string> names_after(const Subscription& subscription, std::string_view name, std::size_t most) const;

 private:
  struct Slot {
    std::uint64_t position;
    std::shared_ptr<TenantNews> tenant;  // null: the end of a list
    std::string event_id;                // empty: none of its own
  };

  void enter(Subscription& subscription, const base::Tenant& tenant);
  void leave(Subscription& subscription);
  std::shared_ptr<TenantNews> news_of(const base::Tenant& tenant);
  void add_slot(std::shared_ptr<TenantNews> tenant, std::string event_id);
  // Down to the number of changes that are kept.
  void forget_oldest();
  void forget(const Slot& slot);
  void note_name(const job::Job& job, bool exists);
  void drop_if_unused(const std::shared_ptr<TenantNews>& tenant);

  const std::size_t most_;
  mutable std::mutex mutex_;  // of all below, and of each TenantNews
  bool listing_ = true;
  std::uint64_t last_ = 0;  // position of the last change
  std::string last_id_;
  std::deque<Slot> slots_;                                       // the last changes, oldest first
  std::unordered_map<std::string, std::uint64_t> by_id_;         // event ids of slots_
  std::map<base::Tenant, std::shared_ptr<TenantNews>> tenants_;  // with changes or streams
};

}  // namespace vbrain::api

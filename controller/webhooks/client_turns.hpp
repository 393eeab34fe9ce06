#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace vbrain::controller {

// Lets a few jobs of each tenant be told at the same time, so that receivers of one that hang do not hold up the
// others. The other jobs of the tenant wait in their order. Thread-safe.
class ClientTurns {
 public:
  explicit ClientTurns(std::size_t at_once) : at_once_(at_once) {}

  // True: the job has a turn, until end(). False: it waits, and an end() names it.
  bool begin(const std::string& tenant, const std::string& job) {
    const std::lock_guard lock(mutex_);
    called_.erase(job);
    Tenant& mine = tenants_[tenant];
    if (mine.busy < at_once_) {
      ++mine.busy;
      return true;
    }
    if (mine.names.insert(job).second) mine.waiting.push_back(job);
    return false;
  }

  // The job that should ask again: call it.
  std::optional<std::string> end(const std::string& tenant) {
    const std::lock_guard lock(mutex_);
    --tenants_.at(tenant).busy;
    return call_next(tenant);
  }

  // The job has nothing to tell now. If it was called, another one has its turn: call that.
  std::optional<std::string> pass(const std::string& job) {
    const std::lock_guard lock(mutex_);
    const auto found = called_.find(job);
    if (found == called_.end()) return std::nullopt;
    const std::string tenant = std::move(found->second);
    called_.erase(found);
    return call_next(tenant);
  }

 private:
  struct Tenant {
    std::size_t busy = 0;
    std::deque<std::string> waiting;
    std::unordered_set<std::string> names;  // of `waiting`
  };

  std::optional<std::string> call_next(const std::string& tenant) {
    const auto found = tenants_.find(tenant);
    if (found == tenants_.end()) return std::nullopt;
    Tenant& mine = found->second;
    if (mine.waiting.empty()) {
      if (mine.busy == 0) tenants_.erase(found);
      return std::nullopt;
    }
    std::string next = std::move(mine.waiting.front());
    mine.waiting.pop_front();
    mine.names.erase(next);
    called_[next] = tenant;
    return next;
  }

  const std::size_t at_once_;
  std::mutex mutex_;
  std::unordered_map<std::string, Tenant> tenants_;
  std::unordered_map<std::string, std::string> called_;  // by job: the tenant whose turn it has
};

}  // namespace vbrain::controller

#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "controller/webhooks/receiver_lines.hpp"

namespace vbrain::controller {

// Whose receiver is called: a tenant, and host and port.
struct Callee {
  std::string tenant;
  std::string receiver;
};

// Lets a few jobs of each tenant be told at the same time, and fewer of each of its receivers, so that receivers that
// hang hold up neither other tenants nor the other receivers of their own. The other jobs wait; their receivers have
// their turn one after the other, and of one receiver those come first that it was not told before. Thread-safe.
class ClientTurns {
 public:
  ClientTurns(std::size_t of_tenant, std::size_t of_receiver) : of_tenant_(of_tenant), of_receiver_(of_receiver) {}

  // True: the job has a turn, until end(). False: it waits, and an end() names it. `first`: its event was not tried
  // yet.
  bool begin(const Callee& callee, const std::string& job, bool first) {
    const std::lock_guard lock(mutex_);
    const bool was_called = called_.erase(job) > 0;
    Tenant& mine = tenants_[callee.tenant];
    std::size_t& busy = mine.busy_of[callee.receiver];
    if (mine.busy < of_tenant_ && busy < of_receiver_) {
      ++mine.busy;
      ++busy;
      return true;
    }
    if (busy == 0) mine.busy_of.erase(callee.receiver);
    if (mine.names.insert(job).second) mine.lines.add(callee.receiver, job, first, was_called);
    return false;
  }

  // The job that should ask again: call it.
  std::optional<std::string> end(const Callee& callee) {
    const std::lock_guard lock(mutex_);
    Tenant& mine = tenants_.at(callee.tenant);
    --mine.busy;
    if (--mine.busy_of.at(callee.receiver) == 0) mine.busy_of.erase(callee.receiver);
    return call_next(callee.tenant);
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
    std::unordered_map<std::string, std::size_t> busy_of;  // by receiver; not 0
    ReceiverLines lines;
    std::unordered_set<std::string> names;  // of `lines`
  };

  std::optional<std::string> call_next(const std::string& tenant) {
    const auto found = tenants_.find(tenant);
    if (found == tenants_.end()) return std::nullopt;
    Tenant& mine = found->second;
    const auto is_free = [&](const std::string& receiver) {
      const auto busy = mine.busy_of.find(receiver);
      return busy == mine.busy_of.end() || busy->second < of_receiver_;
    };
    auto next = mine.busy < of_tenant_ ? mine.lines.take(is_free) : std::nullopt;
    if (next) {
      mine.names.erase(*next);
      called_[*next] = tenant;
    } else if (mine.busy == 0) {
      tenants_.erase(found);
    }
    return next;
  }

  const std::size_t of_tenant_;
  const std::size_t of_receiver_;
  std::mutex mutex_;
  std::unordered_map<std::string, Tenant> tenants_;
  std::unordered_map<std::string, std::string> called_;  // by job: the tenant whose turn it has
};

}  // namespace vbrain::controller

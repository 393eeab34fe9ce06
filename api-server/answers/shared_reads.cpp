#include "api-server/answers/shared_reads.hpp"

#include <algorithm>

namespace vbrain::api {
namespace {

// How many reads of one key follow each other on a thread before other work of the pool has its turn.
constexpr int kReadsInARow = 16;

}  // namespace

std::shared_ptr<SharedReads::Run> SharedReads::join(base::Lane pool, const std::string& key, Read read, Waiter waiter) {
  std::shared_ptr<Run> run;
  bool begin = false;
  {
    const std::lock_guard lock(mutex_);
    Key& entry = keys_[key];
    if (entry.next == nullptr) {
      entry.next = std::make_shared<Run>();
      entry.next->read = std::move(read);
    }
    run = entry.next;
    run->waiters.push_back(std::move(waiter));
    begin = !std::exchange(entry.busy, true);
  }
  if (!begin) return run;
  const base::Posted posted = post(pool, key);
  if (posted == base::Posted::kYes) return run;
  const bool own = posted == base::Posted::kLaneFull;
  refuse(key, own ? std::make_exception_ptr(http::LaneFull()) : std::make_exception_ptr(http::Overloaded()));
  return run;
}

// Refuses those that wait for the next read. Nobody works for the key any more.
void SharedReads::refuse(const std::string& key, const std::exception_ptr& why) {
  std::shared_ptr<Run> run;
  {
    const std::lock_guard lock(mutex_);
    run = std::move(keys_[key].next);
    keys_.erase(key);
  }
  run->failure = why;
  resume(*run);
}

// Only the time in the pool's queue counts against its max_wait(): who waits for a read of this key will be served by
// the same thread.
base::Posted SharedReads::post(base::Lane pool, const std::string& key) {
  return pool.post(
      [this, pool, key](base::Turn turn) {
        if (turn == base::Turn::kRun) return work(pool, key);
        refuse(key, std::make_exception_ptr(http::Overloaded()));
      },
      nullptr);
}

void SharedReads::work(base::Lane pool, const std::string& key) {
  for (int reads = 0;;) {
    const auto run = take_next(key);
    perform(*run);
    const bool more = has_more(key);
    resume(*run);
    if (!more) return;
    // With a full queue the thread goes on: those that wait joined a task that the pool had accepted.
    if (++reads >= kReadsInARow && post(pool, key) == base::Posted::kYes) return;
  }
}

std::shared_ptr<SharedReads::Run> SharedReads::take_next(const std::string& key) {
  const std::lock_guard lock(mutex_);
  return std::move(keys_[key].next);
}

// Whether requests have come while the last read was under way. If not, nobody works for the key any more.
bool SharedReads::has_more(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto entry = keys_.find(key);
  if (entry->second.next != nullptr) return true;
  keys_.erase(entry);
  return false;
}

void SharedReads::perform(Run& run) {
  try {
    run.value = run.read();
  } catch (...) {
    run.failure = std::current_exception();
  }
}

// Each request goes on on its own I/O thread. One message to a thread brings all that wait there.
void SharedReads::resume(Run& run) {
  std::vector<Waiter> waiters = std::move(run.waiters);
  for (auto from = waiters.begin(); from != waiters.end();) {
    const http::Executor executor = from->executor;
    const auto to = std::partition(from, waiters.end(), [&](const Waiter& one) { return one.executor == executor; });
    boost::asio::post(executor,
                      [here = std::vector<Waiter>(std::make_move_iterator(from), std::make_move_iterator(to))] {
                        for (const Waiter& waiter : here) waiter.resume();
                      });
    from = to;
  }
}

}  // namespace vbrain::api

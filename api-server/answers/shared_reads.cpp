#include "api-server/answers/shared_reads.hpp"

#include <algorithm>

namespace vbrain::api {
namespace {

using std::chrono::steady_clock;

// How many reads of one key follow each other on a thread before other work of the pool has its turn.
constexpr int kReadsInARow = 16;

}  // namespace

std::shared_ptr<SharedReads::Run> SharedReads::join(base::WorkerPool& pool, const std::string& key, Read read,
                                                    Waiter waiter) {
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
  if (begin && !post(pool, key)) refuse(key);
  return run;
}

void SharedReads::refuse(const std::string& key) {
  std::shared_ptr<Run> run;
  {
    const std::lock_guard lock(mutex_);
    run = std::move(keys_[key].next);
    keys_.erase(key);
  }
  run->failure = std::make_exception_ptr(http::Overloaded());
  resume(*run);
}

// False: the pool's queue is full.
bool SharedReads::post(base::WorkerPool& pool, const std::string& key) {
  const auto posted_at = steady_clock::now();
  return pool.try_post([this, &pool, key, posted_at] {
    const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - posted_at);
    work(pool, key, waited <= pool.max_wait());
  });
}

// Only the time in the pool's queue counts against its max_wait(): who waits for a read of this key will be served by
// the same thread. `in_time`: the task did not wait too long there.
void SharedReads::work(base::WorkerPool& pool, const std::string& key, bool in_time) {
  for (int reads = 0;;) {
    const auto run = take_next(key);
    perform(*run, std::exchange(in_time, true));
    const bool more = has_more(key);
    resume(*run);
    if (!more) return;
    // With a full queue the thread goes on: those that wait joined a task that the pool had accepted.
    if (++reads >= kReadsInARow && post(pool, key)) return;
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

void SharedReads::perform(Run& run, bool in_time) {
  try {
    if (!in_time) throw http::Overloaded();
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

#include "base/log/log_writer.hpp"

#include <pthread.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <ctime>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "base/log/log_queue.hpp"

namespace vbrain::base {
namespace {

constexpr std::chrono::seconds kLastLines{2};
constexpr int kCrashSteps = 50;
constexpr timespec kCrashStep{.tv_sec = 0, .tv_nsec = 10'000'000};

// Shared with the thread, which may hang in write(2) and outlive the LogWriter.
struct Queue {
  Queue(int to, std::size_t most) : fd(to), max_bytes(most) {}

  const int fd;
  const std::size_t max_bytes;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> lines;
  std::size_t bytes = 0;
  std::size_t unwritten = 0;  // lines in the queue or being written
  unsigned long dropped = 0;  // not yet told
  bool ending = false;
};

std::mutex current_mutex;
std::shared_ptr<Queue> current;
std::atomic<std::uint64_t> dropped_total{0};
// The sum of Queue::unwritten, for the signal handler.
std::atomic<std::size_t> unwritten_lines{0};

std::shared_ptr<Queue> current_queue() {
  const std::lock_guard lock(current_mutex);
  return current;
}

void write_lines(const std::shared_ptr<Queue>& queue) {
  std::unique_lock lock(queue->mutex);
  for (;;) {
    queue->changed.wait(lock, [&] { return !queue->lines.empty() || queue->ending; });
    if (queue->lines.empty()) return;
    const std::string line = std::move(queue->lines.front());
    queue->lines.pop_front();
    queue->bytes -= line.size();
    const unsigned long dropped = std::exchange(queue->dropped, 0);
    lock.unlock();
    detail::write_log_line(queue->fd, line);
    if (dropped > 0) detail::write_log_line(queue->fd, detail::dropped_lines_text(dropped));
    lock.lock();
    --queue->unwritten;
    --unwritten_lines;
    if (queue->unwritten == 0) queue->changed.notify_all();
  }
}

bool wait_until_written(Queue& queue, std::chrono::milliseconds patience) {
  std::unique_lock lock(queue.mutex);
  return queue.changed.wait_for(lock, patience, [&] { return queue.unwritten == 0; });
}

// The other threads go on while this one waits here. Only what a signal handler may do (signal-safety(7)).
void wait_in_crash(int) {
  for (int i = 0; i < kCrashSteps && unwritten_lines.load() > 0; ++i) nanosleep(&kCrashStep, nullptr);
}

void wait_for_the_log_in_crashes() {
  constexpr std::array kSignals{SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
  for (const int signal : kSignals) {
    struct sigaction now {};
    // A sanitizer's handler is left alone.
    if (sigaction(signal, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) continue;
    struct sigaction wait {};
    wait.sa_handler = wait_in_crash;
    // The instruction that failed runs again after the handler, with the default action.
    wait.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(signal, &wait, nullptr);
  }
}

}  // namespace

LogWriter::LogWriter(int fd, std::size_t max_bytes) {
  const auto queue = std::make_shared<Queue>(fd, max_bytes);
  std::thread writer([queue] {
    pthread_setname_np(pthread_self(), "log");
    write_lines(queue);
  });
  writer.detach();
  wait_for_the_log_in_crashes();
  const std::lock_guard lock(current_mutex);
  current = queue;
}

LogWriter::~LogWriter() {
  std::shared_ptr<Queue> queue;
  {
    const std::lock_guard lock(current_mutex);
    queue = std::exchange(current, nullptr);
  }
  wait_until_written(*queue, kLastLines);
  {
    const std::lock_guard lock(queue->mutex);
    queue->ending = true;
  }
  queue->changed.notify_all();
}

bool flush_log(std::chrono::milliseconds patience) {
  const auto queue = current_queue();
  return queue == nullptr || wait_until_written(*queue, patience);
}

std::uint64_t dropped_log_lines() {
  return dropped_total.load();
}

namespace detail {

bool queue_log_line(std::string& line) {
  const auto queue = current_queue();
  if (queue == nullptr) return false;
  {
    const std::lock_guard lock(queue->mutex);
    if (queue->bytes + line.size() > queue->max_bytes) {
      ++queue->dropped;
      ++dropped_total;
      return true;
    }
    queue->lines.push_back(std::move(line));
    queue->bytes += queue->lines.back().size();
    ++queue->unwritten;
    ++unwritten_lines;
  }
  queue->changed.notify_all();
  return true;
}

}  // namespace detail
}  // namespace vbrain::base

#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "http/task.hpp"

namespace vbrain::http {

using SteadyTime = std::chrono::steady_clock::time_point;
using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;

// Why a wait has ended.
enum class Woken {
  kSignal,    // Waker::wake() was called since the last wait; in rare cases nothing was
  kTimeout,   // the time is over
  kGone,      // the client has closed its side of the connection, or the connection was cut
  kStopping,  // the server stops
};

// Wakes one request or stream that waits. Copies wake the same one. It may outlive the request and the server; then
// nothing happens. Thread-safe; it never blocks.
class Waker {
 public:
  Waker() = default;  // wakes nobody
  void wake() const;

 private:
  friend class Connection;
  struct Target {
    explicit Target(const Executor& where) : executor(where) {}
    void forget();     // nobody waits here any more
    void interrupt();  // ends the wait under way

    std::mutex mutex;                  // of the next two
    std::optional<Executor> executor;  // of the connection; empty: it is over
    bool posted = false;               // a message to the I/O thread is on its way

    // For the I/O thread only.
    bool signalled = false;
    Timer* timer = nullptr;  // of the wait under way
  };
  explicit Waker(std::shared_ptr<Target> target) : target_(std::move(target)) {}

  std::shared_ptr<Target> target_;
};

// Waits of one request, without a thread. For the I/O thread of the connection.
class Waiting {
 public:
  virtual ~Waiting() = default;
  // Take it before you look at what you wait for: a wake() between the look and the wait ends the wait at once.
  virtual Waker waker() = 0;
  // Waits until a Waker of this request is woken, the time comes (max(): never), the client goes or the server stops.
  // Meanwhile no timer of the connection runs. Bytes that the client sends are kept for the next request: 4 KiB of
  // them; what is beyond stays in the kernel, and the end of the connection behind it is not seen.
  virtual Task<Woken> until(SteadyTime deadline) = 0;
  // Has `act` called, at most once and on the I/O thread, when the client has gone while the request waits for a pool.
  // That is looked at several times a second. Null: not any more.
  virtual void when_gone(std::function<void()> act) = 0;
  // How long this request has spent in until().
  virtual std::chrono::steady_clock::duration waited() const = 0;
};

}  // namespace vbrain::http

#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "base/threads/worker_pool.hpp"

namespace vbrain::http {

using Executor = boost::asio::io_context::executor_type;

// A coroutine of one connection. It runs on that connection's I/O thread only and must not block there; blocking work
// goes through run_on().
//
// g++ 12 generates wrong code for a co_await whose full expression makes temporaries (GCC bugs 99576, 100611 and 101367
// have examples): they are destroyed twice or too early. So a co_await stands in a statement of its own and its operand
// is a call whose arguments have names: `const auto x = co_await f(named);`. scripts/checks/check-coroutines.py, a part
// of `make verify`, refuses every other form; run_on() does not compile with an unnamed function.
template <class T>
using Task = boost::asio::awaitable<T, Executor>;

inline constexpr boost::asio::use_awaitable_t<Executor> kAwait{};

// The server is overloaded: a memory budget is used up, or the queue of a pool is full.
class Overloaded : public std::runtime_error {
 public:
  Overloaded() : Overloaded("worker pool is full") {}

 protected:
  explicit Overloaded(const char* what) : std::runtime_error(what) {}
};

// The sender's own part of a queue is full (base::Posted::kLaneFull). Others are served.
class LaneFull : public Overloaded {
 public:
  LaneFull() : Overloaded("lane is full") {}
};

namespace detail {

enum class Urgency {
  kBounded,  // not run if the queue is full, or if it waited there for longer than the pool's max_wait()
  kAlways,
};

// What became of a posted task.
enum class Fate { kRun, kOverloaded, kLaneFull, kDropped };
// kOverloaded: Overloaded. kLaneFull: LaneFull. kDropped: BodyError::Kind::kGone. The task was not run then.
void throw_unless_run(Fate fate);

struct NoWatch {
  void operator()(base::WorkerPool&, const base::WorkerPool::Ticket&) const {}
};

// Posts `task` to the lane and resumes the caller on its own thread when it has run, or when it is known that it will
// not. `watch` gets the ticket of a task that waits.
template <class F, class W>
Task<Fate> run_posted(base::Lane lane, F& task, Urgency urgency, const W& watch) {
  Fate fate = Fate::kRun;
  const auto initiate = [&](auto handler) {
    using Handler = decltype(handler);
    const auto executor = boost::asio::get_associated_executor(handler);
    // std::function requires copies, but the handler can only be moved.
    auto shared = std::make_shared<Handler>(std::move(handler));
    const auto back = [executor, shared] { boost::asio::post(executor, std::move(*shared)); };
    const auto run = [&fate, &task, back](base::Turn turn) {
      if (turn == base::Turn::kRun) {
        task();
      } else {
        fate = turn == base::Turn::kLate ? Fate::kOverloaded : Fate::kDropped;
      }
      back();
    };
    base::WorkerPool::Ticket ticket;
    const auto posted = urgency == Urgency::kAlways ? lane.post_always(run) : lane.post(run, &ticket);
    if (posted == base::Posted::kYes) {
      watch(lane.pool(), ticket);
      return;
    }
    fate = posted == base::Posted::kLaneFull ? Fate::kLaneFull : Fate::kOverloaded;
    back();
  };
  co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<Executor>&, void()>(initiate, kAwait);
  co_return fate;
}

}  // namespace detail

// Runs `work` on a thread of the lane's pool; the caller goes on with its result on its own I/O thread. Exceptions of
// `work` come back too. Throws Overloaded, with nothing done, if the lane has no room or `work` waited in its queue for
// longer than max_wait(). The wait cannot be cancelled, because `work` may hold references into the caller's frame (but
// see run_for_client). `work` is a named function that lives until the co_await is over.
template <class F, class W = detail::NoWatch>
Task<std::invoke_result_t<F&>> run_on(base::Lane lane, F& work, detail::Urgency urgency = detail::Urgency::kBounded,
                                      W watch = {}) {
  using T = std::invoke_result_t<F&>;
  std::exception_ptr failure;
  if constexpr (std::is_void_v<T>) {
    auto task = [&] {
      try {
        work();
      } catch (...) {
        failure = std::current_exception();
      }
    };
    const detail::Fate fate = co_await detail::run_posted(lane, task, urgency, watch);
    detail::throw_unless_run(fate);
    if (failure) std::rethrow_exception(failure);
  } else {
    std::optional<T> result;
    auto task = [&] {
      try {
        result.emplace(work());
      } catch (...) {
        failure = std::current_exception();
      }
    };
    const detail::Fate fate = co_await detail::run_posted(lane, task, urgency, watch);
    detail::throw_unless_run(fate);
    if (failure) std::rethrow_exception(failure);
    co_return std::move(*result);
  }
}

// As run_on(), but also if the queue is full: for work that must be done, such as undoing the steps of a request.
// Throws Overloaded if the pool is closed.
template <class F>
Task<std::invoke_result_t<F&>> run_always_on(base::Lane lane, F& work) {
  return run_on(lane, work, detail::Urgency::kAlways);
}

}  // namespace vbrain::http

#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
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
  Overloaded() : std::runtime_error("worker pool is full") {}
};

namespace detail {

enum class Urgency {
  kBounded,  // not run if the queue is full, or if it waited there for longer than the pool's max_wait()
  kAlways,
};

// Posts `task` to the pool and resumes the caller on its own thread when it has run. False if it was not run.
template <class F>
Task<bool> run_posted(base::WorkerPool& pool, F& task, Urgency urgency) {
  bool accepted = true;
  const auto posted_at = std::chrono::steady_clock::now();
  const auto patience = urgency == Urgency::kAlways ? std::chrono::milliseconds::max() : pool.max_wait();
  const auto initiate = [&](auto handler) {
    using Handler = decltype(handler);
    const auto executor = boost::asio::get_associated_executor(handler);
    // std::function requires copies, but the handler can only be moved.
    auto shared = std::make_shared<Handler>(std::move(handler));
    const auto back = [executor, shared] { boost::asio::post(executor, std::move(*shared)); };
    const auto run = [&, back] {
      const auto waited = std::chrono::steady_clock::now() - posted_at;
      if (std::chrono::duration_cast<std::chrono::milliseconds>(waited) > patience) {
        accepted = false;
      } else {
        task();
      }
      back();
    };
    const bool posted = urgency == Urgency::kAlways ? pool.post_always(run) : pool.try_post(run);
    if (posted) return;
    accepted = false;
    back();
  };
  co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<Executor>&, void()>(initiate, kAwait);
  co_return accepted;
}

}  // namespace detail

// Runs `work` on a thread of `pool`; the caller goes on with its result on its own I/O thread. Exceptions of `work`
// come back too. Throws Overloaded, with nothing done, if the pool has no room or `work` waited in its queue for longer
// than max_wait(). The wait cannot be cancelled, because `work` may hold references into the caller's frame. `work` is
// a named function that lives until the co_await is over.
template <class F>
Task<std::invoke_result_t<F&>> run_on(base::WorkerPool& pool, F& work,
                                      detail::Urgency urgency = detail::Urgency::kBounded) {
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
    const bool accepted = co_await detail::run_posted(pool, task, urgency);
    if (!accepted) throw Overloaded();
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
    const bool accepted = co_await detail::run_posted(pool, task, urgency);
    if (!accepted) throw Overloaded();
    if (failure) std::rethrow_exception(failure);
    co_return std::move(*result);
  }
}

// As run_on(), but also if the queue is full: for work that must be done, such as undoing the steps of a request.
// Throws Overloaded if the pool is closed.
template <class F>
Task<std::invoke_result_t<F&>> run_always_on(base::WorkerPool& pool, F& work) {
  return run_on(pool, work, detail::Urgency::kAlways);
}

}  // namespace vbrain::http

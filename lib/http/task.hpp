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

#include "base/worker_pool.hpp"

namespace vbrain::http {

using Executor = boost::asio::io_context::executor_type;

// A coroutine of one connection. It runs on that connection's I/O thread only and must not block there; what
// blocks goes through run_on().
//
// g++ 12 generates wrong code for a co_await whose full expression makes temporaries (GCC bugs 99576, 100611 and 101367
// have examples): they are destroyed twice or too early. So a co_await stands in a statement of its own and its operand
// is a call whose arguments have names: `const auto x = co_await f(named);`. scripts/check-coroutines.py, a part of
// `make verify`, refuses every other form; run_on() does not compile with an unnamed function.
template <class T>
using Task = boost::asio::awaitable<T, Executor>;

inline constexpr boost::asio::use_awaitable_t<Executor> kAwait{};

// The pool had no room: the server has more to do than it can hold.
class Overloaded : public std::runtime_error {
 public:
  Overloaded() : std::runtime_error("worker pool is full") {}
};

namespace detail {

// Posts `task` to the pool and resumes the caller on its own thread when it has run.
template <class F>
Task<bool> run_posted(base::WorkerPool& pool, F& task) {
  bool accepted = true;
  const auto initiate = [&](auto handler) {
    using Handler = decltype(handler);
    const auto executor = boost::asio::get_associated_executor(handler);
    // std::function copies; the handler only moves.
    auto shared = std::make_shared<Handler>(std::move(handler));
    const auto back = [executor, shared] { boost::asio::post(executor, std::move(*shared)); };
    accepted = pool.try_post([&task, back] {
      task();
      back();
    });
    if (!accepted) back();
  };
  co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<Executor>&, void()>(initiate, kAwait);
  co_return accepted;
}

}  // namespace detail

// Runs `work` on a thread of `pool`; the caller goes on with its result on its own I/O thread. Exceptions of `work`
// come back too. Throws Overloaded if the pool has no room. There is no way to give up waiting: `work` may hold
// references into the caller's frame. It is a named function that lives until the co_await is over.
template <class F>
Task<std::invoke_result_t<F&>> run_on(base::WorkerPool& pool, F& work) {
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
    const bool accepted = co_await detail::run_posted(pool, task);
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
    const bool accepted = co_await detail::run_posted(pool, task);
    if (!accepted) throw Overloaded();
    if (failure) std::rethrow_exception(failure);
    co_return std::move(*result);
  }
}

}  // namespace vbrain::http

#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/threads/worker_pool.hpp"
#include "http/task.hpp"

namespace vbrain::api {

// Reads of the volume that requests share. Requests for the same key that wait at the same time get one value. It is
// read after all of them had come, so each gets what a read of its own could have found: nothing is served that was
// deleted before the request came. While a read is under way, requests that come wait for the next one. So a job that
// many clients poll takes one thread of the pool, and the more clients wait, the more share a read. All requests for a
// key belong to one lane. Thread-safe.
class SharedReads {
 public:
  SharedReads() = default;
  SharedReads(const SharedReads&) = delete;

  // The value of `read()` on a thread of `pool`, in that lane. What it throws comes to all that wait. Throws
  // http::Overloaded as http::run_on() does. `key` tells everything that the value depends on. `read` is a named
  // function that lives until the co_await is over; of several requests the function of one is called.
  template <class F>
  http::Task<std::shared_ptr<const std::invoke_result_t<F&>>> get(base::Lane pool, const std::string& key, F& read) {
    using T = std::invoke_result_t<F&>;
    std::shared_ptr<Run> run;
    const auto initiate = [&](auto handler) {
      using Handler = decltype(handler);
      const http::Executor executor = boost::asio::get_associated_executor(handler);
      // std::function requires copies, but the handler can only be moved.
      auto shared = std::make_shared<Handler>(std::move(handler));
      Waiter waiter{executor, [shared] { std::move (*shared)(); }};
      run = join(
          pool, key, [&read]() -> Value { return std::make_shared<const T>(read()); }, std::move(waiter));
    };
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<http::Executor>&, void()>(initiate,
                                                                                                      http::kAwait);
    if (run->failure) std::rethrow_exception(run->failure);
    co_return std::static_pointer_cast<const T>(run->value);
  }

 private:
  using Value = std::shared_ptr<const void>;
  using Read = std::function<Value()>;
  struct Waiter {
    http::Executor executor;
    std::function<void()> resume;
  };
  // One read, and the requests that get its value.
  struct Run {
    Read read;
    std::vector<Waiter> waiters;
    Value value = nullptr;
    std::exception_ptr failure = nullptr;
  };
  struct Key {
    std::shared_ptr<Run> next;  // not begun: a request that comes joins it. Null: none waits
    bool busy = false;          // a task of the pool works for this key, or is in its queue
  };

  std::shared_ptr<Run> join(base::Lane pool, const std::string& key, Read read, Waiter waiter);
  base::Posted post(base::Lane pool, const std::string& key);
  void work(base::Lane pool, const std::string& key);
  void refuse(const std::string& key, const std::exception_ptr& why);
  std::shared_ptr<Run> take_next(const std::string& key);
  bool has_more(const std::string& key);
  static void perform(Run& run);
  static void resume(Run& run);

  std::mutex mutex_;
  std::unordered_map<std::string, Key> keys_;
};

}  // namespace vbrain::api

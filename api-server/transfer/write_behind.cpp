#include "api-server/transfer/write_behind.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <utility>

namespace vbrain::api {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

using Timer = asio::basic_waitable_timer<steady_clock, asio::wait_traits<steady_clock>, http::Executor>;

// The executor of the coroutine that awaits this.
http::Task<http::Executor> own_executor() {
  std::optional<http::Executor> found;
  const auto initiate = [&](auto handler) {
    found = asio::get_associated_executor(handler);
    asio::post(*found, std::move(handler));
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<http::Executor>&, void()>(initiate, http::kAwait);
  co_return *found;
}

}  // namespace

struct WriteBehind::State {
  explicit State(base::Lane lane) : pool(lane) {}

  const base::Lane pool;
  std::optional<Timer> done;  // from the first block on
  std::function<void(std::string_view)> write;
  std::string filling;
  std::string writing;
  bool busy = false;  // `writing` is in use
  std::exception_ptr failure;
};

WriteBehind::WriteBehind(base::Lane pool) : state_(std::make_shared<State>(pool)) {}

void WriteBehind::begin(std::function<void(std::string_view)> write) {
  state_->write = std::move(write);
  state_->filling.reserve(kBlock);
}

http::Task<void> WriteBehind::write_block(std::shared_ptr<State> state) {
  try {
    const auto work = [&] { state->write(state->writing); };
    co_await http::run_on(state->pool, work);
  } catch (const std::exception&) {
    state->failure = std::current_exception();
  }
  state->busy = false;
  state->done->cancel();
}

http::Task<void> WriteBehind::settle() {
  State& s = *state_;
  while (s.busy) {
    boost::system::error_code ignored;
    s.done->expires_at(steady_clock::time_point::max());
    co_await s.done->async_wait(asio::redirect_error(http::kAwait, ignored));
  }
}

http::Task<void> WriteBehind::start() {
  State& s = *state_;
  co_await settle();
  if (s.failure) std::rethrow_exception(std::exchange(s.failure, nullptr));
  if (s.filling.empty()) co_return;
  if (!s.done) {
    const http::Executor executor = co_await own_executor();
    s.done.emplace(executor);
  }
  std::swap(s.filling, s.writing);
  s.filling.clear();
  s.filling.reserve(kBlock);
  s.busy = true;
  asio::co_spawn(s.done->get_executor(), write_block(state_), asio::detached);
}

http::Task<void> WriteBehind::add(std::string_view bytes) {
  State& s = *state_;
  while (!bytes.empty()) {
    const std::string_view taken = bytes.substr(0, kBlock - s.filling.size());
    s.filling.append(taken);
    bytes.remove_prefix(taken.size());
    if (s.filling.size() == kBlock) co_await start();
  }
}

http::Task<void> WriteBehind::flush() {
  co_await start();
  co_await settle();
  State& s = *state_;
  if (s.failure) std::rethrow_exception(std::exchange(s.failure, nullptr));
}

}  // namespace vbrain::api

#pragma once

// Internal to rest_transport.cpp: data shared between the HTTP library's thread and a caller's thread.

#include <cpprest/astreambuf.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>

namespace vbrain::kube {

// One request under way: the HTTP library's thread writes to it, the caller's thread reads from it.
class Exchange {
 public:
  using Milliseconds = std::chrono::milliseconds;
  using Steady = std::chrono::steady_clock;
  enum class Fill { kHold, kStop };
  // The state after a wait.
  struct View {
    bool finished = false;
    bool too_large = false;
    bool timed_out = false;
    bool stopped = false;
    std::string bytes = {};
  };

  // `limit` bytes are buffered. Then reading waits for the caller (kHold), or the answer is too large (kStop).
  Exchange(std::size_t limit, Fill fill) : limit_(limit), fill_(fill) {}

  // Called on the HTTP library's thread.
  pplx::task<std::size_t> put(const std::uint8_t* bytes, std::size_t count) {
    const std::lock_guard lock(mutex_);
    if (abandoned_ || too_large_) return pplx::task_from_result(count);
    ++progress_;
    if (fill_ == Fill::kStop && bytes_.size() + count > limit_) {
      too_large_ = true;
      changed_.notify_all();
      return pplx::task_from_result(count);
    }
    bytes_.append(reinterpret_cast<const char*>(bytes), count);
    // A call's answer is useful when it is complete, a stream's at once.
    if (fill_ == Fill::kStop) return pplx::task_from_result(count);
    changed_.notify_all();
    if (bytes_.size() < limit_) return pplx::task_from_result(count);
    blocked_.emplace();
    blocked_count_ = count;
    return pplx::task<std::size_t>(*blocked_);
  }
  void note_headers(int status, std::string retry_after) {
    const std::lock_guard lock(mutex_);
    ++progress_;
    status_ = status;
    retry_after_ = std::move(retry_after);
    changed_.notify_all();
  }
  void finish(std::optional<std::string> failure, std::error_code code = {}) {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    failure_ = std::move(failure);
    failure_code_ = code;
    changed_.notify_all();
  }

  // Called on the HTTP library's thread before it reads a part of the request's body. False: the body must not be sent
  // any more.
  bool begin_sending() {
    const std::lock_guard lock(mutex_);
    if (sending_forbidden_) return false;
    sending_ = true;
    return true;
  }
  // Called on the caller's thread: from now on no more of the request's body is sent. True if nothing was sent.
  bool forbid_sending() {
    const std::lock_guard lock(mutex_);
    sending_forbidden_ = true;
    return !sending_;
  }

  // Called on the caller's thread. Waits until the status and bytes are available or the exchange has ended, at most
  // until `deadline`. If `idle` is given, any progress restarts the time.
  View wait(std::stop_token stop, Steady::time_point deadline, std::optional<Milliseconds> idle) {
    std::unique_lock lock(mutex_);
    auto seen = progress_;
    const auto ready = [&] { return finished_ || too_large_ || (status_ != 0 && streams() && !bytes_.empty()); };
    while (!ready()) {
      if (idle) deadline = Steady::now() + *idle;
      changed_.wait_until(lock, stop, deadline, [&] { return ready() || (idle && progress_ != seen); });
      if (ready()) break;
      if (stop.stop_requested()) return {.stopped = true};
      if (!idle || progress_ == seen) return {.timed_out = true};
      seen = progress_;
    }
    View view{.finished = finished_, .too_large = too_large_, .bytes = std::exchange(bytes_, {})};
    release(lock);
    return view;
  }

  // Drops everything that arrives later; nobody waits for it.
  void abandon() {
    std::unique_lock lock(mutex_);
    abandoned_ = true;
    release(lock);
  }

  int status() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }
  std::string retry_after() const {
    const std::lock_guard lock(mutex_);
    return retry_after_;
  }
  // Nothing after a success; valid after the end only.
  std::optional<std::string> failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
  }
  std::error_code failure_code() const {
    const std::lock_guard lock(mutex_);
    return failure_code_;
  }

 private:
  bool streams() const { return fill_ == Fill::kHold; }

  void release(std::unique_lock<std::mutex>& lock) {
    if (!blocked_) return;
    const auto blocked = *std::exchange(blocked_, std::nullopt);
    const std::size_t count = blocked_count_;
    lock.unlock();
    blocked.set(count);
  }

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  const std::size_t limit_;
  const Fill fill_;
  std::string bytes_;
  std::string retry_after_;
  int status_ = 0;
  std::uint64_t progress_ = 0;
  bool finished_ = false;
  bool too_large_ = false;
  bool abandoned_ = false;
  bool sending_ = false;
  bool sending_forbidden_ = false;
  std::optional<std::string> failure_;
  std::error_code failure_code_;
  std::optional<pplx::task_completion_event<std::size_t>> blocked_;
  std::size_t blocked_count_ = 0;
};

// A stream of the HTTP library without seeking. All reads and writes return "end".
class OneWayStream : public Concurrency::streams::details::streambuf_state_manager<std::uint8_t> {
 public:
  using streambuf_state_manager::streambuf_state_manager;

  bool can_seek() const override { return false; }
  bool has_size() const override { return false; }
  std::size_t buffer_size(std::ios_base::openmode) const override { return 0; }
  void set_buffer_size(std::size_t, std::ios_base::openmode) override {}
  std::size_t in_avail() const override { return 0; }
  pos_type getpos(std::ios_base::openmode) const override { return traits::eof(); }
  pos_type seekpos(pos_type, std::ios_base::openmode) override { return traits::eof(); }
  pos_type seekoff(off_type, std::ios_base::seekdir, std::ios_base::openmode) override { return traits::eof(); }
  utility::size64_t size() const override { return 0; }
  bool acquire(std::uint8_t*&, std::size_t&) override { return false; }
  void release(std::uint8_t*, std::size_t) override {}

 protected:
  pplx::task<int_type> _putc(std::uint8_t) override { return pplx::task_from_result<int_type>(traits::eof()); }
  pplx::task<std::size_t> _putn(const std::uint8_t*, std::size_t) override {
    return pplx::task_from_result<std::size_t>(0);
  }
  pplx::task<int_type> _bumpc() override { return pplx::task_from_result<int_type>(traits::eof()); }
  int_type _sbumpc() override { return traits::eof(); }
  pplx::task<int_type> _getc() override { return pplx::task_from_result<int_type>(traits::eof()); }
  int_type _sgetc() override { return traits::eof(); }
  pplx::task<int_type> _nextc() override { return pplx::task_from_result<int_type>(traits::eof()); }
  pplx::task<int_type> _ungetc() override { return pplx::task_from_result<int_type>(traits::eof()); }
  pplx::task<std::size_t> _getn(std::uint8_t*, std::size_t) override { return pplx::task_from_result<std::size_t>(0); }
  std::size_t _scopy(std::uint8_t*, std::size_t) override { return 0; }
  pplx::task<bool> _sync() override { return pplx::task_from_result(true); }
  std::uint8_t* _alloc(std::size_t) override { return nullptr; }
  void _commit(std::size_t) override {}
};

// The stream to which the HTTP library writes an answer's body.
class AnswerSink final : public OneWayStream {
 public:
  explicit AnswerSink(std::shared_ptr<Exchange> exchange)
      : OneWayStream(std::ios_base::out), exchange_(std::move(exchange)) {}

 protected:
  pplx::task<int_type> _putc(std::uint8_t byte) override {
    return exchange_->put(&byte, 1).then([byte](std::size_t) { return static_cast<int_type>(byte); });
  }
  pplx::task<std::size_t> _putn(const std::uint8_t* bytes, std::size_t count) override {
    return exchange_->put(bytes, count);
  }

 private:
  const std::shared_ptr<Exchange> exchange_;
};

// The stream from which the HTTP library reads a request's body. If the server closed a kept connection, the library
// would silently send a seekable body again. This stream can be read only once.
class BodySource final : public OneWayStream {
 public:
  BodySource(std::string body, std::shared_ptr<Exchange> exchange)
      : OneWayStream(std::ios_base::in), body_(std::move(body)), exchange_(std::move(exchange)) {}

  std::size_t in_avail() const override { return body_.size() - read_; }

 protected:
  pplx::task<std::size_t> _getn(std::uint8_t* to, std::size_t count) override {
    if (!exchange_->begin_sending()) return pplx::task_from_result<std::size_t>(0);
    const std::size_t given = std::min(count, body_.size() - read_);
    std::memcpy(to, body_.data() + read_, given);
    read_ += given;
    return pplx::task_from_result(given);
  }

 private:
  const std::string body_;
  const std::shared_ptr<Exchange> exchange_;
  std::size_t read_ = 0;
};

}  // namespace vbrain::kube

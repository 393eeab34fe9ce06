#include "kube/rest_transport.hpp"

#include <cpprest/http_client.h>
#include <pplx/threadpool.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "base/clock.hpp"
#include "kube/tls_material.hpp"
#include "kube/token_source.hpp"

namespace vbrain::kube {
namespace {

namespace http = web::http;
namespace streams = Concurrency::streams;
using Milliseconds = std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

// One thread, on which cancellations run too. The library closes the socket of a cancelled request wherever the
// cancellation is called, and asio's sockets are not made for that: with a second thread inside the connection the
// process dies in epoll_reactor::start_op. Nothing in the client path blocks a pool thread.
constexpr std::size_t kPoolThreads = 1;
// Bytes of a stream that may wait for its reader before the connection is not read any more.
constexpr std::size_t kStreamBuffer = 256u << 10;
constexpr std::size_t kMaxErrorBody = 64u << 10;
// The HTTP library's own timer. Ours are finer and always fire first.
constexpr std::chrono::minutes kLibraryTimeout{15};

// One request under way: the HTTP library's threads fill it, the caller's thread empties it.
class Exchange {
 public:
  enum class Fill { kHold, kStop };
  // What the caller sees after waiting.
  struct View {
    bool finished = false;
    bool too_large = false;
    bool timed_out = false;
    bool stopped = false;
    std::string bytes = {};
  };

  // `limit` bytes are held. Then reading waits for the caller (kHold), or the answer is too large (kStop).
  Exchange(std::size_t limit, Fill fill) : limit_(limit), fill_(fill) {}

  // Called by the HTTP library's threads.
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
    // An answer is of use when it is complete, a stream at once.
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

  // Called by the caller's thread. Waits for bytes whose status is known or for the end, at most until `deadline`;
  // any progress starts the time anew if `idle` is given.
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

  // Whatever comes now is dropped, nobody waits for it.
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
  // Nothing if all went well; only after the end.
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
  std::optional<std::string> failure_;
  std::error_code failure_code_;
  std::optional<pplx::task_completion_event<std::size_t>> blocked_;
  std::size_t blocked_count_ = 0;
};

// The stream that the HTTP library writes an answer's body to.
class Sink final : public streams::details::streambuf_state_manager<std::uint8_t> {
 public:
  explicit Sink(std::shared_ptr<Exchange> exchange)
      : streambuf_state_manager(std::ios_base::out), exchange_(std::move(exchange)) {}

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
  pplx::task<int_type> _putc(std::uint8_t byte) override {
    return exchange_->put(&byte, 1).then([byte](std::size_t) { return static_cast<int_type>(byte); });
  }
  pplx::task<std::size_t> _putn(const std::uint8_t* bytes, std::size_t count) override {
    return exchange_->put(bytes, count);
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

 private:
  const std::shared_ptr<Exchange> exchange_;
};

// A request that was sent, and its end: the connection is closed unless the answer was read to its end.
class Sent {
 public:
  Sent(std::shared_ptr<Exchange> exchange, pplx::cancellation_token_source cancel)
      : exchange_(std::move(exchange)), cancel_(std::move(cancel)) {}
  ~Sent() {
    if (complete_) return;
    exchange_->abandon();
    crossplat::threadpool::shared_instance().service().post([cancel = cancel_] { cancel.cancel(); });
  }
  Sent(const Sent&) = delete;
  Sent& operator=(const Sent&) = delete;

  Exchange& operator*() const { return *exchange_; }
  Exchange* operator->() const { return exchange_.get(); }
  void complete() { complete_ = true; }

 private:
  const std::shared_ptr<Exchange> exchange_;
  const pplx::cancellation_token_source cancel_;
  bool complete_ = false;
};

// The texts are the library's; it gives no other sign of the phase that failed.
bool is_handshake_failure(const std::string& message) {
  return message.find("SSL handshake") != std::string::npos;
}
bool is_dropped_connection(const std::string& message) {
  return message.starts_with("Failed to write request") || message.starts_with("Failed to read HTTP status line");
}

Error timeout_error(const char* what) {
  return {.code = ErrorCode::kTimeout, .message = what};
}

class RestTransport final : public Transport {
 public:
  RestTransport(const Config& config, const RestOptions& options, std::shared_ptr<TlsMaterial> tls)
      : options_(options),
        user_agent_(config.user_agent),
        tls_(std::move(tls)),
        token_(config, clock_),
        server_(config.server),
        pool_(new_pool()) {}

  KubeResult<Response> call(const Request& request, std::stop_token stop) override {
    const auto deadline = Steady::now() + (request.timeout.count() > 0 ? request.timeout : options_.call_timeout);
    KubeResult<Response> answer;
    bool again = true;
    for (int attempt = 0; attempt < kAttempts && again; ++attempt) {
      again = false;
      answer = call_once(request, stop, deadline, again);
    }
    return answer;
  }

  KubeResult<void> stream(const Request& request, const StreamOptions& options, const ChunkSink& sink,
                          std::stop_token stop) override {
    KubeResult<void> ended;
    bool again = true;
    for (int attempt = 0; attempt < kAttempts && again; ++attempt) {
      again = false;
      ended = stream_once(request, options, sink, stop, again);
    }
    return ended;
  }

 private:
  // The first, one for a kept connection that had dropped, one for a token that was replaced.
  static constexpr int kAttempts = 3;

  // A client of the library is a pool of connections.
  using Pool = std::shared_ptr<http::client::http_client>;

  Pool new_pool() const {
    http::client::http_client_config config;
    config.set_timeout(std::chrono::duration_cast<std::chrono::seconds>(kLibraryTimeout));
    config.set_validate_certificates(true);
    config.set_max_redirects(0);
    config.set_ssl_context_callback(
        [tls = tls_](boost::asio::ssl::context& context) { tls->apply(context.native_handle()); });
    return std::make_shared<http::client::http_client>(server_, config);
  }

  Pool pool() {
    const std::lock_guard lock(mutex_);
    return pool_;
  }
  // Where one kept connection had dropped, the others have too: a repetition gets a new one for certain.
  void leave(const Pool& used) {
    const std::lock_guard lock(mutex_);
    if (pool_ == used) pool_ = new_pool();
  }

  // Never throws: what the library throws becomes the exchange's failure.
  Sent send(const Pool& pool, const Request& request, const std::string& token, std::size_t limit,
            Exchange::Fill fill) {
    const auto exchange = std::make_shared<Exchange>(limit, fill);
    const pplx::cancellation_token_source cancel;
    try {
      http::http_request message(request.method);
      message.set_request_uri(web::uri(request.target));
      message.headers().add(http::header_names::accept, "application/json");
      message.headers().add(http::header_names::user_agent, user_agent_);
      if (!token.empty()) message.headers().add(http::header_names::authorization, "Bearer " + token);
      if (!request.body.empty()) message.set_body(request.body, request.content_type);
      message.set_response_stream(streams::ostream(streams::streambuf<std::uint8_t>(std::make_shared<Sink>(exchange))));
      pool->request(message, cancel.get_token())
          .then([exchange](const http::http_response& response) {
            std::string retry_after;
            const auto& headers = response.headers();
            if (const auto found = headers.find(http::header_names::retry_after); found != headers.end()) {
              retry_after = found->second;
            }
            exchange->note_headers(response.status_code(), std::move(retry_after));
            return response.content_ready();
          })
          .then([exchange](const pplx::task<http::http_response>& done) {
            try {
              done.get();
              exchange->finish(std::nullopt);
            } catch (const http::http_exception& error) {
              exchange->finish(error.what(), error.error_code());
            } catch (const std::exception& error) {
              exchange->finish(error.what());
            } catch (...) {
              exchange->finish("unknown failure");
            }
          });
    } catch (const std::exception& error) {
      exchange->finish(error.what());
    }
    return {exchange, cancel};
  }

  // Why an exchange ended without a complete answer. `again`: a kept connection had been closed by the server before
  // it read the request, as far as anybody can know; the request goes out once more.
  Error failure_of(const Exchange& exchange, const Pool& used, bool& again) {
    const std::string message = exchange.failure().value_or("no answer");
    const std::error_code code = exchange.failure_code();
    Error error{.code = ErrorCode::kUnavailable, .reason = "Connection", .message = message};
    if (code == std::errc::timed_out) {
      error.code = ErrorCode::kTimeout;
    } else if (is_handshake_failure(message)) {
      const std::string refusal = tls_->take_refusal();
      if (!refusal.empty()) {
        error.reason = "CertificateRefused";
        error.message = "the API server's certificate was refused: " + refusal;
      }
    } else if (is_dropped_connection(message) && exchange.status() == 0) {
      leave(used);
      again = true;
    }
    return error;
  }

  KubeResult<Response> call_once(const Request& request, std::stop_token stop, Steady::time_point deadline,
                                 bool& again) {
    const std::string token = token_.token();
    const Pool used = pool();
    Sent sent = send(used, request, token, options_.max_answer_bytes, Exchange::Fill::kStop);
    auto view = sent->wait(stop, deadline, std::nullopt);
    if (view.stopped) return tl::unexpected(cancelled_error());
    if (view.timed_out) return tl::unexpected(timeout_error("no answer in time"));
    if (view.too_large) {
      return tl::unexpected(Error{.code = ErrorCode::kTooLarge,
                                  .http_status = sent->status(),
                                  .message = "the answer is larger than the transport's limit"});
    }
    sent.complete();
    if (sent->failure()) return tl::unexpected(failure_of(*sent, used, again));
    const int status = sent->status();
    if (status >= 300) {
      again = status == 401 && token_.refresh(token);
      return tl::unexpected(error_from_response(status, view.bytes, sent->retry_after()));
    }
    return Response{.status = status, .body = std::move(view.bytes)};
  }

  KubeResult<void> stream_once(const Request& request, const StreamOptions& options, const ChunkSink& sink,
                               std::stop_token stop, bool& again) {
    const std::string token = token_.token();
    const Pool used = pool();
    Sent sent = send(used, request, token, kStreamBuffer, Exchange::Fill::kHold);
    std::string error_body;
    while (true) {
      const auto view = sent->wait(stop, {}, options.idle_timeout);
      if (view.stopped) return tl::unexpected(cancelled_error());
      if (view.timed_out) return tl::unexpected(timeout_error("nothing was received for too long"));
      const int status = sent->status();
      if (!view.bytes.empty() && status < 300) {
        if (!sink(view.bytes)) return {};
      } else if (error_body.size() < kMaxErrorBody) {
        error_body += view.bytes;
      }
      if (!view.finished) continue;
      sent.complete();
      if (sent->failure()) return tl::unexpected(failure_of(*sent, used, again));
      if (status < 300) return {};
      again = status == 401 && token_.refresh(token);
      return tl::unexpected(error_from_response(status, error_body, sent->retry_after()));
    }
  }

  const RestOptions options_;
  const std::string user_agent_;
  const base::SystemClock clock_;
  const std::shared_ptr<TlsMaterial> tls_;
  TokenSource token_;
  const std::string server_;
  std::mutex mutex_;
  Pool pool_;
};

// Throws if somebody else has started the library's threads.
void prepare_process(bool own_authority) {
  static std::once_flag once;
  std::call_once(once, [] { crossplat::threadpool::initialize_with_threads(kPoolThreads); });
  if (own_authority) {
    setenv("SSL_CERT_FILE", "/nonexistent/roots.pem", 1);
    setenv("SSL_CERT_DIR", "/nonexistent", 1);
  }
}

}  // namespace

Result<std::unique_ptr<Transport>, std::string> make_rest_transport(const Config& config, const RestOptions& options) {
  if (!config.server.starts_with("https://")) {
    return tl::unexpected(std::string("the API server's URL is not https"));
  }
  auto tls = TlsMaterial::load(config);
  if (!tls) return tl::unexpected(tls.error());
  try {
    prepare_process(!config.ca_pem.empty());
    return std::make_unique<RestTransport>(config, options, std::move(*tls));
  } catch (const std::exception& error) {
    return tl::unexpected("API server " + config.server + ": " + error.what());
  }
}

}  // namespace vbrain::kube

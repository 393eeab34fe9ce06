#include "kube/transport/rest_transport.hpp"

#include <cpprest/astreambuf.h>
#include <cpprest/http_client.h>
#include <pplx/threadpool.h>

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "base/time/clock.hpp"
#include "kube/transport/rest_transport_exchange.hpp"
#include "kube/transport/tls_source.hpp"
#include "kube/transport/token_source.hpp"

namespace vbrain::kube {
namespace {

namespace http = web::http;
namespace streams = Concurrency::streams;
using Milliseconds = std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

// One thread, which also runs cancellations. The library closes the socket of a cancelled request on the thread that
// calls the cancellation, and asio's sockets do not support that: with a second thread inside the connection the
// process crashes in epoll_reactor::start_op. Nothing in the client code blocks a pool thread.
constexpr std::size_t kPoolThreads = 1;
// Bytes of a stream that may wait for its reader before reading from the connection pauses.
constexpr std::size_t kStreamBuffer = 256u << 10;
constexpr std::size_t kMaxErrorBody = 64u << 10;
constexpr const char* kWhole = "application/json";
// Errors come as usual.
constexpr const char* kOnlyMetadata = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
// The HTTP library's own timer. The transport's timers are shorter and always fire first.
constexpr std::chrono::minutes kLibraryTimeout{15};

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
    return _putn(&byte, 1).then([byte](std::size_t) { return static_cast<int_type>(byte); });
  }
  pplx::task<std::size_t> _putn(const std::uint8_t* bytes, std::size_t count) override {
    pplx::task<std::size_t> room;
    const bool goes_on = exchange_->put(bytes, count, [&] {
      const pplx::task_completion_event<std::size_t> event;
      room = pplx::task<std::size_t>(event);
      return [event, count] { event.set(count); };
    });
    return goes_on ? pplx::task_from_result(count) : room;
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

// One sent request. At its end the connection is closed unless the answer was read completely.
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

// The HTTP library gives no code for the phase that failed, only these texts. The tests of kept connections, unsent
// bodies and refused certificates fail if a release of the library changes them.
bool is_handshake_failure(const std::string& message) {
  return message.find("SSL handshake") != std::string::npos;
}
// The server did not get the whole request.
bool is_unsent(const std::string& message) {
  return message.starts_with("Failed to write request");
}
// The request was sent and the connection was closed: before the server read the request (an expired kept connection),
// or after.
bool is_unanswered(const std::string& message) {
  return message.starts_with("Failed to read HTTP status line") ||
         message.starts_with("cannot rewind input stream for connection re-establishment");
}

Error timeout_error(const char* what) {
  return {.code = ErrorCode::kTimeout, .message = what};
}

class RestTransport final : public Transport {
 public:
  // Throws the HTTP library's exception for a server that is not a URL.
  static Result<std::unique_ptr<Transport>, std::string> make(const Config& config, const RestOptions& options) {
    std::unique_ptr<RestTransport> transport(new RestTransport(config, options));
    auto tls = TlsSource::load(config, transport->clock_);
    if (!tls) return tl::unexpected(tls.error());
    transport->tls_ = std::move(*tls);
    transport->pool_ = transport->new_pool(transport->tls_->current());
    return transport;
  }

  KubeResult<Response> call(const Request& request, std::stop_token stop) override {
    const auto deadline = Steady::now() + (request.timeout.count() > 0 ? request.timeout : options_.call_timeout);
    KubeResult<Response> answer;
    auto again = Again::kKept;
    bool maybe_done = false;
    for (int attempt = 0; attempt < kAttempts && again != Again::kNo; ++attempt) {
      const Pool used = pool(std::exchange(again, Again::kNo));
      answer = call_once(request, stop, deadline, used, again);
      if (!answer) maybe_done = answer.error().maybe_done = maybe_done || answer.error().maybe_done;
    }
    return answer;
  }

  KubeResult<void> stream(const Request& request, const StreamOptions& options, const ChunkSink& sink,
                          std::stop_token stop) override {
    KubeResult<void> ended;
    auto again = Again::kKept;
    for (int attempt = 0; attempt < kAttempts && again != Again::kNo; ++attempt) {
      const Pool used = pool(std::exchange(again, Again::kNo));
      ended = stream_once(request, options, sink, stop, used, again);
    }
    return ended;
  }

 private:
  // The first try, one for a kept connection that was closed, one for a replaced token.
  static constexpr int kAttempts = 3;

  // Each client of the library is a pool of connections. All of them use the same TLS material, which must outlive
  // them.
  struct Connections {
    TlsSource::Material tls;
    http::client::http_client client;
  };
  using Pool = std::shared_ptr<Connections>;

  // Whether a request is sent (again), and on which connection.
  enum class Again {
    kNo,
    kKept,  // a kept one, or a new one if all are in use
    kNew,   // a new one, that is not kept
  };

  RestTransport(const Config& config, const RestOptions& options)
      : options_(options), user_agent_(config.user_agent), token_(config, clock_), server_(config.server) {}

  Pool new_pool(const TlsSource::Material& tls) const {
    http::client::http_client_config config;
    config.set_timeout(std::chrono::duration_cast<std::chrono::seconds>(kLibraryTimeout));
    config.set_validate_certificates(true);
    config.set_max_redirects(0);
    config.set_ssl_context_callback([tls](boost::asio::ssl::context& context) { tls->apply(context.native_handle()); });
    return std::make_shared<Connections>(Connections{tls, {server_, config}});
  }

  // After a rotation of certificates all connections are opened again. If one kept connection was closed, others may be
  // closed, too. So a repetition uses a new one, and each kept one stays until it is found closed itself.
  Pool pool(Again wanted) {
    const auto tls = tls_->current();
    if (wanted == Again::kNew) return new_pool(tls);
    const std::lock_guard lock(mutex_);
    if (pool_->tls != tls) pool_ = new_pool(tls);
    return pool_;
  }
  // True if the refused credentials have been replaced.
  bool refresh(const std::string& token, const Pool& used) { return token_.refresh(token) || tls_->refresh(used->tls); }

  // Never throws: an exception of the library becomes the exchange's failure.
  Sent send(const Pool& pool, const Request& request, const std::string& token, std::size_t limit,
            Exchange::Fill fill) {
    const auto exchange = std::make_shared<Exchange>(limit, fill);
    const pplx::cancellation_token_source cancel;
    try {
      http::http_request message(request.method);
      message.set_request_uri(web::uri(request.target));
      message.headers().add(http::header_names::accept, request.only_metadata ? kOnlyMetadata : kWhole);
      message.headers().add(http::header_names::user_agent, user_agent_);
      if (!token.empty()) message.headers().add(http::header_names::authorization, "Bearer " + token);
      if (!request.body.empty()) {
        const streams::streambuf<std::uint8_t> source(std::make_shared<BodySource>(request.body, exchange));
        message.set_body(streams::istream(source), request.body.size(), request.content_type);
      }
      message.set_response_stream(
          streams::ostream(streams::streambuf<std::uint8_t>(std::make_shared<AnswerSink>(exchange))));
      pool->client.request(message, cancel.get_token())
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
              exchange->finish("unknown error");
            }
          });
    } catch (const std::exception& error) {
      exchange->finish(error.what());
    }
    return {exchange, cancel};
  }

  // Why an exchange ended without a complete answer. `again`: the server had apparently closed a kept connection before
  // it read the request; the request is sent once more.
  Error failure_of(const Exchange& exchange, const Pool& used, Again& again) {
    const std::string message = exchange.failure().value_or("no answer");
    const std::error_code code = exchange.failure_code();
    Error error{.code = ErrorCode::kUnavailable, .reason = "Connection", .message = message};
    if (code == std::errc::timed_out) {
      error.code = ErrorCode::kTimeout;
    } else if (is_handshake_failure(message)) {
      const std::string refusal = used->tls->take_refusal();
      if (tls_->refresh(used->tls)) again = Again::kKept;
      if (!refusal.empty()) {
        error.reason = "CertificateRefused";
        error.message = "the API server's certificate was refused: " + refusal;
      }
    } else if (exchange.status() == 0 && (is_unsent(message) || is_unanswered(message))) {
      error.maybe_done = is_unanswered(message);
      again = Again::kNew;
    }
    return error;
  }

  KubeResult<Response> call_once(const Request& request, std::stop_token stop, Steady::time_point deadline,
                                 const Pool& used, Again& again) {
    const std::string token = token_.token();
    Sent sent = send(used, request, token, options_.max_answer_bytes, Exchange::Fill::kStop);
    auto view = sent->wait(stop, deadline, std::nullopt);
    const auto unanswered = [&](Error error) {
      error.unsent = !request.body.empty() && sent->forbid_sending();
      return tl::unexpected(std::move(error));
    };
    if (view.stopped) return unanswered(cancelled_error());
    if (view.timed_out) return unanswered(timeout_error("no answer within the timeout"));
    if (view.too_large) {
      return tl::unexpected(Error{.code = ErrorCode::kTooLarge,
                                  .http_status = sent->status(),
                                  .message = "the answer is larger than the transport's limit"});
    }
    sent.complete();
    if (sent->failure()) return unanswered(failure_of(*sent, used, again));
    const int status = sent->status();
    if (status >= 300) {
      if (status == 401 && refresh(token, used)) again = Again::kKept;
      return tl::unexpected(error_from_response(status, view.bytes, sent->retry_after()));
    }
    return Response{.status = status, .body = std::move(view.bytes)};
  }

  KubeResult<void> stream_once(const Request& request, const StreamOptions& options, const ChunkSink& sink,
                               std::stop_token stop, const Pool& used, Again& again) {
    const std::string token = token_.token();
    Sent sent = send(used, request, token, kStreamBuffer, Exchange::Fill::kHold);
    std::string error_body;
    while (true) {
      const auto view = sent->wait(stop, {}, options.idle_timeout);
      // wait() does not check the stop token while data keeps arriving.
      if (view.stopped || stop.stop_requested()) return tl::unexpected(cancelled_error());
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
      if (status == 401 && refresh(token, used)) again = Again::kKept;
      return tl::unexpected(error_from_response(status, error_body, sent->retry_after()));
    }
  }

  const RestOptions options_;
  const std::string user_agent_;
  const base::SystemClock clock_;
  std::unique_ptr<TlsSource> tls_;
  TokenSource token_;
  const std::string server_;
  std::mutex mutex_;
  Pool pool_;
};

// Throws if other code has already started the library's threads.
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
  try {
    prepare_process(!config.ca_pem.empty());
    return RestTransport::make(config, options);
  } catch (const std::exception& error) {
    return tl::unexpected("API server " + config.server + ": " + error.what());
  }
}

}  // namespace vbrain::kube

#include "http/client/post.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <limits>
#include <optional>

#include "base/files/text_file.hpp"
#include "base/log/log.hpp"
#include "base/tls/pem.hpp"
#include "http/client/resolve.hpp"

namespace vbrain::http {
namespace {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Cause = NoAnswer::Cause;
using Failure = Unexpected<NoAnswer>;
using Steady = std::chrono::steady_clock;

constexpr std::uint32_t kHeadLimit = 16 * 1024;
constexpr int kMostHeads = 8;
constexpr int kSwitchingProtocols = 101;
// Of several addresses the first may not answer; then there is time for another one.
constexpr std::chrono::seconds kOneConnect{4};

Failure no_answer(Cause cause, std::string detail) {
  return Failure(NoAnswer{cause, std::move(detail)});
}

// Its size and times, so that another content of the file has another stamp; empty: no such file.
std::string stamp_of(const std::string& file) {
  struct stat facts {};
  if (file.empty() || ::stat(file.c_str(), &facts) != 0) return {};
  return std::to_string(facts.st_dev) + "/" + std::to_string(facts.st_ino) + "/" + std::to_string(facts.st_size) + "/" +
         std::to_string(facts.st_mtim.tv_sec) + "." + std::to_string(facts.st_mtim.tv_nsec);
}

tcp::endpoint endpoint_of(const IpAddress& address, std::uint16_t port) {
  if (address.is_v4()) {
    asio::ip::address_v4::bytes_type bytes{};
    std::copy(address.bytes.begin() + 12, address.bytes.end(), bytes.begin());
    return {asio::ip::address_v4(bytes), port};
  }
  asio::ip::address_v6::bytes_type bytes{};
  std::copy(address.bytes.begin(), address.bytes.end(), bytes.begin());
  return {asio::ip::address_v6(bytes), port};
}

// Runs one operation after the other on a loop of its own, each until the deadline or the stop.
class Steps {
 public:
  Steps(Steady::time_point deadline, std::stop_token stop)
      : deadline_(deadline), stop_(stop), end_(std::move(stop), [this] { loop_.stop(); }) {}

  asio::io_context& loop() { return loop_; }
  bool stopped() const { return stop_.stop_requested(); }

  // The operation's error; nothing if it did not end in time, and `cancel` was called, which must end it.
  template <class Start, class Cancel>
  std::optional<error_code> run(Start start, Cancel cancel, std::optional<std::chrono::milliseconds> limit = {}) {
    std::optional<error_code> ended;
    if (stopped()) return ended;
    loop_.restart();
    start([&ended](error_code error, auto&&...) { ended = error; });
    const auto until = limit ? std::min(deadline_, Steady::now() + *limit) : deadline_;
    // A stop between both lines above is seen here: it would be lost by restart().
    if (!stopped()) loop_.run_until(until);
    if (ended) return ended;
    cancel();
    loop_.restart();
    loop_.run();
    return std::nullopt;
  }

 private:
  const Steady::time_point deadline_;
  const std::stop_token stop_;
  asio::io_context loop_{1};
  const std::stop_callback<std::function<void()>> end_;
};

// One connection, plain or with TLS.
class Call {
 public:
  Call(const Post& request, Steps& steps) : request_(request), steps_(steps), socket_(steps.loop()) {}

  Result<void, NoAnswer> connect(const std::vector<IpAddress>& addresses) {
    error_code last = asio::error::timed_out;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      const bool is_last = i + 1 == addresses.size();
      const tcp::endpoint endpoint = endpoint_of(addresses[i], request_.url.port);
      socket_ = tcp::socket(steps_.loop());
      const auto error =
          steps_.run([&](auto done) { socket_.async_connect(endpoint, std::move(done)); }, [&] { close(); },
                     is_last ? std::optional<std::chrono::milliseconds>() : kOneConnect);
      if (error && !*error) return {};
      if (steps_.stopped()) return no_answer(Cause::kStopped, "stopped");
      last = error.value_or(asio::error::timed_out);
    }
    if (last == asio::error::timed_out) return no_answer(Cause::kTimeout, "no connection in time");
    return no_answer(Cause::kNotConnected, "no connection: " + last.message());
  }

  Result<int, NoAnswer> exchange() { return exchange_over(socket_); }

  Result<int, NoAnswer> exchange_by_tls(const std::shared_ptr<ssl_ctx_st>& rules) {
    SSL_CTX_up_ref(rules.get());
    asio::ssl::context context(rules.get());  // takes the reference
    asio::ssl::stream<tcp::socket&> tls(socket_, context);
    const std::string& host = request_.url.host;
    SSL* const ssl = tls.native_handle();
    bool ready = false;
    if (request_.url.address) {
      ready = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
    } else {
      SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
      ready = SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
    }
    if (!ready) return no_answer(Cause::kNotTrusted, "OpenSSL refuses the name of the host");
    const auto shaken = steps_.run(
        [&](auto done) { tls.async_handshake(asio::ssl::stream_base::client, std::move(done)); }, [&] { close(); });
    if (!shaken) return late("no TLS handshake in time");
    if (*shaken) return no_answer(Cause::kNotTrusted, "the TLS handshake failed: " + why(*shaken, ssl));
    return exchange_over(tls);
  }

 private:
  static std::string why(const error_code& error, SSL* ssl) {
    const long verdict = SSL_get_verify_result(ssl);
    return verdict == X509_V_OK ? error.message() : X509_verify_cert_error_string(verdict);
  }

  Failure late(const char* detail) const {
    return steps_.stopped() ? no_answer(Cause::kStopped, "stopped") : no_answer(Cause::kTimeout, detail);
  }

  template <class Stream>
  Result<int, NoAnswer> exchange_over(Stream& stream) {
    beast_http::request<beast_http::string_body> message{beast_http::verb::post, request_.url.target, 11};
    message.set(beast_http::field::host, host_field(request_.url));
    for (const auto& [name, value] : request_.fields) message.set(name, value);
    message.set(beast_http::field::connection, "close");
    message.body() = request_.body;
    message.prepare_payload();
    const auto sent =
        steps_.run([&](auto done) { beast_http::async_write(stream, message, std::move(done)); }, [&] { close(); });
    if (!sent) return late("the request was not taken in time");
    if (*sent) return no_answer(Cause::kBroken, "the request was not taken: " + sent->message());
    boost::beast::flat_buffer buffer(kHeadLimit);
    // Before the answer there may be some that only say that it comes (RFC 9110 section 15.2).
    for (int head = 0; head < kMostHeads; ++head) {
      beast_http::response_parser<beast_http::empty_body> parser;
      parser.header_limit(kHeadLimit);
      parser.body_limit(std::numeric_limits<std::uint64_t>::max());  // of a body that is not read
      const auto read = steps_.run(
          [&](auto done) { beast_http::async_read_header(stream, buffer, parser, std::move(done)); }, [&] { close(); });
      if (!read) return late("no answer in time");
      if (*read) return no_answer(Cause::kBroken, "no usable answer: " + read->message());
      const auto status = static_cast<int>(parser.get().result_int());
      if (status < 100 || status >= 200 || status == kSwitchingProtocols) return status;
    }
    return no_answer(Cause::kBroken, "no usable answer: too many with a status of 1xx");
  }

  void close() {
    error_code ignored;
    socket_.close(ignored);
  }

  const Post& request_;
  Steps& steps_;
  tcp::socket socket_;
};

}  // namespace

Authorities::Authorities(std::string more, std::string system) : more_(std::move(more)), system_(std::move(system)) {}

Result<std::shared_ptr<ssl_ctx_st>, std::string> Authorities::context() {
  const std::lock_guard lock(mutex_);
  std::string stamp = stamp_of(more_) + "\n" + stamp_of(system_);
  if (context_ != nullptr && stamp == stamp_) return context_;
  auto context = read();
  ERR_clear_error();
  if (context) {
    context_ = std::move(*context);
    stamp_ = std::move(stamp);
    problem_.clear();
    return context_;
  }
  if (context_ == nullptr) return context;
  if (problem_ != context.error()) {
    problem_ = context.error();
    base::log_error("the new authorities of receivers cannot be used; those read before stay in use",
                    {{"error", problem_}, {"remedy", "put the certificates of authorities, as PEM, into the file"}});
  }
  return context_;
}

Result<std::shared_ptr<ssl_ctx_st>, std::string> Authorities::read() const {
  ERR_clear_error();
  std::shared_ptr<ssl_ctx_st> context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  if (context == nullptr) throw std::bad_alloc();
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (!more_.empty()) {
    const auto text = base::read_text_file(more_);
    if (!text) return Unexpected<std::string>(text.error());
    const auto certificates = base::read_certificates(*text, more_);
    if (!certificates) return Unexpected<std::string>(certificates.error());
    X509_STORE* const store = SSL_CTX_get_cert_store(context.get());
    for (const base::Certificate& certificate : *certificates) {
      if (X509_STORE_add_cert(store, certificate.get()) != 1) {
        return Unexpected<std::string>(more_ + ": " + base::take_openssl_error());
      }
    }
  }
  const bool has_system = !stamp_of(system_).empty();
  if (has_system && SSL_CTX_load_verify_locations(context.get(), system_.c_str(), nullptr) == 1) return context;
  if (!more_.empty()) return context;
  return Unexpected<std::string>("no certificate of an authority in " + system_ + ": " +
                                 (has_system ? base::take_openssl_error() : "there is no such file"));
}

Result<void, NoAnswer> allow_all(const std::vector<IpAddress>& addresses, const AddressCheck& check) {
  for (const IpAddress& address : addresses) {
    const auto allowed = check(address);
    if (!allowed) return no_answer(Cause::kRefused, allowed.error());
  }
  return {};
}

Result<int, NoAnswer> post(const Post& request, const AddressCheck& check, Authorities& authorities,
                           std::chrono::milliseconds patience, std::stop_token stop) {
  const auto deadline = Steady::now() + patience;
  std::vector<IpAddress> addresses;
  if (request.url.address) {
    addresses = {*request.url.address};
  } else {
    auto found = resolve(request.url.host, deadline, stop);
    if (!found && stop.stop_requested()) return no_answer(Cause::kStopped, "stopped");
    if (!found && found.error().empty()) return no_answer(Cause::kTimeout, "the host was not resolved in time");
    if (!found) return no_answer(Cause::kNotResolved, std::move(found.error()));
    addresses = std::move(*found);
  }
  if (auto allowed = allow_all(addresses, check); !allowed) return Failure(std::move(allowed.error()));
  std::shared_ptr<ssl_ctx_st> rules;
  if (request.url.tls) {
    auto context = authorities.context();
    if (!context) return no_answer(Cause::kNotTrusted, std::move(context.error()));
    rules = std::move(*context);
  }
  Steps steps(deadline, std::move(stop));
  Call call(request, steps);
  const auto connected = call.connect(addresses);
  if (!connected) return Failure(connected.error());
  return rules == nullptr ? call.exchange() : call.exchange_by_tls(rules);
}

}  // namespace vbrain::http

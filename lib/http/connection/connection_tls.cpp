// The begin and the end of TLS on a connection.
#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <chrono>

#include "http/connection/connection.hpp"
#include "http/tls/handshakes.hpp"

namespace vbrain::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr HeadProblem kPlainHttp{400, "this port speaks HTTPS only; write https:// instead of http://"};
constexpr HeadProblem kTooManyConnections{503, "too many connections"};
// A client that is turned away has this time for the handshake and for the answer.
constexpr milliseconds kTurnAway{5000};
constexpr milliseconds kEndPatience{2000};

}  // namespace

// True if requests can be read.
Task<bool> Connection::handshake() {
  Handshakes& handshakes = *context_.handshakes;
  // The drain has not seen a connection that was accepted a moment before.
  if (context_.draining) co_return false;
  error_code error;
  deadline_ = steady_clock::now() + context_.options.header_timeout;
  co_await socket_.tcp().async_wait(Socket::wait_read, asio::redirect_error(kAwait, error));
  const auto begin = error || cut_ ? ClientSocket::Begin::kOther : socket_.begin();
  if (begin == ClientSocket::Begin::kNothing) co_return false;  // so do load balancers look whether the port is open
  if (begin == ClientSocket::Begin::kHttp) {
    handshakes.was_plain_http();
    socket_.drop_tls();
    deadline_ = SteadyTime::max();
    co_await send_refusal(kPlainHttp);
    co_return false;
  }
  while (!error && !cut_) {
    socket_.handshake(error);
    if (!error) break;
    if (!would_block(error)) {
      handshakes.failed(socket_.why_failed(), peer_);
      co_return false;
    }
    const auto wanted = socket_.wanted(Socket::wait_read);
    co_await socket_.tcp().async_wait(wanted, asio::redirect_error(kAwait, error));
  }
  deadline_ = SteadyTime::max();
  if (!error && !cut_) {
    handshakes.succeeded();
    co_return true;
  }
  if (!context_.draining) handshakes.failed("the handshake took longer than --header-timeout", peer_);
  co_return false;
}

// Answers 503: there are too many connections.
Task<void> Connection::turn_away() {
  end_of_life_ = steady_clock::now() + kTurnAway;
  const bool ready = co_await handshake();
  if (ready) co_await send_refusal(kTooManyConnections);
  error_code ignored;
  socket_.tcp().close(ignored);
}

// Tells the client by close_notify that it has got all.
Task<void> Connection::end_tls() {
  error_code error;
  deadline_ = steady_clock::now() + kEndPatience;
  for (;;) {
    socket_.end(error);
    if (!would_block(error)) break;
    const auto wanted = socket_.wanted(Socket::wait_write);
    co_await socket_.tcp().async_wait(wanted, asio::redirect_error(kAwait, error));
    if (error || cut_) break;
  }
  deadline_ = SteadyTime::max();
}

// What came through TLS, for read_some().
Task<std::size_t> Connection::read_tls(char* to, std::size_t size) {
  error_code error;
  for (;;) {
    const std::size_t got = socket_.read_some(to, size, error);
    if (!error) co_return got;
    if (!would_block(error)) co_return 0;
    const auto wanted = socket_.wanted(Socket::wait_read);
    co_await socket_.tcp().async_wait(wanted, asio::redirect_error(kAwait, error));
    if (error || cut_) co_return 0;
  }
}

}  // namespace vbrain::http

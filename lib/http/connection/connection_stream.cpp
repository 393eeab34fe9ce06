// Waits of a request, and sending a body that is made while it is sent.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <prometheus/counter.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <charconv>

#include "base/log/log.hpp"
#include "http/connection/connection.hpp"

namespace vbrain::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// What a client may send ahead while its request waits or its answer streams.
constexpr std::size_t kAhead = 4096;
// What the kernel keeps of a stream beside what is on its way to the client. Without this limit it takes megabytes for
// a client that reads slowly.
constexpr int kUnsent = 16 * 1024;
// What an I/O thread gives to one stream before others have their turn. A piece costs a call, which counts as bytes.
constexpr std::uint64_t kTurn = 256 * 1024;
constexpr std::uint64_t kCostOfPiece = 4096;
constexpr milliseconds kOverloadPause{20};
constexpr std::string_view kLastChunk = "0\r\n\r\n";

void limit_unsent(Socket& socket, int bytes) {
  // Without the option the stream works, too.
  setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

// A peer that vanished without a word (its machine lost power, or a firewall dropped the connection) would hold a
// stream until TCP has repeated its bytes for a quarter of an hour, and for ever if there is nothing to send. Bytes
// that are not acknowledged, and probes while nothing is sent (RFC 9293 section 3.8.4), end the connection after this
// time.
constexpr int kVanishedSeconds = 120;

void notice_vanished_peer(Socket& socket) {
  const auto set = [&](int level, int option, int value) {
    setsockopt(socket.native_handle(), level, option, &value, sizeof value);
  };
  // Without these options the stream works, too.
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, kVanishedSeconds * 1'000);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kVanishedSeconds / 2);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kVanishedSeconds / 8);
  set(IPPROTO_TCP, TCP_KEEPCNT, 4);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
}

// RFC 9112 section 7.1.
std::string as_chunk(const std::string& bytes) {
  std::array<char, 16> size{};
  const auto end = std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16).ptr;
  std::string chunk;
  chunk.reserve(bytes.size() + 24);
  return chunk.append(size.data(), end).append("\r\n").append(bytes).append("\r\n");
}

}  // namespace

Waker Connection::waker() {
  if (target_ == nullptr) target_ = std::make_shared<Waker::Target>(socket_.tcp().get_executor());
  return Waker(target_);
}

Task<Woken> Connection::until(SteadyTime deadline) {
  const SteadyTime begun = steady_clock::now();
  waker();
  const auto target = target_;
  const bool watched = watch_ != nullptr;
  watch_client();
  if (!gone_ && !cut_ && !context_.draining && !target->signalled && begun < deadline) {
    const bool handling = stuck_deadline_ != SteadyTime::max();
    stuck_deadline_ = SteadyTime::max();
    // A request that waits holds little memory.
    if (input_.empty()) std::string().swap(input_);  // an assignment would keep the memory
    Timer timer(socket_.tcp().get_executor(), deadline);
    target->timer = &timer;
    error_code ignored;
    co_await timer.async_wait(asio::redirect_error(kAwait, ignored));
    target->timer = nullptr;
    if (handling) stuck_deadline_ = steady_clock::now() + context_.options.stuck_timeout;
  }
  if (!watched) stop_watching();
  waited_ += steady_clock::now() - begun;
  if (gone_ || cut_) co_return Woken::kGone;
  if (context_.draining) co_return Woken::kStopping;
  if (std::exchange(target->signalled, false)) co_return Woken::kSignal;
  co_return steady_clock::now() < deadline ? Woken::kSignal : Woken::kTimeout;
}

// Looks until stop_watching() whether the client sends something or closes its side. It needs no buffer meanwhile.
void Connection::watch_client() {
  if (watch_ != nullptr || gone_ || cut_) return;
  if (socket_.has_unread()) keep_what_came();
  if (gone_ || input_.size() >= kAhead) return;
  watch_ = std::make_shared<Watch>(Watch{this});
  socket_.tcp().async_wait(Socket::wait_read, [watch = watch_](error_code error) {
    if (watch->connection != nullptr && !error) watch->connection->take_what_came();
  });
}

// Nothing else may be pending on the socket.
void Connection::stop_watching() {
  if (watch_ == nullptr) return;
  watch_->connection = nullptr;
  watch_.reset();
  error_code ignored;
  socket_.tcp().cancel(ignored);
}

void Connection::take_what_came() {
  watch_.reset();
  keep_what_came();
  watch_client();
}

// The bytes are the next request, or the rest of the body of this one.
void Connection::keep_what_came() {
  while (input_.size() < kAhead) {
    const std::size_t have = input_.size();
    input_.resize(kAhead);
    error_code error;
    const std::size_t got = socket_.read_some(input_.data() + have, kAhead - have, error);
    input_.resize(have + (error ? 0 : got));
    if (would_block(error)) return;
    if (error) return lose_client();
    if (!socket_.has_unread()) return;
  }
}

void Connection::lose_client() {
  gone_ = true;
  if (target_ != nullptr) target_->interrupt();
  error_code ignored;
  socket_.tcp().cancel(ignored);  // a write under way
}

void Connection::end_waits() {
  stop_watching();
  if (target_ != nullptr) target_->forget();
  target_.reset();
}

Task<bool> Connection::send_stream(StreamBody& body, std::string& head) {
  base::RequestIds ids = this->ids();
  forget_head();
  stream_ids_ = std::move(ids);
  answer_begun_ = true;
  limit_unsent(socket_.tcp(), kUnsent);
  notice_vanished_peer(socket_.tcp());
  watch_client();
  bool whole = co_await write(head);
  head = std::string();
  last_sent_ = steady_clock::now();
  if (whole) whole = co_await send_all(body);
  stop_watching();
  if (whole) limit_unsent(socket_.tcp(), 0);  // what the system sets
  answer_begun_ = false;
  co_return whole;
}

// True if the body was sent with its end.
Task<bool> Connection::send_all(StreamBody& body) {
  using Kind = StreamPiece::Kind;
  Stream& source = *body.source;
  for (;;) {
    if (gone_ || cut_) co_return false;
    const bool stopping = context_.draining;
    StreamPiece piece;
    if (stopping) {
      piece = source.stopping();
    } else {
      piece = co_await next_piece(source);
    }
    bool sent = true;
    if (piece.kind == Kind::kBytes) {
      sent = co_await send_chunk(piece.bytes);
      if (sent && stopping) co_return co_await end_stream();
    } else if (piece.kind == Kind::kEnd) {
      co_return co_await end_stream();
    } else if (piece.kind == Kind::kBroken || stopping) {
      // Only a reset tells a client of HTTP/1.0 that this is not the end.
      error_code ignored;
      if (!request_.http_1_1) socket_.tcp().set_option(asio::socket_base::linger(true, 0), ignored);
      co_return false;
    } else {
      sent = co_await rest(body, piece.again);
    }
    if (!sent) co_return false;
  }
}

Task<StreamPiece> Connection::next_piece(Stream& source) {
  stuck_deadline_ = steady_clock::now() + context_.options.stuck_timeout;
  StreamPiece piece = StreamPiece::broken();
  try {
    piece = co_await source.next();
  } catch (const Overloaded&) {
    piece = StreamPiece::nothing(steady_clock::now() + kOverloadPause);
  } catch (const std::exception& problem) {
    base::log_error("a stream was broken off", {ids(), {"error", problem.what()}});
  }
  stuck_deadline_ = SteadyTime::max();
  co_return piece;
}

// Waits until the stream is to be asked again. False if the client has gone.
Task<bool> Connection::rest(const StreamBody& body, SteadyTime again) {
  const SteadyTime beat = body.heartbeat.empty() ? SteadyTime::max() : last_sent_ + body.heartbeat_interval;
  const SteadyTime end = std::min(again, beat);
  const Woken woken = co_await until(end);
  if (woken == Woken::kGone) co_return false;
  if (woken == Woken::kStopping || steady_clock::now() < beat) co_return true;
  co_return co_await send_chunk(body.heartbeat);
}

Task<bool> Connection::send_chunk(const std::string& bytes) {
  // A chunk without bytes would be the end of the body.
  if (!bytes.empty()) {
    bool sent = false;
    if (request_.http_1_1) {
      const std::string chunk = as_chunk(bytes);
      sent = co_await write(chunk);
    } else {
      sent = co_await write(bytes);
    }
    if (!sent) co_return false;
    last_sent_ = steady_clock::now();
    context_.streamed_bytes->Increment(static_cast<double>(bytes.size()));
    since_turn_ += bytes.size() + kCostOfPiece;
    if (since_turn_ < kTurn) co_return true;
  }
  since_turn_ = 0;
  const auto executor = socket_.tcp().get_executor();
  co_await asio::post(executor, kAwait);
  co_return true;
}

Task<bool> Connection::end_stream() {
  if (!request_.http_1_1) co_return true;
  co_return co_await write(kLastChunk);
}

}  // namespace vbrain::http

// Reading the body of a request.
#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <chrono>
#include <cstring>

#include "http/connection/connection.hpp"

namespace vbrain::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A client has body_timeout for each piece of this size.
constexpr std::size_t kBodyBuffer = 64 * 1024;
// An unread body of at most this size is read and dropped, so that the connection can go on. Little memory
// is used for it, because there may be many refused requests.
constexpr std::uint64_t kMaxSkip = 256 * 1024;
constexpr std::size_t kSkipBuffer = 4 * 1024;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// `at`: how many bytes of content preceded the fault.
BodyError malformed_chunks(std::uint64_t at) {
  return {
      BodyError::Kind::kMalformed,
      "the body's chunked coding is broken after " + std::to_string(at) +
          " bytes of content; a chunk is its size in hexadecimal, CRLF, that many bytes, CRLF (RFC 9112 section 7.1)"};
}

}  // namespace

bool Connection::body_can_be_skipped() const {
  if (parser_->is_done()) return true;
  // Without `100 Continue` it is not known whether the client sends the body.
  if (request_.expect_continue && !continue_sent_) return false;
  return request_.content_length && *request_.content_length - body_total_ <= kMaxSkip;
}

Task<bool> Connection::skip_body() {
  body_limit_ = body_total_ + kMaxSkip;
  skipping_ = true;
  try {
    for (;;) {
      const std::string_view piece = co_await read_body_piece();
      if (piece.empty()) co_return true;
    }
  } catch (const BodyError&) {
    co_return false;
  }
}

Task<std::string_view> Connection::read_body() {
  if (request_.content_length.value_or(0) > body_limit_) {
    throw BodyError(BodyError::Kind::kTooLarge, "the body is larger than allowed");
  }
  stuck_deadline_ = SteadyTime::max();
  if (request_.expect_continue && !continue_sent_ && !parser_->is_done() && input_.empty()) {
    const bool sent = co_await write(kContinue);
    if (!sent) throw BodyError(BodyError::Kind::kGone, "client is gone");
  }
  continue_sent_ = true;
  const std::string_view piece = co_await read_body_piece();
  stuck_deadline_ = steady_clock::now() + context_.options.stuck_timeout;
  co_return piece;
}

Task<std::string_view> Connection::read_body_piece() {
  body_joined_.clear();
  for (;;) {
    const std::string_view piece = next_body_piece();
    body_total_ += piece.size();
    if (body_total_ > body_limit_) throw BodyError(BodyError::Kind::kTooLarge, "the body is larger than allowed");
    if (!piece.empty() || parser_->is_done()) co_return piece;
    co_await fill_body_buffer();
  }
}

// The next piece of the received bytes. Chunks are joined: otherwise a body of one-byte chunks would resume the handler
// for each byte.
std::string_view Connection::next_body_piece() {
  while (body_begin_ < body_end_ && !parser_->is_done()) {
    error_code error;
    const std::size_t used =
        parser_->put_body(std::string_view(body_buffer_).substr(body_begin_, body_end_ - body_begin_), error);
    body_begin_ += used;
    const std::string_view piece = parser_->take_piece();
    if (error == boost::beast::http::error::need_more) break;
    // A chunk that is too large is refused at its head. The parser's own limit is the largest number.
    if (parser_->announced() > body_limit_ || error == boost::beast::http::error::body_limit) {
      throw BodyError(BodyError::Kind::kTooLarge, "the body is larger than allowed");
    }
    if (error) throw malformed_chunks(body_total_ + body_joined_.size());
    if (!request_.chunked) return piece;
    body_joined_.append(piece);
  }
  return body_joined_;
}

Task<void> Connection::fill_body_buffer() {
  const std::size_t left = body_end_ - body_begin_;
  if (left > 0 && left == body_buffer_.size()) {
    throw malformed_chunks(body_total_ + body_joined_.size());
  }
  const std::size_t room = skipping_ ? kSkipBuffer : kBodyBuffer;
  if (body_buffer_.size() != room && left < room) {
    std::string other(room, '\0');
    std::memcpy(other.data(), body_buffer_.data() + body_begin_, left);
    body_buffer_.swap(other);
  } else {
    std::memmove(body_buffer_.data(), body_buffer_.data() + body_begin_, left);
  }
  body_begin_ = 0;
  body_end_ = left;
  if (!input_.empty()) {
    // The first bytes of the body arrived with the head.
    const std::size_t taken = std::min(input_.size(), body_buffer_.size() - left);
    std::memcpy(body_buffer_.data() + left, input_.data(), taken);
    input_.erase(0, taken);
    body_end_ += taken;
    co_return;
  }
  if (body_received_ >= kBodyBuffer) {
    body_received_ = 0;
    body_patience_ = context_.options.body_timeout;
  }
  const SteadyTime before = steady_clock::now();
  awaiting_body_ = !skipping_;
  const std::size_t got = co_await read_some(body_buffer_.data() + left, body_buffer_.size() - left, body_patience_);
  awaiting_body_ = false;
  // Only the time spent waiting for the client counts, not the handler's.
  body_patience_ -= std::chrono::duration_cast<milliseconds>(steady_clock::now() - before);
  body_received_ += got;
  body_end_ += got;
  if (got == 0) {
    if (body_timed_out_) {
      throw BodyError(
          BodyError::Kind::kTimeout,
          "the body paused for longer than this server waits (--body-timeout, for each 64 KiB); send it again");
    }
    throw BodyError(BodyError::Kind::kGone, "the connection ended before the body was complete");
  }
}

}  // namespace vbrain::http

// Sending a text that several answers share.
#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <chrono>

#include "http/connection/connection.hpp"

namespace vbrain::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::steady_clock;

// A client has body_timeout to take each piece of this size.
constexpr std::size_t kRenewal = 64 * 1024;
// The buffers of one call. The kernel copies them into the socket's buffer, so the thread is busy for a millisecond at
// most.
constexpr std::size_t kBuffers = 32;
constexpr std::size_t kBytesAtOnce = 1024 * 1024;

// The buffers of the next call: from `offset` in piece `piece` on.
class Buffers {
 public:
  Buffers(const std::vector<std::string_view>& pieces, std::size_t piece, std::size_t offset) {
    std::size_t left = kBytesAtOnce;
    for (; piece < pieces.size() && count_ < kBuffers && left > 0; ++piece, offset = 0) {
      const std::size_t size = std::min(pieces[piece].size() - offset, left);
      buffers_.at(count_++) = asio::const_buffer(pieces[piece].data() + offset, size);
      left -= size;
    }
  }
  using value_type = asio::const_buffer;
  using const_iterator = const asio::const_buffer*;
  const_iterator begin() const { return buffers_.data(); }
  const_iterator end() const { return buffers_.data() + count_; }

 private:
  std::array<asio::const_buffer, kBuffers> buffers_;
  std::size_t count_ = 0;
};

}  // namespace

Task<bool> Connection::send_pieces(const TextPieces& text, std::string& head) {
  if (text.size() <= kCopied) {
    for (const std::string_view piece : text.pieces()) head.append(piece);
    co_return co_await write(head);
  }
  if (cut_) co_return false;
  std::vector<std::string_view> pieces{head};
  pieces.insert(pieces.end(), text.pieces().begin(), text.pieces().end());
  std::size_t piece = 0;
  std::size_t offset = 0;
  std::size_t since_renewal = kRenewal;
  std::size_t since_turn = 0;
  const auto executor = socket_.tcp().get_executor();
  error_code error;
  while (piece < pieces.size()) {
    const Buffers buffers(pieces, piece, offset);
    const std::size_t sent = socket_.write_some(buffers, error);
    if (would_block(error)) {
      if (since_renewal >= kRenewal) {
        since_renewal = 0;
        deadline_ = steady_clock::now() + context_.options.body_timeout;
      }
      const auto wanted = socket_.wanted(Socket::wait_write);
      co_await socket_.tcp().async_wait(wanted, asio::redirect_error(kAwait, error));
      since_turn = 0;
      if (error || cut_) co_return false;
      continue;
    }
    if (error) co_return false;
    since_turn += sent;
    if (since_turn >= kBytesAtOnce) {
      // Other connections of this thread have their turn.
      since_turn = 0;
      co_await asio::post(executor, kAwait);
      if (cut_) co_return false;
    }
    since_renewal += sent;
    offset += sent;
    while (piece < pieces.size() && offset >= pieces[piece].size()) offset -= pieces[piece++].size();
  }
  deadline_ = SteadyTime::max();
  co_return true;
}

}  // namespace vbrain::http

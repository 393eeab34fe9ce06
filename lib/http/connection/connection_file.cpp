// Sending a part of a file.
#include <sys/sendfile.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <cerrno>
#include <cstring>

#include "base/files/io.hpp"
#include "base/log/log.hpp"
#include "http/connection/connection.hpp"

namespace vbrain::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A client has body_timeout to take each piece of this size.
constexpr std::size_t kBodyPiece = 64 * 1024;
constexpr std::size_t kFileBuffer = 128 * 1024;
// What an I/O thread gives to one socket before others have their turn.
constexpr std::size_t kMemoryPiece = 64 * 1024;
constexpr std::size_t kMemoryLook = 8 * kMemoryPiece;

// Reads up to `size` bytes at `offset`; throws std::runtime_error on an error or an unexpected end of the file.
std::size_t read_at(int fd, char* to, std::size_t size, std::uint64_t offset) {
  const ssize_t got = base::read_some_at(fd, {to, size}, offset);
  if (got < 0) throw std::runtime_error(std::string("reading a file to send: ") + std::strerror(errno));
  if (got == 0) throw std::runtime_error("a file became shorter while it was sent");
  return static_cast<std::size_t>(got);
}

}  // namespace

Task<bool> Connection::send_file(FileBody& body, std::string& head) {
  static const TextPieces kNone;
  const TextPieces& before = body.before == nullptr ? kNone : *body.before;
  bool taken = co_await send_pieces(before, head);
  if (!taken) co_return false;
  const auto executor = socket_.tcp().get_executor();
  const base::Lane lane = body.lane == nullptr ? base::Lane(*context_.file_pool) : *body.lane;
  std::string buffer;  // only for what is not in memory
  std::uint64_t sent = 0;
  std::uint64_t in_memory_to = 0;  // the place in the file up to which it was seen in memory
  std::uint64_t renew = 0;         // where the client has earned new time
  answer_begun_ = true;
  while (sent < body.length) {
    if (cut_) co_return false;
    const std::uint64_t at = body.offset + sent;
    const std::size_t piece = std::min<std::uint64_t>(kMemoryPiece, body.length - sent);
    if (at + piece > in_memory_to) {
      // One look is enough for several pieces.
      for (const std::size_t look : {std::min<std::uint64_t>(kMemoryLook, body.length - sent), std::uint64_t{piece}}) {
        if (at + piece > in_memory_to && context_.options.in_memory(body.file.get(), at, look))
          in_memory_to = at + look;
      }
    }
    if (at + piece <= in_memory_to) {
      const auto passed = send_pages(body.file.get(), at, piece);
      if (!passed) co_return false;
      sent += *passed;
      error_code error;
      if (*passed == piece) {
        // Other connections of this thread have their turn.
        deadline_ = SteadyTime::max();
        co_await asio::post(executor, kAwait);
        continue;
      }
      if (sent >= renew) {
        renew = sent + kBodyPiece;
        deadline_ = steady_clock::now() + context_.options.body_timeout;
      }
      const auto wanted = socket_.wanted(Socket::wait_write);
      co_await socket_.tcp().async_wait(wanted, asio::redirect_error(kAwait, error));
      if (error) co_return false;
      // The client may have taken long: what was in memory may have gone.
      in_memory_to = 0;
      continue;
    }
    deadline_ = SteadyTime::max();
    if (stuck_deadline_ == SteadyTime::max()) stuck_deadline_ = steady_clock::now() + context_.options.stuck_timeout;
    buffer.resize(std::min<std::uint64_t>(kFileBuffer, body.length - sent));
    std::size_t got = 0;
    bool busy = false;
    try {
      const auto read = [&] { return read_at(body.file.get(), buffer.data(), buffer.size(), at); };
      got = co_await run_on(lane, read);
    } catch (const Overloaded&) {
      busy = true;
    } catch (const std::exception& problem) {
      // Content-Length was sent already. Closing early tells the client that the body is incomplete.
      base::log_error("a download was cut off", {ids(), {"error", problem.what()}});
      co_return false;
    }
    if (busy) {
      Timer pause(executor, milliseconds(20));
      error_code ignored;
      co_await pause.async_wait(asio::redirect_error(kAwait, ignored));
      continue;
    }
    stuck_deadline_ = SteadyTime::max();
    const std::string_view bytes(buffer.data(), got);
    taken = co_await write(bytes);
    if (!taken) co_return false;
    sent += got;
    renew = sent;
  }
  deadline_ = SteadyTime::max();
  answer_begun_ = false;
  if (body.after == nullptr) co_return true;
  std::string no_head;
  co_return co_await send_pieces(*body.after, no_head);
}

// Gives pages of a file to the socket without copying them: up to `size` bytes, fewer if the socket is full. Nothing if
// the connection or the file failed.
std::optional<std::size_t> Connection::send_pages(int file, std::uint64_t offset, std::size_t size) {
  if (socket_.has_tls()) return send_copied_pages(file, offset, size);
  auto at = static_cast<off_t>(offset);
  const ssize_t passed = base::without_eintr([&] { return sendfile(socket_.tcp().native_handle(), file, &at, size); });
  if (passed > 0) return static_cast<std::size_t>(passed);
  if (passed == 0) {
    base::log_error("a download was cut off", {ids(), {"error", "a file became shorter while it was sent"}});
    return std::nullopt;
  }
  if (errno == EAGAIN) return 0;
  if (errno == EIO) base::log_error("a download was cut off", {ids(), {"error", std::strerror(errno)}});
  return std::nullopt;
}

// The same for bytes that are encrypted on their way. A connection that waits keeps none of them: they are read again.
std::optional<std::size_t> Connection::send_copied_pages(int file, std::uint64_t offset, std::size_t size) {
  static thread_local std::string buffer(kBodyPiece, '\0');
  std::size_t passed = 0;
  while (passed < size) {
    error_code error;
    try {
      const std::size_t got = read_at(file, buffer.data(), std::min(buffer.size(), size - passed), offset + passed);
      passed += socket_.write_some(asio::const_buffer(buffer.data(), got), error);
    } catch (const std::exception& problem) {
      base::log_error("a download was cut off", {ids(), {"error", problem.what()}});
      return std::nullopt;
    }
    if (would_block(error)) break;
    if (error) return std::nullopt;
  }
  return passed;
}

}  // namespace vbrain::http

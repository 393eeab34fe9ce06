#include "http/tls/client_socket.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <string_view>

#include "base/files/io.hpp"

namespace vbrain::http {
namespace {

namespace asio = boost::asio;

// What one call encrypts, so that other connections of the thread have their turn.
constexpr std::size_t kAtOnce = 256 * 1024;

// The bytes of a list of buffers, record by record. Small buffers share a record.
class Records {
 public:
  explicit Records(std::span<const asio::const_buffer> buffers) : buffers_(buffers) { skip_empty(); }

  bool at_end() const { return index_ == buffers_.size(); }

  // The next bytes, as many as a record holds. Valid until the next call in this thread.
  std::string_view next() const {
    const std::string_view first = rest_of(index_, offset_);
    if (first.size() >= TlsSession::kMaxRecord) return first.substr(0, TlsSession::kMaxRecord);
    if (index_ + 1 == buffers_.size()) return first;
    static thread_local std::string joined;
    joined.assign(first);
    for (std::size_t i = index_ + 1; i < buffers_.size() && joined.size() < TlsSession::kMaxRecord; ++i) {
      joined.append(rest_of(i, 0).substr(0, TlsSession::kMaxRecord - joined.size()));
    }
    return joined;
  }

  void skip(std::size_t bytes) {
    offset_ += bytes;
    skip_empty();
  }

 private:
  std::string_view rest_of(std::size_t index, std::size_t offset) const {
    return std::string_view(static_cast<const char*>(buffers_[index].data()), buffers_[index].size()).substr(offset);
  }
  void skip_empty() {
    while (index_ < buffers_.size() && offset_ >= buffers_[index_].size()) offset_ -= buffers_[index_++].size();
  }

  const std::span<const asio::const_buffer> buffers_;
  std::size_t index_ = 0;
  std::size_t offset_ = 0;
};

}  // namespace

std::size_t ClientSocket::result_of(TlsSession::Step step, error_code& error) {
  using State = TlsSession::State;
  error = {};
  if (step.state == State::kWantsRead || step.state == State::kWantsWrite) {
    wanted_ = step.state == State::kWantsRead ? Socket::wait_read : Socket::wait_write;
    error = asio::error::would_block;
  } else if (step.state == State::kEnded) {
    error = asio::error::eof;
  } else if (step.state == State::kFailed) {
    error = asio::error::connection_reset;
  }
  return step.bytes;
}

ClientSocket::Begin ClientSocket::begin() {
  char first = 0;
  const int socket = tcp_.native_handle();
  const ssize_t got = base::without_eintr([&] { return ::recv(socket, &first, 1, MSG_PEEK | MSG_DONTWAIT); });
  if (got == 0 || (got < 0 && errno != EAGAIN)) return Begin::kNothing;
  const bool letter = (first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z');
  return letter ? Begin::kHttp : Begin::kOther;
}

void ClientSocket::handshake(error_code& error) {
  const int socket = tcp_.native_handle();
  result_of(tls_->handshake(socket), error);
  if (error) return;
  // Acknowledges the client's last message now. The server sends no session ticket that would carry this, so the kernel
  // puts it off for 40 ms, and a client without TCP_NODELAY sends its first request only then (RFC 896).
  const int now = 1;
  static_cast<void>(::setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &now, sizeof now));
}

std::size_t ClientSocket::read_some(char* to, std::size_t size, error_code& error) {
  if (tls_ == nullptr) return tcp_.read_some(asio::buffer(to, size), error);
  return result_of(tls_->read(tcp_.native_handle(), to, size), error);
}

std::size_t ClientSocket::write_records(std::span<const asio::const_buffer> buffers, error_code& error) {
  error = {};
  std::size_t total = 0;
  for (Records records(buffers); !records.at_end() && total < kAtOnce;) {
    const std::size_t written = result_of(tls_->write(tcp_.native_handle(), records.next()), error);
    if (error) break;
    records.skip(written);
    total += written;
  }
  if (total > 0 && would_block(error)) error = {};
  return total;
}

void ClientSocket::end(error_code& error) {
  error = {};
  if (tls_ != nullptr) result_of(tls_->end(tcp_.native_handle()), error);
}

}  // namespace vbrain::http

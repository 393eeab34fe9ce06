#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "unit/http/tls/tls_client.hpp"

namespace vbrain::http::testing {

// A TCP client that sends exactly the given bytes; with TLS if the address begins with https://. Every wait is at most
// 60 s.
class RawClient {
 public:
  explicit RawClient(const std::string& url, int receive_buffer = 0, const TlsWishes& wishes = {}) {
    const bool with_tls = url.starts_with(kHttps);
    const std::string address = with_tls ? url.substr(kHttps.size()) : url;
    const auto colon = address.rfind(':');
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
    ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) throw std::runtime_error("connect");
    ::fcntl(fd_, F_SETFL, O_NONBLOCK);
    if (with_tls) tls_ = std::make_unique<TlsClient>(fd_, wishes);
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;

  void close() {
    tls_.reset();
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void shutdown_write() {
    if (tls_ != nullptr) tls_->end();
    ::shutdown(fd_, SHUT_WR);
  }
  // Null without TLS.
  TlsClient* tls() { return tls_.get(); }

  // False if the peer does not accept more bytes.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      pollfd waiting{fd_, POLLOUT, 0};
      if (::poll(&waiting, 1, 60'000) <= 0) return false;
      const ssize_t sent = tls_ != nullptr ? tls_->send(bytes.data(), bytes.size())
                                           : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // One answer with its body, by Content-Length. "" if the connection ended before a complete answer.
  std::string read_reply(bool head_only = false) {
    for (;;) {
      const auto end = received_.find("\r\n\r\n");
      if (end != std::string::npos) {
        std::size_t length = 0;
        const auto field = received_.find("Content-Length: ");
        if (!head_only && field < end) length = std::strtoull(received_.c_str() + field + 16, nullptr, 10);
        const std::size_t whole = end + 4 + length;
        if (received_.size() >= whole) {
          std::string reply = received_.substr(0, whole);
          received_.erase(0, whole);
          return reply;
        }
      }
      if (!receive()) return "";
    }
  }

  // The head of an answer; "" if the connection ended before a whole one came. The body stays unread.
  std::string read_head() {
    while (received_.find("\r\n\r\n") == std::string::npos) {
      if (!receive(4096)) return "";
    }
    return received_.substr(0, received_.find("\r\n\r\n") + 4);
  }

  // All until the peer closes; `closed` tells whether it did within the time.
  std::string read_to_end(bool* closed = nullptr) {
    while (receive()) {
    }
    if (closed != nullptr) *closed = ended_;
    return std::move(received_);
  }

  // Receives until `text` is there; what came up to its end, which is then taken. "" if the connection ended before.
  std::string read_until(std::string_view text) {
    while (received_.find(text) == std::string::npos) {
      if (!receive()) return "";
    }
    const std::size_t size = received_.find(text) + text.size();
    std::string taken = received_.substr(0, size);
    received_.erase(0, size);
    return taken;
  }

  // Like read_to_end(), but `size` bytes at a time with pauses.
  std::string read_slowly(std::size_t size, std::chrono::milliseconds pause) {
    std::string all;
    std::string piece(size, '\0');
    for (;;) {
      for (std::size_t left = size; left > 0;) {
        const ssize_t got = receive_some(piece.data(), left);
        if (got <= 0) return all;
        all.append(piece, 0, static_cast<std::size_t>(got));
        left -= static_cast<std::size_t>(got);
      }
      std::this_thread::sleep_for(pause);
    }
  }

  // True if data is available now.
  bool is_readable() const {
    pollfd waiting{fd_, POLLIN, 0};
    return ::poll(&waiting, 1, 0) > 0;
  }

  // True if the peer has broken the connection off (TCP reset). After the last read.
  bool was_reset() const { return reset_; }

  // True if no more can be read because the peer has closed the connection.
  bool is_closed_by_peer() {
    bool closed = false;
    read_to_end(&closed);
    return closed;
  }

 private:
  // As recv(2), but errno is ETIMEDOUT after 60 s.
  ssize_t receive_some(char* to, std::size_t size) {
    if (tls_ != nullptr) return tls_->receive(to, size);
    pollfd waiting{fd_, POLLIN, 0};
    if (::poll(&waiting, 1, 60'000) > 0) return ::recv(fd_, to, size, 0);
    errno = ETIMEDOUT;
    return -1;
  }

  bool receive(std::size_t most = 65536) {
    char buffer[65536];
    const ssize_t got = receive_some(buffer, std::min(most, sizeof buffer));
    if (got < 0 && errno == ETIMEDOUT) return false;
    if (got <= 0) {
      reset_ = got < 0 && errno == ECONNRESET;
      ended_ = true;
      return false;
    }
    received_.append(buffer, static_cast<std::size_t>(got));
    return true;
  }

  static constexpr std::string_view kHttps = "https://";

  int fd_ = -1;
  std::unique_ptr<TlsClient> tls_;
  bool ended_ = false;
  bool reset_ = false;
  std::string received_;
};

inline int status_of(std::string_view reply) {
  return reply.size() > 12 && reply.starts_with("HTTP/1.1 ") ? std::atoi(std::string(reply.substr(9, 3)).c_str()) : 0;
}

inline std::string body_of(std::string_view reply) {
  const auto end = reply.find("\r\n\r\n");
  return end == std::string_view::npos ? "" : std::string(reply.substr(end + 4));
}

}  // namespace vbrain::http::testing

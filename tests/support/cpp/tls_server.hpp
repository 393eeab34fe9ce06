#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/cpp/certificates.hpp"

namespace vbrain::testing {

// One TLS connection of a TlsServer, with blocking I/O.
class TlsConnection {
 public:
  TlsConnection(SSL_CTX* context, int socket) : socket_(socket), ssl_(SSL_new(context)) {
    const int on = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SSL_set_fd(ssl_, socket_);
  }
  ~TlsConnection() {
    SSL_free(ssl_);
    close(socket_);
  }
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;

  bool accept() { return SSL_accept(ssl_) == 1; }

  // The head and body of the next request; "" if the client has closed the connection.
  std::string read_request() {
    std::size_t wanted = std::string::npos;
    while (true) {
      const std::size_t head = buffer_.find("\r\n\r\n");
      if (head != std::string::npos && wanted == std::string::npos) wanted = head + 4 + content_length(head);
      if (buffer_.size() >= wanted) {
        std::string request = buffer_.substr(0, wanted);
        buffer_.erase(0, wanted);
        return request;
      }
      char bytes[4096];
      const int count = SSL_read(ssl_, bytes, sizeof bytes);
      if (count <= 0) return "";
      buffer_.append(bytes, static_cast<std::size_t>(count));
    }
  }
  // False if the client has closed the connection.
  bool write(const std::string& bytes) {
    return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size());
  }
  bool answer(int status, const std::string& body, const std::string& extra_headers = {}) {
    return write("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\n" + extra_headers +
                 "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  bool begin_chunks() { return write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"); }
  bool chunk(const std::string& bytes) {
    char size[32];
    snprintf(size, sizeof size, "%zx\r\n", bytes.size());
    return write(size + bytes + "\r\n");
  }
  bool end_chunks() { return write("0\r\n\r\n"); }
  // Waits until the client closes the connection.
  void wait_for_end() {
    char byte;
    while (SSL_read(ssl_, &byte, 1) > 0) {
    }
  }

 private:
  std::size_t content_length(std::size_t head) const {
    const std::size_t at = buffer_.find("Content-Length:");
    return at < head ? std::stoul(buffer_.substr(at + 15)) : 0;
  }

  const int socket_;
  SSL* const ssl_;
  std::string buffer_;
};

// A TLS server on a free port of 127.0.0.1 with behaviour from the test: `serve` gets each connection and its number
// (from 0) on a separate thread. It is for behaviour that no healthy API server has.
class TlsServer {
 public:
  using Serve = std::function<void(TlsConnection&, int number)>;

  explicit TlsServer(Serve serve, const std::string& names = "IP:127.0.0.1")
      : serve_(std::move(serve)), authority_(make_certificate({.common_name = "authority", .authority = true})) {
    const auto own = make_certificate({.common_name = "server", .alternative_names = names}, &authority_);
    context_.reset(SSL_CTX_new(TLS_server_method()));
    const internal::Bio certificate_text(BIO_new_mem_buf(own.certificate_pem.data(), -1));
    const internal::Certificate certificate(PEM_read_bio_X509(certificate_text.get(), nullptr, nullptr, nullptr));
    const internal::Bio key_text(BIO_new_mem_buf(own.key_pem.data(), -1));
    const internal::Key key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
    SSL_CTX_use_certificate(context_.get(), certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), key.get());
    listen_on_free_port();
    acceptor_ = std::jthread([this] { accept_all(); });
  }
  ~TlsServer() {
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
      // Wakes threads that still read or write.
      const std::lock_guard lock(mutex_);
      for (const int socket : sockets_) shutdown(socket, SHUT_RDWR);
    }
    workers_.clear();
    close(listener_);
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  std::string url(const std::string& host = "127.0.0.1") const {
    return "https://" + host + ":" + std::to_string(port_);
  }
  const std::string& authority_pem() const { return authority_.certificate_pem; }
  int connections() const { return connections_; }

 private:
  void listen_on_free_port() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_, generic, size) != 0 || listen(listener_, 64) != 0 ||
        getsockname(listener_, generic, &size) != 0) {
      throw std::runtime_error("cannot listen");
    }
    port_ = ntohs(address.sin_port);
  }

  void accept_all() {
    while (true) {
      const int accepted = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (accepted < 0) return;
      const int number = connections_++;
      const std::lock_guard lock(mutex_);
      sockets_.push_back(accepted);
      workers_.emplace_back([this, accepted, number] {
        TlsConnection connection(context_.get(), accepted);
        if (connection.accept()) serve_(connection, number);
        const std::lock_guard end_lock(mutex_);
        std::erase(sockets_, accepted);
      });
    }
  }

  const Serve serve_;
  const CertificateAndKey authority_;
  std::unique_ptr<SSL_CTX, internal::FreeWith<&SSL_CTX_free>> context_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> connections_{0};
  std::mutex mutex_;
  std::vector<int> sockets_;
  std::vector<std::jthread> workers_;
  std::jthread acceptor_;
};

}  // namespace vbrain::testing

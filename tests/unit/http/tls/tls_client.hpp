#pragma once

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <string>

#include "support/cpp/certificates.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::http::testing {

// What every test with TLS uses: an authority, and a pair that it has signed for 127.0.0.1, as files.
struct TestCertificates {
  vbrain::testing::CertificateAndKey authority =
      vbrain::testing::make_certificate({.common_name = "authority", .authority = true});
  vbrain::testing::CertificateAndKey server =
      vbrain::testing::make_certificate({.common_name = "server", .alternative_names = "IP:127.0.0.1"}, &authority);
  vbrain::testing::TempDir folder{::testing::TempDir()};

  static const TestCertificates& get() {
    static const TestCertificates kOnly;
    return kOnly;
  }
  std::string file(const std::string& name) const { return folder / name; }

 private:
  TestCertificates() {
    vbrain::testing::write_file(file("ca.crt"), authority.certificate_pem);
    vbrain::testing::write_file(file("tls.crt"), server.certificate_pem);
    vbrain::testing::write_file(file("tls.key"), server.key_pem);
  }
};

// What a test may ask of the handshake.
struct TlsWishes {
  int newest = 0;                  // TLS1_2_VERSION; 0: any
  std::string ciphers = {};        // of TLS 1.2
  std::string protocols = {};      // ALPN, each with its length in front
  SSL_SESSION* session = nullptr;  // to be resumed
};

// The client's side of TLS on a connected socket. Every wait is at most 60 s.
class TlsClient {
 public:
  explicit TlsClient(int socket, const TlsWishes& wishes = {}) : socket_(socket), ssl_(SSL_new(context())) {
    if (wishes.newest != 0) SSL_set_max_proto_version(ssl_.get(), wishes.newest);
    if (wishes.newest != 0 && wishes.newest < TLS1_2_VERSION) {
      SSL_set_min_proto_version(ssl_.get(), wishes.newest);
      SSL_set_security_level(ssl_.get(), 0);
    }
    if (!wishes.ciphers.empty()) SSL_set_cipher_list(ssl_.get(), wishes.ciphers.c_str());
    if (!wishes.protocols.empty()) {
      SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(wishes.protocols.data()),
                          static_cast<unsigned>(wishes.protocols.size()));
    }
    if (wishes.session != nullptr) SSL_set_session(ssl_.get(), wishes.session);
    SSL_set_fd(ssl_.get(), socket_);
    ready_ = finish([this] { return SSL_connect(ssl_.get()); }) == 1;
  }

  bool ready() const { return ready_; }
  SSL* ssl() { return ssl_.get(); }
  // Why the last call failed.
  const std::string& error() const { return error_; }
  // The server has said that this is all.
  bool was_ended() const { return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0; }
  bool has_unread() const { return SSL_pending(ssl_.get()) > 0; }

  // As send(2) and recv(2), but they wait.
  ssize_t send(const char* bytes, std::size_t size) {
    return ready_ ? finish([&] { return SSL_write(ssl_.get(), bytes, static_cast<int>(size)); }) : -1;
  }
  ssize_t receive(char* to, std::size_t size) {
    if (!ready_) return 0;
    const int got = finish([&] { return SSL_read(ssl_.get(), to, static_cast<int>(size)); });
    return got > 0 ? got : was_ended() ? 0 : -1;
  }
  void end() {
    if (ready_) SSL_shutdown(ssl_.get());
  }

 private:
  template <class Call>
  int finish(Call call) {
    for (;;) {
      ERR_clear_error();
      errno = 0;
      const int result = call();
      const int error_number = errno;
      if (result > 0) return result;
      const int kind = SSL_get_error(ssl_.get(), result);
      if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
        pollfd waiting{socket_, static_cast<short>(kind == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT), 0};
        if (::poll(&waiting, 1, 60'000) > 0) continue;
        error_ = "timeout";
        errno = ETIMEDOUT;
        return -1;
      }
      const char* reason = ERR_reason_error_string(ERR_peek_error());
      error_ = reason == nullptr ? "" : reason;
      ERR_clear_error();
      errno = kind == SSL_ERROR_SYSCALL ? error_number : EPROTO;
      return -1;
    }
  }

  // One for all: some tests measure the memory of both sides together.
  static SSL_CTX* context() {
    static SSL_CTX* const kContext = [] {
      std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes with write(2)
      SSL_CTX* made = SSL_CTX_new(TLS_client_method());
      SSL_CTX_load_verify_locations(made, TestCertificates::get().file("ca.crt").c_str(), nullptr);
      SSL_CTX_set_verify(made, SSL_VERIFY_PEER, nullptr);
      SSL_CTX_set_mode(made, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
      return made;
    }();
    return kContext;
  }

  const int socket_;
  std::unique_ptr<SSL, vbrain::testing::internal::FreeWith<&SSL_free>> ssl_;
  bool ready_ = false;
  std::string error_;
};

}  // namespace vbrain::http::testing

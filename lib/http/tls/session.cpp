#include "http/tls/session.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "base/files/io.hpp"
#include "base/tls/pem.hpp"

namespace vbrain::http {

namespace {

// Records without data that may follow each other. A handshake has fewer than 20; a client renews its keys after
// gigabytes. OpenSSL has limits for empty records and for alerts, and none for key updates (RFC 8446 section 4.6.3).
constexpr std::size_t kMostRecords = 100;

}  // namespace

// OpenSSL's own BIO for sockets writes with write(2), which raises SIGPIPE, and keeps the number of the descriptor.
struct WireAccess {
  static TlsSession::Wire& of(BIO* bio) { return *static_cast<TlsSession::Wire*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* to, int size) {
    TlsSession::Wire& wire = of(bio);
    BIO_clear_retry_flags(bio);
    if (wire.records > kMostRecords) return -1;
    const ssize_t got =
        base::without_eintr([&] { return ::recv(wire.socket, to, static_cast<std::size_t>(size), MSG_DONTWAIT); });
    if (got < 0 && errno == EAGAIN) BIO_set_retry_read(bio);
    if (got == 0) wire.at_end = true;
    return static_cast<int>(got);
  }

  static int write(BIO* bio, const char* from, int size) {
    BIO_clear_retry_flags(bio);
    const ssize_t sent = base::without_eintr(
        [&] { return ::send(of(bio).socket, from, static_cast<std::size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL); });
    if (sent < 0 && errno == EAGAIN) BIO_set_retry_write(bio);
    return static_cast<int>(sent);
  }

  static long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command == BIO_CTRL_EOF) return of(bio).at_end ? 1 : 0;
    return 0;
  }

  // OpenSSL reads on until it has data or the socket is empty, so a client that sends others without an end would keep
  // the thread. A callback of this kind cannot fail, so the next read does.
  static void see_message(int is_write, int, int type, const void*, std::size_t, SSL*, void* wire) {
    if (is_write == 0 && type == SSL3_RT_HEADER) ++static_cast<TlsSession::Wire*>(wire)->records;
  }

  static int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }

  static BIO_METHOD* method() {
    static BIO_METHOD* const kMethod = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
      if (made == nullptr) throw std::bad_alloc();
      BIO_meth_set_read(made, &WireAccess::read);
      BIO_meth_set_write(made, &WireAccess::write);
      BIO_meth_set_ctrl(made, &WireAccess::control);
      BIO_meth_set_create(made, &WireAccess::create);
      return made;
    }();
    return kMethod;
  }
};

TlsSession::TlsSession(ssl_ctx_st* context) : ssl_(SSL_new(context)) {
  BIO* const bio = ssl_ == nullptr ? nullptr : BIO_new(WireAccess::method());
  if (bio == nullptr) {
    SSL_free(ssl_);
    throw std::bad_alloc();
  }
  BIO_set_data(bio, &wire_);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_accept_state(ssl_);
  SSL_set_msg_callback(ssl_, &WireAccess::see_message);
  SSL_set_msg_callback_arg(ssl_, &wire_);
}

TlsSession::~TlsSession() {
  SSL_free(ssl_);
}

// `call` returns what the function of OpenSSL returned, and sets the number of bytes.
template <class Call>
TlsSession::Step TlsSession::step(int socket, const Call& call) {
  if (failed_) return {};
  wire_.socket = socket;
  // SSL_get_error() looks at the errors of this thread, also at those of other connections.
  ERR_clear_error();
  errno = 0;
  std::size_t bytes = 0;
  const int result = call(bytes);
  const int error_number = errno;
  if (result > 0) return {State::kDone, bytes};
  const int kind = SSL_get_error(ssl_, result);
  if (kind == SSL_ERROR_WANT_READ) return {State::kWantsRead, 0};
  if (kind == SSL_ERROR_WANT_WRITE) return {State::kWantsWrite, 0};
  if (kind == SSL_ERROR_ZERO_RETURN) return {State::kEnded, 0};
  failed_ = true;
  why_failed_ = failure(kind, error_number);
  return {};
}

std::string TlsSession::failure(int kind, int error_number) const {
  const std::string reason = base::take_openssl_error();
  if (wire_.at_end) return "the client closed the connection";
  if (wire_.records > kMostRecords) return "the client sends records without data";
  if (!reason.empty()) return reason;
  return kind == SSL_ERROR_SYSCALL && error_number != 0 ? std::strerror(error_number) : "unknown error";
}

TlsSession::Step TlsSession::handshake(int socket) {
  return step(socket, [this](std::size_t&) { return SSL_accept(ssl_); });
}

TlsSession::Step TlsSession::read(int socket, char* to, std::size_t size) {
  const Step read = step(socket, [&](std::size_t& bytes) { return SSL_read_ex(ssl_, to, size, &bytes); });
  if (read.state == State::kDone) wire_.records = 0;
  return read;
}

TlsSession::Step TlsSession::write(int socket, std::string_view bytes) {
  const std::size_t most = std::min(bytes.size(), kMaxRecord);
  return step(socket, [&](std::size_t& written) { return SSL_write_ex(ssl_, bytes.data(), most, &written); });
}

TlsSession::Step TlsSession::end(int socket) {
  if (failed_ || end_sent_ || SSL_is_init_finished(ssl_) == 0) return {State::kDone, 0};
  // Zero: the client has not said the same. It need not.
  const Step ended = step(socket, [this](std::size_t&) { return SSL_shutdown(ssl_) >= 0 ? 1 : -1; });
  end_sent_ = ended.state == State::kDone;
  return ended;
}

bool TlsSession::has_unread() const {
  return SSL_has_pending(ssl_) == 1;
}

}  // namespace vbrain::http

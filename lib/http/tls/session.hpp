#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

struct ssl_ctx_st;  // SSL_CTX and SSL of OpenSSL
struct ssl_st;

namespace vbrain::http {

// The server's side of TLS on one connection (RFC 8446, RFC 5246). The caller passes the socket, which must not block,
// to each call, so that no call can reach a descriptor that was closed and is another one's now. For one thread at a
// time.
class TlsSession {
 public:
  enum class State {
    kDone,        // the handshake is complete, or `bytes` were read or written
    kWantsRead,   // call again when the socket is readable
    kWantsWrite,  // call again when the socket is writable; a write with the same bytes
    kEnded,       // the client has said that it sends no more (close_notify)
    kFailed,      // the connection is of no more use; see why_failed()
  };
  struct Step {
    State state = State::kFailed;
    std::size_t bytes = 0;
  };
  // The most that one record holds. write() takes no more at once.
  static constexpr std::size_t kMaxRecord = 16 * 1024;

  explicit TlsSession(ssl_ctx_st* context);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;

  Step handshake(int socket);
  // Fails if the client has sent many records without data, such as updates of its keys, one after the other.
  Step read(int socket, char* to, std::size_t size);
  // One record. `bytes` is not empty.
  Step write(int socket, std::string_view bytes);
  // Says that the server sends no more (close_notify). Does nothing before the end of the handshake, after a failure,
  // and after the first time.
  Step end(int socket);

  // Bytes were received that read() has not yet given. The socket does not become readable for them.
  bool has_unread() const;
  // Why the last call failed, such as "no shared cipher", in the words of OpenSSL or of the operating system.
  const std::string& why_failed() const { return why_failed_; }

 private:
  // What the calls of OpenSSL read from and write to.
  struct Wire {
    int socket = -1;
    bool at_end = false;      // the client has closed the connection
    std::size_t records = 0;  // that came since the last data
  };
  friend struct WireAccess;

  template <class Call>
  Step step(int socket, const Call& call);
  std::string failure(int kind, int error_number) const;

  Wire wire_;
  ssl_st* ssl_;
  std::string why_failed_;
  bool failed_ = false;
  bool end_sent_ = false;
};

}  // namespace vbrain::http

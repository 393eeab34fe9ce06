#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "http/task.hpp"
#include "http/tls/session.hpp"

namespace vbrain::http {

using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;

inline bool would_block(const boost::system::error_code& error) {
  return error == boost::asio::error::would_block || error == boost::asio::error::try_again;
}

// The socket of a client's connection, plain or with TLS. The plain one costs a comparison with null more than the
// socket itself. No call blocks: would_block() is true for the error of a call that must be repeated when the socket is
// ready for wanted(). For the connection's I/O thread.
class ClientSocket {
 public:
  using error_code = boost::system::error_code;

  // `tls` is null for a plain socket.
  ClientSocket(Socket socket, std::unique_ptr<TlsSession> tls) : tcp_(std::move(socket)), tls_(std::move(tls)) {}

  // For options, waits and the end of the connection.
  Socket& tcp() { return tcp_; }
  bool has_tls() const { return tls_ != nullptr; }
  // What is read from now on is what the client sent, as it is.
  void drop_tls() { tls_.reset(); }

  // The next three are for sockets with TLS.
  // What the client has sent first: nothing, because it has gone, HTTP, which begins with a letter, or something else.
  enum class Begin { kNothing, kHttp, kOther };
  Begin begin();
  void handshake(error_code& error);
  const std::string& why_failed() const { return tls_->why_failed(); }

  // eof: the client sends no more.
  std::size_t read_some(char* to, std::size_t size, error_code& error);
  // How many bytes were taken, perhaps fewer than all. A call that must be repeated is repeated with the same bytes.
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers, error_code& error) {
    if (tls_ == nullptr) return tcp_.write_some(buffers, error);
    const auto* begin = boost::asio::buffer_sequence_begin(buffers);
    return write_records({begin, boost::asio::buffer_sequence_end(buffers)}, error);
  }
  // What to wait for after a call that would have blocked. `usual`: what it is for without TLS.
  Socket::wait_type wanted(Socket::wait_type usual) const { return tls_ == nullptr ? usual : wanted_; }
  // Bytes were received that are not read yet. The socket does not become readable for them.
  bool has_unread() const { return tls_ != nullptr && tls_->has_unread(); }
  // Tells the client by close_notify that the bytes so far are all. Nothing without TLS.
  void end(error_code& error);

 private:
  std::size_t write_records(std::span<const boost::asio::const_buffer> buffers, error_code& error);
  // The bytes of a step, and its error.
  std::size_t result_of(TlsSession::Step step, error_code& error);

  Socket tcp_;
  std::unique_ptr<TlsSession> tls_;
  Socket::wait_type wanted_ = Socket::wait_read;
};

}  // namespace vbrain::http

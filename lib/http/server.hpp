#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/files/page_cache.hpp"
#include "http/handler.hpp"

namespace vbrain::base {
class Metrics;
class WorkerPool;
}  // namespace vbrain::base

namespace vbrain::http {

class CertificateKeeper;

struct HttpOptions {
  std::size_t max_header_bytes = 32 * 1024;
  std::size_t max_header_fields = 100;
  std::size_t max_connections = 10'000;
  // Of one source (source_of). One more gets 429; with TLS it is closed without a handshake. 0: no limit.
  std::size_t max_connections_per_address = 0;
  // From the first byte of a request to the end of its head; for the first request from the connect.
  std::chrono::milliseconds header_timeout{15'000};
  // For each 64 KiB of a body (or its rest), in either direction. A slower connection is cut.
  std::chrono::milliseconds body_timeout{15'000};
  // Between two requests of one connection.
  std::chrono::milliseconds idle_timeout{75'000};
  // From the accept to the last byte of the last answer. Zero: no limit.
  std::chrono::milliseconds connection_lifetime{0};
  // Streams that are open at the same time (StreamBody). One more gets 503.
  std::size_t max_streams = 1'000;
  // When a handler has worked for this long and `is_stuck` (if set) returns true, the client gets 503 and the
  // connection is closed. The handler goes on and may still complete its work. Time in which it waits for the client
  // or in Waiting::until() does not count. A stream that works for this long in next() is cut off.
  std::chrono::milliseconds stuck_timeout{60'000};
  std::function<bool()> is_stuck = {};  // never blocks; called from any thread
  // Whether a piece of a file can be sent without waiting for a disk. It then leaves by sendfile(2) from the I/O
  // thread; any other is read on the pool. Tests replace it.
  bool (*in_memory)(int fd, std::uint64_t offset, std::size_t size) = &base::in_page_cache;
  // TLS with this certificate; null: HTTP without TLS. It must outlive the server. The handshake of a connection has
  // header_timeout, and the head of its first request has it again.
  const CertificateKeeper* certificates = nullptr;
};

// The threads that read and write sockets. Each has an event loop; a connection stays on one thread.
class IoThreads {
 public:
  explicit IoThreads(std::size_t threads);
  // Stops the loops. Coroutines that have not ended are dropped.
  ~IoThreads();
  // Returns the threads in turn. Thread-safe.
  boost::asio::io_context& next();
  std::size_t size() const;
  // Zero if every thread has run a task of its queue since the last call. Otherwise a thread hangs, and this is the
  // time since the first call that it did not react to. Call it regularly, from one thread that is not one of these.
  std::chrono::steady_clock::duration unresponsive_for();
  void stop();

 private:
  struct Loop;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::atomic<std::size_t> turn_{0};
};

// HTTP/1.1 on one listening socket, with keep-alive and pipelining. It refuses malformed heads (check_head), limits the
// memory of each connection and has a timer for every phase. See HttpOptions for the limits.
class HttpServer {
 public:
  // Binds and starts to accept. `address` is "host:port"; port 0 takes a free one. Throws std::runtime_error if it
  // cannot listen there. File bodies that are not in memory are read on `file_pool`; null: the handler answers with
  // text only. `name` labels the metrics. The referenced objects must outlive the server.
  HttpServer(std::string name, const std::string& address, const HttpOptions& options, Handler handler,
             RefusalWriter refuse, IoThreads& io, base::WorkerPool* file_pool, base::Metrics& metrics);
  ~HttpServer();

  // "127.0.0.1:40123".
  std::string address() const;

  // Accepts no more connections and closes the idle ones. Waits and streams end. Requests under way have `grace` to be
  // answered, with `Connection: close`; then their connections are cut. True if none was cut. Idempotent. Not to be
  // called on an I/O thread.
  bool drain(std::chrono::milliseconds grace);

  // The number of open connections.
  std::size_t connections() const;
  // After drain(): no connection and no handler is left.
  bool idle() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vbrain::http

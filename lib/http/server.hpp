#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/handler.hpp"

namespace vbrain::base {
class Metrics;
class WorkerPool;
}  // namespace vbrain::base

namespace vbrain::http {

struct HttpOptions {
  std::size_t max_header_bytes = 32 * 1024;
  std::size_t max_header_fields = 100;
  std::size_t max_connections = 10'000;
  // First byte of a request to the end of its head; from the connect for the first one.
  std::chrono::milliseconds header_timeout{15'000};
  // For each next 64 KiB of a body (or its rest), in either direction: slower peers are cut.
  std::chrono::milliseconds body_timeout{15'000};
  // Between two requests of one connection.
  std::chrono::milliseconds idle_timeout{75'000};
  // From the accept to the last byte of the last answer. Zero: no limit.
  std::chrono::milliseconds connection_lifetime{0};
  // A handler that works for longer while `is_stuck` (if any) is true is not waited for: its client gets 503 and the
  // connection is closed. What it works on may still be done. Time in which it waits for the client does not count.
  std::chrono::milliseconds stuck_timeout{60'000};
  std::function<bool()> is_stuck = {};  // never blocks; from any thread
};

// The threads that move bytes. One event loop per thread; a connection stays on the thread that took it.
class IoThreads {
 public:
  explicit IoThreads(std::size_t threads);
  // Stops the loops; what still runs is dropped.
  ~IoThreads();
  // The threads in turn. Thread-safe.
  boost::asio::io_context& next();
  std::size_t size() const;
  // For how long a thread has not come back to its queue: zero if all have since the last call, else the time since the
  // first call that found the slowest one away. Call it regularly, from one thread that is none of these.
  std::chrono::steady_clock::duration unresponsive_for();
  void stop();

 private:
  struct Loop;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::atomic<std::size_t> turn_{0};
};

// HTTP/1.1 on one listening socket: strict in what it reads (check_head), bounded in memory per connection, every
// phase under a timer, keep-alive and pipelining in order. See HttpOptions for the limits.
class HttpServer {
 public:
  // Binds and starts to accept. `address` is "host:port"; port 0 takes a free one. Throws std::runtime_error if it
  // cannot listen there. File bodies are read on `file_pool`; null: the handler answers with text only. `name` labels
  // the metrics. The referenced objects must outlive the server.
  HttpServer(std::string name, const std::string& address, const HttpOptions& options, Handler handler,
             RefusalWriter refuse, IoThreads& io, base::WorkerPool* file_pool, base::Metrics& metrics);
  ~HttpServer();

  // "127.0.0.1:40123".
  std::string address() const;

  // Takes no more connections, closes the idle ones, answers what is under way (with `Connection: close`) for at most
  // `grace`, then cuts the rest. True if nothing had to be cut. Idempotent. Not to be called on an I/O thread.
  bool drain(std::chrono::milliseconds grace);

  // Connections open now.
  std::size_t connections() const;
  // Nothing of the server runs any more: drained to the end.
  bool idle() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vbrain::http

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "artifacts/store/safe_open.hpp"

namespace vbrain::controller {

// Answers GET and HEAD of /livez, /readyz and /metrics over HTTP/1.1, one thread, one request per connection. Made
// for probes inside the cluster: at most 64 connections at once, 8 KiB of request, 5 s from connect to the last byte;
// who needs more is cut off. Nothing that is asked for can make it wait for the rest of the program.
class HealthServer {
 public:
  struct Answers {
    // Empty: ready. Else why not, for people.
    std::function<std::string()> not_ready;
    std::function<std::string()> metrics;
  };

  // Listens on `address` ("0.0.0.0:9090", "[::1]:0"). Throws std::runtime_error when it can't.
  HealthServer(const std::string& address, Answers answers);
  ~HealthServer();
  HealthServer(const HealthServer&) = delete;
  HealthServer& operator=(const HealthServer&) = delete;

  // "127.0.0.1:43210": where it listens.
  const std::string& address() const { return address_; }

  // The answer to one request, as it goes over the wire. Pure but for the callbacks.
  static std::string answer(const std::string& request, const Answers& answers);

 private:
  void serve(std::stop_token stop);

  const Answers answers_;
  artifacts::Fd listener_;
  artifacts::Fd wake_;  // eventfd: ends the poll
  std::string address_;
  std::jthread thread_;
};

}  // namespace vbrain::controller

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "http/handler.hpp"

namespace vbrain::base {
class Metrics;
}

namespace vbrain::http {

// What the health listener asks the program. The callbacks run on the listener's own thread. They must not block: a
// kubelet that gets no answer restarts the container.
struct HealthChecks {
  // Empty: ready. Else the reason, in words for an operator; /readyz answers 503 with it.
  std::function<std::string()> not_ready;
  // Empty or not set: alive. Else the reason; /livez answers 503 with it, and the kubelet restarts the container.
  std::function<std::string()> not_alive = {};
  // The answer of /metrics, in the Prometheus text format.
  std::function<std::string()> metrics;
};

// The answer to one request: GET and HEAD of /livez, /readyz and /metrics. 404 for another path, 405 for another
// method. The connection is closed after each answer.
Reply answer_health(Method method, std::string_view path, const HealthChecks& checks);

// Serves answer_health() on one thread of its own, so that it answers when the rest of the program is busy or hangs.
// It is made for probes inside the cluster. At most 64 connections are open at once; another one gets 503. A request
// has at most 8 KiB. A connection is cut 5 s after it was accepted.
class HealthListener {
 public:
  // Listens on `address`, "0.0.0.0:9090" or "[::1]:0". Throws std::runtime_error if it cannot.
  HealthListener(const std::string& address, HealthChecks checks, base::Metrics& metrics);
  ~HealthListener();
  HealthListener(const HealthListener&) = delete;
  HealthListener& operator=(const HealthListener&) = delete;

  // The address that it listens on, "127.0.0.1:43210".
  std::string address() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vbrain::http

#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "kube/api/error.hpp"
#include "kube/api/request.hpp"

namespace vbrain::kube {

// An answer with a status below 300.
struct Response {
  int status = 0;
  std::string body;
};

struct StreamOptions {
  // If no byte arrives for this time, the stream ends as kTimeout, because a half-open connection is silent forever. A
  // watch without events is then reopened at the same version, which costs one request.
  std::chrono::milliseconds idle_timeout{90'000};
};

// Sends requests to one API server. All members are thread-safe and block the calling thread, which must not be a
// thread of the transport itself. A status of 300 or more becomes the Error of error_from_response().
class Transport {
 public:
  // Bytes of a stream as they arrive, on the calling thread. False ends the stream without an error.
  using ChunkSink = std::function<bool(std::string_view chunk)>;

  virtual ~Transport() = default;

  // One request, one answer. A request may reach the server twice (after a closed kept connection). So a POST needs a
  // fixed name, and kAlreadyExists may mean "done"; `maybe_done` marks other errors of this kind. Ends with kCancelled
  // soon after `stop`.
  virtual KubeResult<Response> call(const Request& request, std::stop_token stop) = 0;

  // Reads the answer's body until the server ends it (success), the connection breaks, `sink` returns false or `stop`
  // is requested (kCancelled). Reading waits while `sink` works, so memory is bounded.
  virtual KubeResult<void> stream(const Request& request, const StreamOptions& options, const ChunkSink& sink,
                                  std::stop_token stop) = 0;
};

}  // namespace vbrain::kube

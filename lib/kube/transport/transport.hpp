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
  // With no byte received for so long the stream ends as kTimeout. A half-open connection is silent for ever; a watch
  // that is merely quiet is opened again where it was, which costs one request.
  std::chrono::milliseconds idle_timeout{90'000};
};

// Carries requests to one API server. All members are thread-safe and block the calling thread, which must not be
// a thread of the transport itself. A status of 300 or more is the Error of error_from_response().
class Transport {
 public:
  // Bytes of a stream as they come, on the calling thread. False ends the stream without an error.
  using ChunkSink = std::function<bool(std::string_view chunk)>;

  virtual ~Transport() = default;

  // One request, one answer. A request may reach the server twice (a kept connection that dropped), so that a POST
  // needs a name of its own choosing and kAlreadyExists may mean "done"; any other error says so by `maybe_done`. Ends
  // with kCancelled soon after `stop`.
  virtual KubeResult<Response> call(const Request& request, std::stop_token stop) = 0;

  // Reads the body of the answer until the server ends it (success), the connection breaks, `sink` says enough or
  // `stop` is requested (kCancelled). Reading waits while `sink` works: memory stays bounded.
  virtual KubeResult<void> stream(const Request& request, const StreamOptions& options, const ChunkSink& sink,
                                  std::stop_token stop) = 0;
};

}  // namespace vbrain::kube

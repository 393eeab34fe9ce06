#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "kube/transport/transport.hpp"

namespace vbrain::testing {

// A Transport that answers from a script, one step per request. It is for tests of the exact requests, and of answers
// that no healthy server gives. Single-threaded.
class ScriptedTransport final : public kube::Transport {
 public:
  struct Step {
    bool is_stream = false;
    std::vector<std::string> chunks;  // of a stream; the first one is the body of a call
    kube::KubeResult<void> end;
  };

  void answer(std::string body) { steps_.push_back({false, {std::move(body)}, {}}); }
  void refuse(kube::Error error) { steps_.push_back({false, {}, tl::unexpected(std::move(error))}); }
  void watch(std::vector<std::string> chunks, kube::KubeResult<void> end = {}) {
    steps_.push_back({true, std::move(chunks), std::move(end)});
  }

  // Fails when a request comes without a step, or with a step of the other kind.
  std::stop_token over() const { return over_.get_token(); }
  const std::vector<kube::Request>& requests() const { return requests_; }

  kube::KubeResult<kube::Response> call(const kube::Request& request, std::stop_token) override {
    const Step step = next(request, false);
    if (!step.end) return tl::unexpected(step.end.error());
    return kube::Response{.status = 200, .body = step.chunks.at(0)};
  }

  kube::KubeResult<void> stream(const kube::Request& request, const kube::StreamOptions&, const ChunkSink& sink,
                                std::stop_token) override {
    const Step step = next(request, true);
    for (const auto& chunk : step.chunks) {
      if (!sink(chunk)) return {};
    }
    return step.end;
  }

 private:
  Step next(const kube::Request& request, bool is_stream) {
    if (steps_.empty() || steps_.front().is_stream != is_stream) {
      over_.request_stop();
      return {is_stream, {}, tl::unexpected(kube::cancelled_error())};
    }
    requests_.push_back(request);
    Step step = std::move(steps_.front());
    steps_.pop_front();
    return step;
  }

  std::deque<Step> steps_;
  std::stop_source over_;
  std::vector<kube::Request> requests_;
};

}  // namespace vbrain::testing

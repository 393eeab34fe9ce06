#include "kube/transport/measured_transport.hpp"

#include <chrono>
#include <utility>

namespace vbrain::kube {

MeasuredTransport::MeasuredTransport(Transport& transport, base::Metrics& metrics, const base::Clock& clock)
    : transport_(transport), metrics_(metrics), clock_(clock) {}

KubeResult<Response> MeasuredTransport::call(const Request& request, std::stop_token stop) {
  const base::SteadyPoint start = clock_.steady();
  auto answer = transport_.call(request, std::move(stop));
  const base::Metrics::Labels labels{{"method", request.method}};
  metrics_
      .histogram("vbrain_kube_request_seconds", "Time of calls to the Kubernetes API, without watches.",
                 {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}, labels)
      .Observe(std::chrono::duration<double>(clock_.steady() - start).count());
  if (!answer && answer.error().code != ErrorCode::kCancelled) {
    metrics_
        .counter("vbrain_kube_request_failures_total",
                 "Calls to the Kubernetes API without an answer, or with an answer of 300 and above.",
                 {{"method", request.method}, {"code", std::string(to_string(answer.error().code))}})
        .Increment();
  }
  return answer;
}

KubeResult<void> MeasuredTransport::stream(const Request& request, const StreamOptions& options, const ChunkSink& sink,
                                           std::stop_token stop) {
  return transport_.stream(request, options, sink, std::move(stop));
}

}  // namespace vbrain::kube

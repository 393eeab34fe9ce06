#pragma once

#include "base/metrics.hpp"
#include "base/time/clock.hpp"
#include "kube/transport/transport.hpp"

namespace vbrain::kube {

// Measures each call of another Transport: vbrain_kube_request_seconds{method}, and vbrain_kube_request_failures_total
// {method,code}. `code` is the name of an ErrorCode. Watches are not measured.
class MeasuredTransport final : public Transport {
 public:
  // All must outlive it.
  MeasuredTransport(Transport& transport, base::Metrics& metrics, const base::Clock& clock);

  KubeResult<Response> call(const Request& request, std::stop_token stop) override;
  KubeResult<void> stream(const Request& request, const StreamOptions& options, const ChunkSink& sink,
                          std::stop_token stop) override;

 private:
  Transport& transport_;
  base::Metrics& metrics_;
  const base::Clock& clock_;
};

}  // namespace vbrain::kube

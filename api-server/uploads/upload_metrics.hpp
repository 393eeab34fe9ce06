#pragma once

namespace prometheus {
class Counter;
}
namespace vbrain::base {
class Metrics;
}

namespace vbrain::api {

// What resumable uploads do. Thread-safe.
struct UploadMetrics {
  explicit UploadMetrics(base::Metrics& metrics);

  prometheus::Counter& bytes;      // acknowledged
  prometheus::Counter& completed;  // uploads that have all their bytes
  prometheus::Counter& cut;        // requests with bytes that ended early
};

}  // namespace vbrain::api

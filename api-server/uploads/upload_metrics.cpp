#include "api-server/uploads/upload_metrics.hpp"

#include "base/metrics.hpp"

namespace vbrain::api {

UploadMetrics::UploadMetrics(base::Metrics& metrics)
    : bytes(metrics.counter("vbrain_upload_bytes_total", "Bytes of resumable uploads that were acknowledged.")),
      completed(metrics.counter("vbrain_uploads_completed_total", "Resumable uploads that have all their bytes.")),
      cut(metrics.counter("vbrain_uploads_cut_total",
                          "Requests with bytes of a resumable upload that ended early; what came of them was kept.")) {}

}  // namespace vbrain::api

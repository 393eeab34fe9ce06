#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <map>
#include <string>
#include <vector>

namespace vbrain::base {

// The figures of one program in Prometheus' terms, over prometheus-cpp. Names follow its conventions: prefix
// `vbrain_`, base units, `_total` for counters. Label values come from closed sets only: never an id, a user or a
// tenant, so that a stranger can't make the page grow. All members are thread-safe.
class Metrics {
 public:
  using Labels = std::map<std::string, std::string>;

  // The returned objects live as long as the Metrics. Asking again for the same name and labels gives the same.
  prometheus::Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  prometheus::Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  // `buckets`: upper bounds, ascending, in the metric's unit.
  prometheus::Histogram& histogram(const std::string& name, const std::string& help, const std::vector<double>& buckets,
                                   const Labels& labels = {});

  // The text exposition format 0.0.4, with the process's own resident memory, CPU seconds, open file descriptors
  // and threads read at the call.
  std::string render();

 private:
  void refresh_process();

  prometheus::Registry registry_{prometheus::Registry::InsertBehavior::Merge};
};

}  // namespace vbrain::base

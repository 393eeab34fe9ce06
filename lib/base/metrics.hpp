#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <map>
#include <string>
#include <vector>

namespace vbrain::base {

// The metrics of one program, made with prometheus-cpp. Names follow the conventions of Prometheus: prefix `vbrain_`,
// base units, `_total` for counters. Label values come from fixed sets. They are never an id, a user or a tenant,
// because then any client could make the page grow. All members are thread-safe.
class Metrics {
 public:
  using Labels = std::map<std::string, std::string>;

  // The returned objects live as long as the Metrics. The same name and labels give the same object again.
  prometheus::Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  prometheus::Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  // `buckets`: upper bounds, ascending, in the metric's unit.
  prometheus::Histogram& histogram(const std::string& name, const std::string& help, const std::vector<double>& buckets,
                                   const Labels& labels = {});

  // All metrics in the text exposition format 0.0.4. Adds the process's resident memory, CPU seconds, open file
  // descriptors and threads, as they are at the call.
  std::string render();

 private:
  void refresh_process();

  prometheus::Registry registry_{prometheus::Registry::InsertBehavior::Merge};
};

}  // namespace vbrain::base

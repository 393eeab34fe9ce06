#include "base/metrics.hpp"

#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "base/log/log_writer.hpp"

namespace vbrain::base {

prometheus::Counter& Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry_).Add(labels);
}

prometheus::Gauge& Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry_).Add(labels);
}

prometheus::Histogram& Metrics::histogram(const std::string& name, const std::string& help,
                                          const std::vector<double>& buckets, const Labels& labels) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry_).Add(labels, buckets);
}

void Metrics::refresh_process() {
  // proc(5): statm counts pages; fields 14 and 15 of stat are user and system time in clock ticks, field 20 threads.
  long pages_total = 0;
  long pages_resident = 0;
  std::ifstream("/proc/self/statm") >> pages_total >> pages_resident;
  gauge("process_resident_memory_bytes", "Resident memory in bytes.")
      .Set(static_cast<double>(pages_resident) * static_cast<double>(sysconf(_SC_PAGESIZE)));

  std::ifstream stat_file("/proc/self/stat");
  const std::string stat{std::istreambuf_iterator<char>(stat_file), {}};
  const std::size_t after_name = stat.rfind(')');
  if (after_name != std::string::npos) {
    std::istringstream fields(stat.substr(after_name + 1));
    const std::vector<std::string> values{std::istream_iterator<std::string>(fields), {}};
    if (values.size() > 17) {
      const double ticks = std::stod(values[11]) + std::stod(values[12]);
      auto& cpu = counter("process_cpu_seconds_total", "User and system CPU time in seconds.");
      cpu.Increment(std::max(0.0, ticks / static_cast<double>(sysconf(_SC_CLK_TCK)) - cpu.Value()));
      gauge("process_threads", "Threads.").Set(std::stod(values[17]));
    }
  }
  std::error_code ignored;
  const std::filesystem::directory_iterator descriptors("/proc/self/fd", ignored);
  gauge("process_open_fds", "Open file descriptors.")
      .Set(static_cast<double>(std::distance(begin(descriptors), end(descriptors))));
}

std::string Metrics::render() {
  refresh_process();
  auto& dropped = counter("vbrain_log_lines_dropped_total", "Log lines dropped because stderr was read too slowly.");
  dropped.Increment(static_cast<double>(dropped_log_lines()) - dropped.Value());
  return prometheus::TextSerializer().Serialize(registry_.Collect());
}

}  // namespace vbrain::base

#include "base/metrics.hpp"

#include <gtest/gtest.h>

namespace vbrain::base {
namespace {

TEST(Metrics, ShowsFiguresInTheTextFormat) {
  Metrics metrics;
  metrics.counter("vbrain_things_total", "Things.", {{"kind", "a"}}).Increment();
  metrics.counter("vbrain_things_total", "Things.", {{"kind", "a"}}).Increment();
  const std::string text = metrics.render();
  EXPECT_NE(text.find("# TYPE vbrain_things_total counter"), std::string::npos);
  EXPECT_NE(text.find("vbrain_things_total{kind=\"a\"} 2"), std::string::npos) << text;
}

TEST(Metrics, ShowsTheProcess) {
  const std::string text = Metrics().render();
  for (const std::string_view name :
       {"process_resident_memory_bytes ", "process_cpu_seconds_total ", "process_threads ", "process_open_fds "}) {
    EXPECT_NE(text.find(name), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace vbrain::base

#include "controller/pods/memory_growth.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "controller/pods/pod_template.hpp"
#include "kube/api/quantity.hpp"

namespace vbrain::controller {
namespace {

constexpr std::int64_t kMebibyte = 1 << 20;

std::optional<double> parse_factor(const std::string& text) {
  double factor = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, factor);
  if (parsed.ec != std::errc() || parsed.ptr != end || !(factor > 1) || factor > 16) return std::nullopt;
  return factor;
}

// Whole mebibytes, which people can read.
std::int64_t grown(std::int64_t bytes, double factor) {
  const double more = std::ceil(static_cast<double>(bytes) * factor / static_cast<double>(kMebibyte));
  constexpr double kMost = 1e12;
  return static_cast<std::int64_t>(std::min(more, kMost)) * kMebibyte;
}

const job::AttemptRecord* attempt_before(const job::JobStatus& status) {
  const job::AttemptRecord* last = nullptr;
  for (const job::AttemptRecord& record : status.attempt_history) {
    if (record.attempt < status.attempts && (last == nullptr || record.attempt > last->attempt)) last = &record;
  }
  return last;
}

}  // namespace

std::string memory_limit_of_attempt(const job::Application& application, const job::JobStatus& status) {
  const auto pod_template = nlohmann::json::parse(application.template_json, nullptr, false);
  return memory_limit_of_attempt(memory_limit_of_main(pod_template), application, status);
}

std::string memory_limit_of_attempt(const std::string& of_template, const job::Application& application,
                                    const job::JobStatus& status) {
  const auto start = kube::parse_quantity(of_template);
  const auto most = kube::parse_quantity(application.memory_growth_limit);
  const auto factor = parse_factor(application.memory_growth_factor);
  const job::AttemptRecord* before = attempt_before(status);
  if (!start || !most || !factor || before == nullptr) return of_template;
  const std::int64_t last = kube::parse_quantity(before->memory_limit).value_or(*start);
  const std::int64_t wanted = before->reason == kOutOfMemoryReason ? grown(last, *factor) : last;
  const std::int64_t next = std::min(wanted, *most);
  return next <= *start ? of_template : kube::format_quantity(next);
}

}  // namespace vbrain::controller

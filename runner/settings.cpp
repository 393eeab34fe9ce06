#include "runner/settings.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/text/traceparent.hpp"
#include "runner/job_json.hpp"

namespace vbrain::runner {
namespace {

constexpr std::string_view kUsage =
    "usage: runner [--attempt N [--output-limit BYTES]] [--root DIR] [--cgroup DIR] -- COMMAND [ARGUMENT]...";

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The whole text must be a decimal number.
template <class Number>
bool read_number(std::string_view text, Number& target) {
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, target);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

// Empty text leaves the default.
bool read_bytes(std::string_view text, std::uint64_t& target) {
  return text.empty() || read_number(text, target);
}

Unexpected<std::string> not_bytes(std::string_view name) {
  return Unexpected<std::string>(std::string(name) + " is not a number of bytes");
}

void set(const char* name, const std::string& value) {
  setenv(name, value.c_str(), 1);
}

}  // namespace

Result<Settings, std::string> read_settings(int argc, const char* const* argv) {
  Settings settings;
  settings.pod_uid = from_environment("VBRAIN_POD_UID");
  std::string number;
  const std::pair<std::string_view, std::string*> flags[] = {{"--attempt", &number},
                                                             {"--output-limit", &settings.output_limit},
                                                             {"--root", &settings.root},
                                                             {"--cgroup", &settings.cgroup}};
  int at = 1;
  for (; at < argc && std::string_view(argv[at]) != "--"; at += 2) {
    const auto* flag =
        std::ranges::find(flags, std::string_view(argv[at]), &std::pair<std::string_view, std::string*>::first);
    if (at + 1 == argc || flag == std::end(flags)) return Unexpected<std::string>(std::string(kUsage));
    *flag->second = argv[at + 1];
  }
  for (++at; at < argc; ++at) settings.command.emplace_back(argv[at]);
  if (settings.command.empty() || (number.empty() && !settings.output_limit.empty())) {
    return Unexpected<std::string>(std::string(kUsage));
  }
  if (number.empty()) {
    for (const auto& [name, target] : {std::pair{"VBRAIN_OUTPUT_LIMIT_BYTES", &settings.output_limit_bytes},
                                       std::pair{"VBRAIN_LOG_LIMIT_BYTES", &settings.log_limit_bytes}}) {
      if (!read_bytes(from_environment(name), *target)) return not_bytes(name);
    }
    return settings;
  }
  if (!read_number(number, settings.attempt_number) || settings.attempt_number == 0) {
    return Unexpected<std::string>("--attempt is not a number from 1");
  }
  if (!read_bytes(settings.output_limit, settings.output_limit_bytes)) return not_bytes("--output-limit");
  return settings;
}

void export_attempt_number(const Settings& settings) {
  if (settings.attempt_number != 0) set("VBRAIN_JOB_ATTEMPT", std::to_string(settings.attempt_number));
}

void export_contract(const Settings& settings, const JobIds& job) {
  const std::string work = settings.work();
  set("VBRAIN_INPUT_DIR", settings.input());
  set("VBRAIN_PARAMS_FILE", work + "/params.json");
  set("VBRAIN_METADATA_FILE", work + "/metadata.json");
  set("VBRAIN_OUTPUT_DIR", work + "/output");
  set("VBRAIN_RESULT_FILE", work + "/result.json");
  set("VBRAIN_LOG_DIR", work + "/logs");
  if (settings.attempt_number == 0) return;
  set("VBRAIN_JOB_ID", job.job_id);
  set("VBRAIN_REPOSITORY_ID", job.repository_id);
  if (base::is_traceparent(job.traceparent)) set("TRACEPARENT", job.traceparent);
  set("VBRAIN_OUTPUT_LIMIT_BYTES", settings.output_limit);
  set("VBRAIN_LOG_LIMIT_BYTES", "");
}

}  // namespace vbrain::runner

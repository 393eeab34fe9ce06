#include "runner/settings.hpp"

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace vbrain::runner {
namespace {

constexpr std::string_view kUsage = "usage: runner [--root DIR] [--cgroup DIR] -- COMMAND [ARGUMENT]...";

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool read_bytes(const char* name, std::uint64_t& target) {
  const std::string text = from_environment(name);
  if (text.empty()) return true;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, target);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

}  // namespace

Result<Settings, std::string> read_settings(int argc, const char* const* argv) {
  Settings settings;
  settings.pod_uid = from_environment("VBRAIN_POD_UID");
  for (const auto& [name, target] : {std::pair{"VBRAIN_OUTPUT_LIMIT_BYTES", &settings.output_limit_bytes},
                                     std::pair{"VBRAIN_LOG_LIMIT_BYTES", &settings.log_limit_bytes}}) {
    if (!read_bytes(name, *target)) return Unexpected<std::string>(std::string(name) + " is not a number of bytes");
  }
  int at = 1;
  for (; at < argc && std::string_view(argv[at]) != "--"; at += 2) {
    const std::string_view flag = argv[at];
    if (at + 1 == argc || (flag != "--root" && flag != "--cgroup")) return Unexpected<std::string>(std::string(kUsage));
    (flag == "--root" ? settings.root : settings.cgroup) = argv[at + 1];
  }
  for (++at; at < argc; ++at) settings.command.emplace_back(argv[at]);
  if (settings.command.empty()) return Unexpected<std::string>(std::string(kUsage));
  return settings;
}

void export_contract(const Settings& settings) {
  const std::string work = settings.work();
  setenv("VBRAIN_INPUT_DIR", settings.input().c_str(), 1);
  setenv("VBRAIN_PARAMS_FILE", (work + "/params.json").c_str(), 1);
  setenv("VBRAIN_METADATA_FILE", (work + "/metadata.json").c_str(), 1);
  setenv("VBRAIN_OUTPUT_DIR", (work + "/output").c_str(), 1);
  setenv("VBRAIN_RESULT_FILE", (work + "/result.json").c_str(), 1);
  setenv("VBRAIN_LOG_DIR", (work + "/logs").c_str(), 1);
}

}  // namespace vbrain::runner

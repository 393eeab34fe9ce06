#include "runner/logs/log_names.hpp"

#include <algorithm>
#include <array>

#include "artifacts/archive/archive_reader.hpp"

namespace vbrain::runner {

std::string_view log_name_problem(const std::string& name) {
  if (!artifacts::check_entry_name(name).empty()) return "its name cannot be in an archive";
  if (name.starts_with(".vbrain-")) return "the name is reserved for the runner";
  return {};
}

std::string kept_log_name(const std::string& name, bool at_top) {
  constexpr std::array<std::string_view, 4> kOurs = {kStdoutLog, kStderrLog, kLeftOutFile, kOutputLeftOutFile};
  std::string_view stem = name;
  // An application's own "stdout.log.1" makes room for its "stdout.log".
  while (stem.ends_with(".1")) stem.remove_suffix(2);
  return at_top && std::ranges::find(kOurs, stem) != kOurs.end() ? name + ".1" : name;
}

std::string kept_log_path(const std::string& path) {
  const std::size_t slash = path.find('/');
  if (slash == path.npos) return kept_log_name(path, true);
  return kept_log_name(path.substr(0, slash), true) + path.substr(slash);
}

}  // namespace vbrain::runner

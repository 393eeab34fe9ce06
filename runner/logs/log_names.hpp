#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vbrain::runner {

// Files that the runner itself writes to logs/ of an attempt.
inline constexpr const char* kStdoutLog = "stdout.log";
inline constexpr const char* kStderrLog = "stderr.log";
inline constexpr const char* kLeftOutFile = "left-out-by-runner.txt";               // what is missing in the logs
inline constexpr const char* kOutputLeftOutFile = "output-left-out-by-runner.txt";  // what is missing in the output

// Limits of VBRAIN_LOG_DIR.
inline constexpr std::size_t kLogFiles = 1'000;  // and folders
inline constexpr int kLogDepth = 16;             // components of a name
inline constexpr std::string_view kTooManyLogs = "there are more than 1000 log files and folders";
inline constexpr std::string_view kTooDeepLog = "it is more than 16 levels deep";

// Why an entry of VBRAIN_LOG_DIR, one component of a path, is left out for its name; empty if it is not. Pure.
std::string_view log_name_problem(const std::string& name);

// The name that an entry of VBRAIN_LOG_DIR has in logs/. At the top ".1" is appended to the names that the runner uses
// itself, so two entries never get the same name. `name` is one component. Pure.
std::string kept_log_name(const std::string& name, bool at_top);

// The same for a path with its folders.
std::string kept_log_path(const std::string& path);

}  // namespace vbrain::runner

#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/log/request_ids.hpp"

namespace vbrain::base {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// "debug", "info", "warning" or "error"; nothing otherwise.
std::optional<LogLevel> parse_log_level(std::string_view text);

// One key and its value in a log line, or the ids of a request, which have keys of their own.
struct LogField {
  struct Ids {
    std::string_view request_id;
    std::string_view trace_id;
  };
  using Value = std::variant<std::string_view, std::int64_t, double, bool, Ids>;
  std::string_view key;
  Value value;

  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, bool v) : key(k), value(v) {}
  LogField(std::string_view k, double v) : key(k), value(v) {}
  template <class T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) LogField(std::string_view k, T v)
      : key(k), value(static_cast<std::int64_t>(v)) {}
  LogField(const RequestIds& ids) : value(Ids{ids.request_id, ids.trace_id}) {}
};

// Lines below this level are dropped. Thread-safe; the default is kInfo.
void set_log_level(LogLevel level);

// Logs one JSON line {"time", "level", "message", <fields>} to stderr, in one write(2), so that lines of several
// threads never mix. While a LogWriter lives (log_writer.hpp), its thread writes the line and log() does not wait;
// otherwise the calling thread writes it. `message` is constant text; variable values go into fields, where they are
// escaped, so that a newline or an ANSI sequence of a user can't forge a line. Values are cut at 4 KiB. Thread-safe,
// never throws.
void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {}) noexcept;

inline void log_debug(std::string_view message, std::initializer_list<LogField> fields = {}) noexcept {
  log(LogLevel::kDebug, message, fields);
}
inline void log_info(std::string_view message, std::initializer_list<LogField> fields = {}) noexcept {
  log(LogLevel::kInfo, message, fields);
}
inline void log_warning(std::string_view message, std::initializer_list<LogField> fields = {}) noexcept {
  log(LogLevel::kWarning, message, fields);
}
inline void log_error(std::string_view message, std::initializer_list<LogField> fields = {}) noexcept {
  log(LogLevel::kError, message, fields);
}

}  // namespace vbrain::base

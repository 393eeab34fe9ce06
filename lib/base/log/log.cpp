#include "base/log/log.hpp"

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "base/json/json.hpp"
#include "base/log/log_members.hpp"
#include "base/log/log_queue.hpp"
#include "base/time/clock.hpp"

namespace vbrain::base {
namespace {

constexpr std::size_t kMaxValueBytes = 4096;

std::atomic<LogLevel> threshold{LogLevel::kInfo};

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

void append_text(std::string& line, std::string_view text) {
  line += quote_json(text.substr(0, kMaxValueBytes));
}

void append_value(std::string& line, const LogField::Value& value) {
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    append_text(line, *text);
  } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
    line += std::to_string(*number);
  } else if (const auto* real = std::get_if<double>(&value)) {
    line += std::to_string(*real);
  } else if (const auto* truth = std::get_if<bool>(&value)) {
    line += *truth ? "true" : "false";
  }
}

void append_member(std::string& line, const LogField& field) {
  line += ',';
  append_text(line, field.key);
  line += ':';
  append_value(line, field.value);
}

// Without the end.
std::string begin_of_line(LogLevel level, std::string_view message) {
  std::string line = "{\"time\":\"" + format_rfc3339(SystemClock{}.now()) + "\",\"level\":\"";
  line += name_of(level);
  line += "\",\"message\":";
  append_text(line, message);
  return line;
}

std::string line_of(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  std::string line = begin_of_line(level, message);
  for (const LogField& field : fields) {
    if (const auto* ids = std::get_if<LogField::Ids>(&field.value)) {
      if (!ids->request_id.empty()) append_member(line, {"request_id", ids->request_id});
      if (!ids->trace_id.empty()) append_member(line, {"trace_id", ids->trace_id});
    } else {
      append_member(line, field);
    }
  }
  line += "}\n";
  return line;
}

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view text) {
  for (const LogLevel level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError}) {
    if (text == name_of(level)) return level;
  }
  return std::nullopt;
}

void set_log_level(LogLevel level) {
  threshold.store(level, std::memory_order_relaxed);
}

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) noexcept try {
  if (level < threshold.load(std::memory_order_relaxed)) return;
  std::string line = line_of(level, message, fields);
  if (!detail::queue_log_line(line)) detail::write_log_line(STDERR_FILENO, line);
} catch (...) {
  // There was no memory for the line. The program goes on without it.
}

void log_members(std::string_view message, std::string_view members) noexcept try {
  std::string line = begin_of_line(LogLevel::kInfo, message);
  line += ',';
  line += members;
  line += "}\n";
  if (!detail::queue_log_line(line)) detail::write_log_line(STDERR_FILENO, line);
} catch (...) {
  // As in log().
}

namespace detail {

std::string dropped_lines_text(unsigned long count) {
  return line_of(LogLevel::kWarning, "log lines were dropped: the reader of stderr is too slow", {{"lines", count}});
}

void write_log_line(int fd, const std::string& line) {
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd, rest.data(), rest.size());
    if (written < 0 && errno == EAGAIN) {
      // Whoever shares the descriptor made it non-blocking.
      pollfd room{fd, POLLOUT, 0};
      ::poll(&room, 1, 1000);
      continue;
    }
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace detail

}  // namespace vbrain::base

#include "base/time/clock.hpp"

#include <array>
#include <cstdio>

namespace vbrain::base {
namespace {

struct Civil {
  int year;
  unsigned month, day, hour, minute, second, millisecond;
};

Civil split(TimePoint time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  return {static_cast<int>(date.year()),
          static_cast<unsigned>(date.month()),
          static_cast<unsigned>(date.day()),
          static_cast<unsigned>(clock.hours().count()),
          static_cast<unsigned>(clock.minutes().count()),
          static_cast<unsigned>(clock.seconds().count()),
          static_cast<unsigned>(clock.subseconds().count())};
}

template <class... Args>
std::string print(const char* format, Args... args) {
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), format, args...);
  return {text.data(), static_cast<std::size_t>(length)};
}

// Reads exactly `digits` decimal digits and removes them from `text`.
std::optional<unsigned> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  unsigned value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take_any(std::string_view& text, std::string_view choices) {
  if (text.empty() || choices.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// Reads a fraction such as ".5" or ".123456" as milliseconds; further digits are cut. Without a dot it is 0.
std::optional<unsigned> take_fraction(std::string_view& text) {
  if (!take_any(text, ".")) return 0;
  unsigned milliseconds = 0;
  std::size_t digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    if (digits < 3) milliseconds = milliseconds * 10 + static_cast<unsigned>(text.front() - '0');
    ++digits;
    text.remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 3; ++digits) milliseconds *= 10;
  return milliseconds;
}

std::optional<std::chrono::minutes> take_offset(std::string_view& text) {
  if (take_any(text, "Zz")) return std::chrono::minutes{0};
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return std::nullopt;
  const int sign = text.front() == '-' ? -1 : 1;
  text.remove_prefix(1);
  const auto hours = take_number(text, 2);
  if (!hours || *hours > 23 || !take_any(text, ":")) return std::nullopt;
  const auto minutes = take_number(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  return std::chrono::minutes{sign * static_cast<int>(*hours * 60 + *minutes)};
}

}  // namespace

TimePoint SystemClock::now() const {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

SteadyPoint SystemClock::steady() const {
  return std::chrono::steady_clock::now();
}

std::string format_rfc3339(TimePoint time) {
  const Civil c = split(time);
  return print("%04d-%02u-%02uT%02u:%02u:%02u.%03uZ", c.year, c.month, c.day, c.hour, c.minute, c.second,
               c.millisecond);
}

std::string format_rfc3339_seconds(TimePoint time) {
  const Civil c = split(time);
  return print("%04d-%02u-%02uT%02u:%02u:%02uZ", c.year, c.month, c.day, c.hour, c.minute, c.second);
}

std::string format_rfc3339_micro(TimePoint time) {
  const Civil c = split(time);
  return print("%04d-%02u-%02uT%02u:%02u:%02u.%06uZ", c.year, c.month, c.day, c.hour, c.minute, c.second,
               c.millisecond * 1000);
}

std::string format_imf_fixdate(TimePoint time) {
  static constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const Civil c = split(time);
  const std::chrono::weekday weekday{std::chrono::floor<std::chrono::days>(time)};
  return print("%s, %02u %s %04d %02u:%02u:%02u GMT", kDays.at(weekday.c_encoding()), c.day, kMonths.at(c.month - 1),
               c.year, c.hour, c.minute, c.second);
}

std::string format_digits(TimePoint time) {
  const Civil c = split(time);
  return print("%04d%02u%02u%02u%02u%02u", c.year, c.month, c.day, c.hour, c.minute, c.second);
}

std::optional<TimePoint> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  const auto year_number = take_number(text, 4);
  if (!year_number || !take_any(text, "-")) return std::nullopt;
  const auto month_number = take_number(text, 2);
  if (!month_number || !take_any(text, "-")) return std::nullopt;
  const auto day_number = take_number(text, 2);
  if (!day_number || !take_any(text, "Tt ")) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take_any(text, ":")) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || *minute > 59 || !take_any(text, ":")) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second || *second > 60) return std::nullopt;
  const auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;

  const year_month_day date{year{static_cast<int>(*year_number)}, month{*month_number}, day{*day_number}};
  if (!date.ok()) return std::nullopt;
  const unsigned whole = *second == 60 ? 59 : *second;
  return TimePoint{sys_days{date}} + hours{*hour} + minutes{*minute} + seconds{whole} + milliseconds{*fraction} -
         *offset;
}

}  // namespace vbrain::base

#include "schema/values/format.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace vbrain::schema {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Removes `count` digits from the beginning; nothing if there are not so many.
std::optional<int> take_number(std::string_view& text, std::size_t count) {
  if (text.size() < count || !std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(count), is_digit)) {
    return std::nullopt;
  }
  int number = 0;
  for (std::size_t i = 0; i < count; ++i) number = number * 10 + (text[i] - '0');
  text.remove_prefix(count);
  return number;
}

bool take(std::string_view& text, std::string_view one_of) {
  if (text.empty() || one_of.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

int days_of(int year, int month) {
  if (month == 2) return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

bool take_date(std::string_view& text) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, "-")) return false;
  const auto month = take_number(text, 2);
  if (!month || !take(text, "-") || *month < 1 || *month > 12) return false;
  const auto day = take_number(text, 2);
  return day && *day >= 1 && *day <= days_of(*year, *month);
}

// full-time of RFC 3339 section 5.6.
bool take_time(std::string_view& text) {
  const auto hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take(text, ":")) return false;
  const auto minute = take_number(text, 2);
  if (!minute || *minute > 59 || !take(text, ":")) return false;
  const auto second = take_number(text, 2);
  if (!second || *second > 60) return false;
  if (take(text, ".")) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0) return false;
    text.remove_prefix(digits);
  }
  int offset = 0;  // minutes
  if (!take(text, "Zz")) {
    const bool west = text.starts_with('-');
    if (!take(text, "+-")) return false;
    const auto hours = take_number(text, 2);
    if (!hours || *hours > 23 || !take(text, ":")) return false;
    const auto minutes = take_number(text, 2);
    if (!minutes || *minutes > 59) return false;
    offset = (*hours * 60 + *minutes) * (west ? 1 : -1);
  }
  // A leap second is the last second of a day in UTC.
  const int in_utc = ((*hour * 60 + *minute + offset) % 1440 + 1440) % 1440;
  return *second < 60 || in_utc == 1439;
}

bool is_date(std::string_view text) {
  return take_date(text) && text.empty();
}

bool is_time(std::string_view text) {
  return take_time(text) && text.empty();
}

bool is_date_time(std::string_view text) {
  return take_date(text) && take(text, "Tt") && take_time(text) && text.empty();
}

// The usual form: something, @, a name of a host. No quoted local parts.
bool is_email(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos || at == 0 || at > 64 || text.size() > 254) return false;
  const std::string_view local = text.substr(0, at);
  const std::string_view host = text.substr(at + 1);
  const auto plain = [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7F &&
           std::string_view("()<>[]:;@\\,\"").find(c) == std::string_view::npos;
  };
  const auto dots = [](std::string_view part) {
    return part.starts_with('.') || part.ends_with('.') || part.find("..") != std::string_view::npos;
  };
  return std::ranges::all_of(local, plain) && !dots(local) && !host.empty() && std::ranges::all_of(host, plain) &&
         !dots(host);
}

bool is_address(int family, std::string_view text) {
  std::array<unsigned char, 16> address{};
  if (text.size() > 64 || text.find('\0') != std::string_view::npos) return false;
  return inet_pton(family, std::string(text).c_str(), address.data()) == 1;
}

bool is_ipv4(std::string_view text) {
  return is_address(AF_INET, text);
}

bool is_ipv6(std::string_view text) {
  return is_address(AF_INET6, text);
}

bool is_uuid(std::string_view text) {
  constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  const auto fits = [](char form, char c) {
    return form == 'x' ? is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') : form == c;
  };
  return std::ranges::equal(kForm, text, fits);
}

constexpr std::array<Format, 7> kFormats{{
    {"date", "a date such as 2026-11-29", is_date},
    {"time", "a time such as 09:30:00Z", is_time},
    {"date-time", "a date and time such as 2026-11-29T09:30:00Z", is_date_time},
    {"email", "an e-mail address", is_email},
    {"ipv4", "an IPv4 address", is_ipv4},
    {"ipv6", "an IPv6 address", is_ipv6},
    {"uuid", "a UUID", is_uuid},
}};

}  // namespace

const Format* find_format(std::string_view name) {
  const auto* found = std::ranges::find(kFormats, name, &Format::name);
  return found == kFormats.end() ? nullptr : found;
}

}  // namespace vbrain::schema

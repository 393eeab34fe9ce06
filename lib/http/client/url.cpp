#include "http/client/url.hpp"

#include <algorithm>
#include <charconv>

namespace vbrain::http {
namespace {

using Failure = Unexpected<std::string>;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// All characters of RFC 3986, and each % before two hexadecimal digits.
bool is_plain(std::string_view text) {
  constexpr std::string_view kNever = "\"<>\\^`{|}";
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] < '!' || text[i] > '~' || kNever.find(text[i]) != std::string_view::npos) return false;
    if (text[i] != '%') continue;
    if (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
  }
  return true;
}

// What other programs read as a number, decimal, octal or hexadecimal (https://url.spec.whatwg.org/#ends-in-a-number).
bool is_number(std::string_view label) {
  if (label.starts_with("0x")) return std::ranges::all_of(label.substr(2), is_hex);
  return std::ranges::all_of(label, is_digit);
}

bool is_name(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  for (;;) {
    const auto dot = host.find('.');
    const std::string_view label = host.substr(0, dot);
    const bool fits = !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
                      std::ranges::all_of(label, is_word);
    if (!fits) return false;
    if (dot == std::string_view::npos) return true;
    host.remove_prefix(dot + 1);
  }
}

std::optional<std::uint16_t> read_port(std::string_view digits) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port == 0) return std::nullopt;
  return port;
}

}  // namespace

Result<Url, std::string> parse_url(std::string_view text) {
  if (text.size() > kUrlLimit) {
    return Failure("it has more than " + std::to_string(kUrlLimit) + " bytes; send a shorter one");
  }
  if (!is_plain(text)) return Failure("it has a character that no URL has; write it as %XX");
  Url url;
  std::string scheme(text.substr(0, text.find(':')));
  std::ranges::transform(scheme, scheme.begin(), lower);
  if ((scheme != "https" && scheme != "http") || text.substr(scheme.size()).substr(0, 3) != "://") {
    return Failure("it does not begin with https://; send a URL such as https://hooks.example.com/jobs");
  }
  url.tls = scheme == "https";
  url.port = url.tls ? 443 : 80;
  text.remove_prefix(scheme.size() + 3);
  if (text.find('#') != std::string_view::npos) return Failure("it has a fragment (#), which is never sent; remove it");
  const auto path = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, path);
  url.target = std::string(text.substr(path));
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  if (authority.find('@') != std::string_view::npos) return Failure("it has a user before the host; remove it");

  const bool bracketed = authority.starts_with('[');
  const auto host_end = bracketed ? authority.find(']') : std::min(authority.find(':'), authority.size());
  if (host_end == std::string_view::npos) return Failure("its host has no end; write an IPv6 address in [ ]");
  url.host = std::string(authority.substr(bracketed ? 1 : 0, host_end - (bracketed ? 1 : 0)));
  std::ranges::transform(url.host, url.host.begin(), lower);
  const std::string_view rest = authority.substr(host_end + (bracketed ? 1 : 0));
  if (!rest.empty()) {
    const auto port = rest.starts_with(':') ? read_port(rest.substr(1)) : std::nullopt;
    if (!port) return Failure("its port is not a number from 1 to 65535; correct it, or leave it out");
    url.port = *port;
  }
  url.address = parse_address(url.host);
  if (bracketed != (url.address && url.host.find(':') != std::string::npos)) {
    return Failure("its host is not an IPv6 address in [ ]; correct it");
  }
  if (url.address) return url;
  if (!is_name(url.host)) return Failure("its host is not a name; send one such as hooks.example.com");
  if (is_number(std::string_view(url.host).substr(url.host.rfind('.') + 1))) {
    return Failure("its host is a number; send a name, or an address such as 192.0.2.1");
  }
  return url;
}

std::string host_field(const Url& url) {
  const bool v6 = url.host.find(':') != std::string::npos;
  std::string field = v6 ? "[" + url.host + "]" : url.host;
  if (url.port != (url.tls ? 443 : 80)) field += ":" + std::to_string(url.port);
  return field;
}

}  // namespace vbrain::http

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "http/client/ip_address.hpp"

namespace vbrain::http {

// An http or https URL (RFC 3986), as a request needs it.
struct Url {
  bool tls = true;
  std::string host;  // in lower case; an IPv6 address without brackets
  std::uint16_t port = 443;
  std::string target;                  // path and query; at least "/"
  std::optional<IpAddress> address{};  // of a host that is an address
};

inline constexpr std::size_t kUrlLimit = 2'048;  // bytes

// Takes less than RFC 3986, so that no two programs read a URL in two ways: printable ASCII, no user, no fragment, no
// backslash, a name of letters, digits, - and _, or an address. A host whose last label is a number is an IPv4 address
// in its usual form, or refused: other programs would read 2130706433 and 0x7f.1 as 127.0.0.1. Fails with what is wrong
// and what helps, such as "it has a user; remove it". Pure.
Result<Url, std::string> parse_url(std::string_view text);

// The value of Host: the port only where it is not the scheme's own (RFC 9110 section 7.2).
std::string host_field(const Url& url);

}  // namespace vbrain::http

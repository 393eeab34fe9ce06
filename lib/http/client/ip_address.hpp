#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vbrain::http {

// An IPv4 or IPv6 address. An IPv4 address is kept in its mapped form ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), so
// that both forms of one address are equal, and no rule can forget one of them.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  bool is_v4() const;
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

// Reads "10.1.2.3", with four decimal numbers without leading zeros, or an IPv6 address without brackets and zone.
// Nothing for every other form, such as 2130706433, 0x7f.1, 127.1 or 0177.0.0.1. Pure.
std::optional<IpAddress> parse_address(std::string_view text);
// The usual form; an IPv4 address without its prefix. Pure.
std::string to_text(const IpAddress& address);

// The addresses whose first `bits` bits are those of `address`. Of an IPv4 network `bits` is 96 more than its prefix.
struct Network {
  IpAddress address{};
  int bits = 128;

  bool contains(const IpAddress& other) const;
};

// Reads "10.1.2.0/24", "fd00::/8" or one address. Nothing if the prefix is too long, or if bits behind it are set.
// Pure.
std::optional<Network> parse_network(std::string_view text);

// What kind of address it is if it is none of the public internet: "loopback", "private" and so on, of the registries
// of IANA for special addresses (RFC 6890), and with all IPv6 addresses that hold an IPv4 address (NAT64, 6to4).
// Empty: a public one. Pure.
std::string_view special_kind(const IpAddress& address);

}  // namespace vbrain::http

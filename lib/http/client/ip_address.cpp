#include "http/client/ip_address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

namespace vbrain::http {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct SpecialNetwork {
  std::string_view kind;
  Network network;
};

Network network_of(const char* text) {
  return parse_network(text).value();
}

// https://www.iana.org/assignments/iana-ipv4-special-registry, …/iana-ipv6-special-registry
const std::vector<SpecialNetwork>& special_networks() {
  static const std::vector<SpecialNetwork> kAll = {
      {"unspecified", network_of("0.0.0.0/8")},
      {"private", network_of("10.0.0.0/8")},
      {"shared (CGNAT)", network_of("100.64.0.0/10")},
      {"loopback", network_of("127.0.0.0/8")},
      {"link-local", network_of("169.254.0.0/16")},
      {"private", network_of("172.16.0.0/12")},
      {"special", network_of("192.0.0.0/24")},
      {"documentation", network_of("192.0.2.0/24")},
      {"special", network_of("192.88.99.0/24")},
      {"private", network_of("192.168.0.0/16")},
      {"benchmark", network_of("198.18.0.0/15")},
      {"documentation", network_of("198.51.100.0/24")},
      {"documentation", network_of("203.0.113.0/24")},
      {"multicast", network_of("224.0.0.0/4")},
      {"reserved", network_of("240.0.0.0/4")},
      {"unspecified", network_of("::/128")},
      {"loopback", network_of("::1/128")},
      {"translated (NAT64)", network_of("64:ff9b::/96")},
      {"translated (NAT64)", network_of("64:ff9b:1::/48")},
      {"special", network_of("2001::/23")},
      {"documentation", network_of("2001:db8::/32")},
      {"translated (6to4)", network_of("2002::/16")},
      {"documentation", network_of("3fff::/20")},
      {"private", network_of("fc00::/7")},
      {"link-local", network_of("fe80::/10")},
      {"private", network_of("fec0::/10")},
      {"multicast", network_of("ff00::/8")},
  };
  return kAll;
}

}  // namespace

bool IpAddress::is_v4() const {
  return std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
}

std::optional<IpAddress> parse_address(std::string_view text) {
  const std::string copy(text);
  if (copy.find('\0') != std::string::npos) return std::nullopt;
  IpAddress address;
  if (::inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
  std::copy(kMapped.begin(), kMapped.end(), address.bytes.begin());
  if (::inet_pton(AF_INET, copy.c_str(), address.bytes.data() + kMapped.size()) == 1) return address;
  return std::nullopt;
}

std::string to_text(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool v4 = address.is_v4();
  ::inet_ntop(v4 ? AF_INET : AF_INET6, address.bytes.data() + (v4 ? kMapped.size() : 0), text.data(), text.size());
  return text.data();
}

bool Network::contains(const IpAddress& other) const {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (!std::equal(address.bytes.begin(), address.bytes.begin() + static_cast<std::ptrdiff_t>(whole),
                  other.bytes.begin())) {
    return false;
  }
  const int rest = bits % 8;
  return rest == 0 || ((address.bytes[whole] ^ other.bytes[whole]) >> (8 - rest)) == 0;
}

std::optional<Network> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  Network network{*address, 128};
  if (slash == std::string_view::npos) return network;
  const std::string_view digits = text.substr(slash + 1);
  int prefix = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  // Written as IPv4, not as ::ffff:a.b.c.d, whose prefix counts 96 bits more.
  const bool dotted = address->is_v4() && text.find(':') == std::string_view::npos;
  if (error != std::errc() || end != digits.data() + digits.size() || prefix < 0 || prefix > (dotted ? 32 : 128)) {
    return std::nullopt;
  }
  network.bits = dotted ? 96 + prefix : prefix;
  // An address with more bits than the prefix is a mistake more often than a network.
  for (int bit = network.bits; bit < 128; ++bit) {
    if ((address->bytes[static_cast<std::size_t>(bit / 8)] >> (7 - bit % 8) & 1) != 0) return std::nullopt;
  }
  return network;
}

std::string_view special_kind(const IpAddress& address) {
  for (const SpecialNetwork& special : special_networks()) {
    if (special.network.contains(address)) return special.kind;
  }
  // All other global unicast addresses are not given out yet (RFC 4291 section 2.4).
  static const Network kGlobal = network_of("2000::/3");
  return address.is_v4() || kGlobal.contains(address) ? "" : "reserved";
}

}  // namespace vbrain::http

#include "http/source.hpp"

#include <arpa/inet.h>

#include <cstring>
#include <string>

namespace vbrain::http {

namespace {

// Multicast (RFC 4291 section 2.7): no connection comes from there.
constexpr std::uint64_t kNoAddress = ~std::uint64_t{0};

std::uint64_t number_of(const unsigned char (&first)[8]) {
  std::uint64_t number = 0;
  std::memcpy(&number, first, sizeof number);
  return number;
}

// IPv6 has no host in 0:ffff::/32: 0000::/8 is reserved (RFC 4291 section 2.4).
std::uint64_t number_of_v4(const unsigned char* address) {
  unsigned char network[8] = {0, 0, 0xff, 0xff};
  std::memcpy(network + 4, address, 4);
  return number_of(network);
}

}  // namespace

std::uint64_t source_of(std::string_view peer) {
  const std::string text(peer);
  unsigned char address[16];
  if (inet_pton(AF_INET, text.c_str(), address) == 1) return number_of_v4(address);
  // A link-local address comes with its zone.
  if (inet_pton(AF_INET6, text.substr(0, text.find('%')).c_str(), address) != 1) return kNoAddress;
  static constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(address, kMapped, sizeof kMapped) == 0) return number_of_v4(address + sizeof kMapped);
  unsigned char network[8];
  std::memcpy(network, address, sizeof network);
  return number_of(network);
}

bool SourceCounts::enter(std::uint64_t source) {
  if (most_ == 0) return true;
  const std::lock_guard lock(mutex_);
  std::size_t& count = counts_[source];  // at least 1, unless it is new
  if (count >= most_) return false;
  ++count;
  return true;
}

void SourceCounts::leave(std::uint64_t source) {
  if (most_ == 0) return;
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(source);
  if (--found->second == 0) counts_.erase(found);
}

}  // namespace vbrain::http

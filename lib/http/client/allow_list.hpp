#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "http/client/ip_address.hpp"
#include "http/client/url.hpp"

namespace vbrain::http {

// The hosts that this installation may call. Its entries:
//
//   hooks.example.com        this host, https, port 443
//   hooks.example.com:8443   with another port; `:*`: with any
//   *.corp.example           all names below corp.example, not corp.example itself
//   http://in.corp.example   http, port 80
//   in.corp.example=10.1.2.0/24    this host, and only at these addresses, public or not; several entries of a host
//                            add up
//   10.1.2.0/24              hosts that are written as these addresses, and no names
//
// So what is not public (special_kind) is called only if the entry of the host itself lists its address: who may change
// a listed name in DNS can't make this program call the cluster, nor the addresses that are listed for another host.
// Constant; thread-safe.
class AllowList {
 public:
  // Fails with a sentence that names the entry. `denied`: further networks that are never called unless they are
  // listed, for example public addresses that a cluster gives to its pods.
  static Result<AllowList, std::string> parse(const std::vector<std::string>& entries,
                                              const std::vector<std::string>& denied = {});

  // No entry: nothing may be called.
  bool empty() const { return entries_.empty(); }
  // Before the name is resolved. Fails with what is wrong and what helps, without internals. Pure.
  Result<void, std::string> check(const Url& url) const;
  // An address that the host of the URL resolves to, by the entries that allow the URL: not public ones need a network
  // in the entry. Fails with a reason such as "127.0.0.1 is a loopback address". Pure.
  Result<void, std::string> check(const Url& url, const IpAddress& address) const;

 private:
  struct Entry {
    bool tls = true;
    std::string name{};                   // empty: hosts that are addresses
    bool below = false;                   // the names below it
    std::optional<Network> network{};     // the only addresses; nothing: those that are public
    std::optional<std::uint16_t> port{};  // nothing: any

    bool names(const Url& url) const;
    bool takes(const Url& url) const;
  };
  static Result<Entry, std::string> parse_entry(std::string_view text);

  std::vector<Entry> entries_;
  std::vector<Network> denied_;
};

}  // namespace vbrain::http

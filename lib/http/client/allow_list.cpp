#include "http/client/allow_list.hpp"

#include <algorithm>

namespace vbrain::http {
namespace {

using Failure = Unexpected<std::string>;

}  // namespace

// By way of parse_url(), so that an entry is read as the URLs that it is compared with.
Result<AllowList::Entry, std::string> AllowList::parse_entry(std::string_view text) {
  const auto wrong = [&] {
    return Failure("'" + std::string(text) +
                   "' is not a host such as hooks.example.com, *.example.com, hooks.example.com:8443 or "
                   "http://hooks.example.com, not a host with its network such as hooks.example.com=10.1.2.0/24, and "
                   "not a network such as 10.1.2.0/24");
  };
  Entry entry;
  std::string_view rest = text;
  if (rest.starts_with("http://")) entry.tls = false;
  if (const auto scheme = rest.find("://"); scheme != std::string_view::npos) {
    if (entry.tls && !rest.starts_with("https://")) return wrong();
    rest.remove_prefix(scheme + 3);
  }
  const auto equals = rest.find('=');
  if (equals != std::string_view::npos) {
    entry.network = parse_network(rest.substr(equals + 1));
    if (!entry.network) return wrong();
    rest = rest.substr(0, equals);
  }
  const bool any_port = rest.ends_with(":*");
  if (any_port) rest.remove_suffix(2);
  if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
    const auto colon = rest.find(':', slash);
    const std::string port(colon == std::string_view::npos ? "" : rest.substr(colon));
    const auto network = parse_network(rest.substr(0, colon));
    const auto with_port = parse_url((entry.tls ? "https://h" : "http://h") + port);
    if (entry.network || !network || !with_port) return wrong();
    entry.network = network;
    entry.port = with_port->port;
  } else {
    entry.below = rest.starts_with("*.");
    if (entry.below) rest.remove_prefix(2);
    const bool bare_v6 = std::ranges::count(rest, ':') > 1 && !rest.starts_with('[');
    const std::string host = bare_v6 ? "[" + std::string(rest) + "]" : std::string(rest);
    const auto url = parse_url((entry.tls ? "https://" : "http://") + host);
    if (!url || url->target != "/" || (url->address && (entry.below || entry.network))) return wrong();
    entry.port = url->port;
    if (url->address) {
      entry.network = Network{*url->address, 128};
    } else {
      entry.name = url->host;
    }
  }
  if (any_port) entry.port.reset();
  return entry;
}

Result<AllowList, std::string> AllowList::parse(const std::vector<std::string>& entries,
                                                const std::vector<std::string>& denied) {
  AllowList list;
  for (const std::string& text : entries) {
    if (text.empty()) continue;
    auto entry = parse_entry(text);
    if (!entry) return Failure(std::move(entry.error()));
    list.entries_.push_back(std::move(*entry));
  }
  for (const std::string& text : denied) {
    if (text.empty()) continue;
    const auto network = parse_network(text);
    if (!network) return Failure("'" + text + "' is not a network such as 10.1.2.0/24");
    list.denied_.push_back(*network);
  }
  return list;
}

bool AllowList::Entry::names(const Url& url) const {
  if (name.empty()) return url.address && network->contains(*url.address);
  if (below) return url.host.ends_with("." + name);
  return url.host == name;
}

bool AllowList::Entry::takes(const Url& url) const {
  return names(url) && tls == url.tls && (!port || *port == url.port);
}

Result<void, std::string> AllowList::check(const Url& url) const {
  bool known = false;
  bool known_by_scheme = false;
  for (const Entry& entry : entries_) {
    if (!entry.names(url)) continue;
    if (entry.takes(url)) return {};
    known = true;
    known_by_scheme = known_by_scheme || entry.tls == url.tls;
  }
  if (known_by_scheme) return Failure("its port is not one that the operator allows for this host");
  if (known) return Failure(url.tls ? "the operator allows only http for this host" : "it is not https");
  return Failure("its host is not one that the operator allows");
}

Result<void, std::string> AllowList::check(const Url& url, const IpAddress& address) const {
  bool known = false;
  bool with_public = false;
  for (const Entry& entry : entries_) {
    if (!entry.takes(url)) continue;
    if (entry.network && entry.network->contains(address)) return {};
    known = true;
    with_public = with_public || !entry.network;
  }
  if (!known) return Failure("its host is not one that the operator allows");
  if (const std::string_view kind = special_kind(address); !kind.empty()) {
    return Failure(to_text(address) + " is a " + std::string(kind) + " address");
  }
  if (!with_public) return Failure(to_text(address) + " is not one of the addresses that are listed for this host");
  const auto denies = [&](const Network& network) { return network.contains(address); };
  if (std::ranges::any_of(denied_, denies)) return Failure(to_text(address) + " is an address of the cluster");
  return {};
}

}  // namespace vbrain::http

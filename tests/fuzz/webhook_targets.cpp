#include <arpa/inet.h>

#include <algorithm>

#include "fuzz/fuzz.hpp"
#include "http/client/allow_list.hpp"
#include "http/client/ip_address.hpp"
#include "http/client/url.hpp"

namespace vbrain::fuzz {
namespace {

using http::AllowList;
using http::IpAddress;
using http::Url;

void check_address(const IpAddress& address) {
  require(http::parse_address(http::to_text(address)) == address, "an address is written as it was read");
  require(http::Network{address, 128}.contains(address), "an address is in its own network");
}

// What other programs read as an IPv4 address, they must not read in what is a name for us: inet_aton() takes decimal,
// octal and hexadecimal numbers with one to four parts.
void check_host(const Url& url) {
  require(!url.host.empty() && url.host.size() <= http::kUrlLimit, "a host is not empty");
  require(std::ranges::none_of(url.host, [](char c) { return c <= ' ' || c > '~' || (c >= 'A' && c <= 'Z'); }),
          "a host has no blanks, no line breaks and no upper case");
  require(url.host.find_first_of("@/?#\\%[]") == std::string::npos, "a host holds nothing else");
  in_addr other{};
  const bool is_number = ::inet_aton(url.host.c_str(), &other) == 1;
  require(!is_number || (url.address && url.address->is_v4()), "a number is no name");
  if (!url.address) return;
  check_address(*url.address);
  if (!is_number) return;
  const IpAddress same = http::parse_address(::inet_ntoa(other)).value();
  require(same == *url.address, "other programs read the same address");
}

void run_url(std::string_view input) {
  const auto url = http::parse_url(input);
  if (!url) {
    require(!url.error().empty(), "an error has words");
  } else {
    require(input.size() <= http::kUrlLimit, "a URL has its limit");
    require(url->port != 0 && url->target.starts_with('/'), "a URL is complete");
    require(std::ranges::none_of(url->target, [](char c) { return c <= ' ' || c > '~' || c == '#'; }),
            "a target can stand in the line of a request");
    check_host(*url);
    const std::string text = (url->tls ? "https://" : "http://") + http::host_field(*url) + url->target;
    // A slash more than the limit.
    if (text.size() > http::kUrlLimit) return;
    const auto again = http::parse_url(text);
    require(again && again->tls == url->tls && again->host == url->host && again->port == url->port &&
                again->target == url->target && again->address == url->address,
            "a URL is written as it was read");
  }
  if (const auto address = http::parse_address(input)) check_address(*address);
  if (const auto network = http::parse_network(input)) {
    require(network->bits >= 0 && network->bits <= 128, "a network has 0 to 128 bits");
    require(network->contains(network->address), "a network has its first address");
  }
}

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// A URL, an address that it resolves to, and the entries of a list, a line each.
void run_allow_list(std::string_view input) {
  const auto url = http::parse_url(take_line(input));
  const auto address = http::parse_address(take_line(input));
  std::vector<std::string> entries;
  bool takes_url = false;
  bool takes_address = false;
  bool with_network = false;
  while (!input.empty() && entries.size() < 16) {
    const std::string entry(take_line(input));
    const auto list = AllowList::parse({entry});
    if (!list) {
      require(list.error().find("'" + entry + "'") != std::string::npos, "an error names the entry");
      continue;
    }
    if (list->empty()) continue;
    entries.push_back(entry);
    if (!url || !list->check(*url)) continue;
    takes_url = true;
    const bool has_network = url->address || entry.find('=') != std::string::npos;
    with_network = with_network || has_network;
    if (address) takes_address = takes_address || list->check(*url, *address).has_value();
  }
  if (!url) return;
  const auto all = AllowList::parse(entries);
  require(all.has_value(), "entries that can be read one by one can be read together");
  require(all->check(*url).has_value() == takes_url, "a list allows what one of its entries allows");
  if (!address) return;
  const bool allowed = all->check(*url, *address).has_value();
  require(allowed == takes_address, "an address is open if one of the entries that name its host opens it");
  require(takes_url || !allowed, "a host that is not listed has no address");
  require(!allowed || with_network || http::special_kind(*address).empty(),
          "what is not public is called only by an entry with its network");
  const auto denied = AllowList::parse(entries, {http::to_text(*address)});
  require(denied && (allowed || !denied->check(*url, *address)), "a denied network opens nothing");
}

}  // namespace

std::vector<Target> webhook_targets() {
  return {
      {"webhook_url",
       run_url,
       {"https://hooks.example.com/jobs?a=1&b=%20", "http://in.corp.example:8080", "https://[2001:db8::1]:8443/x",
        "https://10.1.2.3/", "https://[::ffff:10.1.2.3]/", "https://2130706433/", "https://0x7f.1/",
        "https://user@hooks.example.com/", "10.1.2.0/24", "fd00::/8", "https://a.0x"},
       {"https://", "http://", "HTTP", "@",   ":",         "/",    "?",       "#",  "[",    "]",
        "%",        "%00",     "\\",   ".",   "..",        "::",   "::ffff:", "0x", "0177", "127.1",
        "65535",    "65536",   "/128", "/32", "localhost", "xn--", "-",       "_"}},
      {"allow_list",
       run_allow_list,
       {"https://hooks.example.com/\n8.8.8.8\nhooks.example.com\n*.corp.example\n",
        "https://in.corp.example/\n10.1.2.3\n*.corp.example=10.1.2.0/24\nhooks.example.com:8443\n",
        "http://10.1.2.3:8080/\n10.1.2.3\nhttp://10.1.2.0/24:*\nfd00::/8\n",
        "https://a.example.com:9/\n127.0.0.1\na.example.com:*\n127.0.0.1/32:*\nb.example.com=127.0.0.1\n"},
       {"\n",
        "=",
        "*.",
        ":*",
        ":443",
        "/24",
        "/0",
        "::/0",
        "0.0.0.0/0",
        "http://",
        "https://",
        "127.0.0.1",
        "::1",
        "169.254.169.254",
        "a.example.com",
        "[",
        "]",
        "@",
        ",",
        " "}},
  };
}

}  // namespace vbrain::fuzz

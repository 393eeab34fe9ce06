// Which URLs and addresses may be called: no form of a URL or an address goes past the rules.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/client/allow_list.hpp"
#include "http/client/ip_address.hpp"
#include "http/client/url.hpp"

namespace vbrain::http {
namespace {

using ::testing::HasSubstr;

TEST(Url, IsReadInOneWay) {
  struct Case {
    const char* text;
    bool tls;
    const char* host;
    int port;
    const char* target;
    const char* host_field;
  };
  const Case cases[] = {
      {"https://hooks.example.com", true, "hooks.example.com", 443, "/", "hooks.example.com"},
      {"HTTPS://Hooks.Example.COM/Jobs?a=1&b=%20", true, "hooks.example.com", 443, "/Jobs?a=1&b=%20",
       "hooks.example.com"},
      {"https://hooks.example.com?a", true, "hooks.example.com", 443, "/?a", "hooks.example.com"},
      {"https://hooks.example.com:8443/a//b/..", true, "hooks.example.com", 8443, "/a//b/..", "hooks.example.com:8443"},
      {"https://h:443/", true, "h", 443, "/", "h"},
      {"http://h/x", false, "h", 80, "/x", "h"},
      {"http://h:443/x", false, "h", 443, "/x", "h:443"},
      {"https://8.8.8.8/", true, "8.8.8.8", 443, "/", "8.8.8.8"},
      {"https://[2606:4700::1111]:8443/", true, "2606:4700::1111", 8443, "/", "[2606:4700::1111]:8443"},
      {"https://a-b.c_d.e1/", true, "a-b.c_d.e1", 443, "/", "a-b.c_d.e1"},
      {"https://xn--bcher-kva.example/", true, "xn--bcher-kva.example", 443, "/", "xn--bcher-kva.example"},
      {"https://1.example/", true, "1.example", 443, "/", "1.example"},
      {"https://h/a@b:c", true, "h", 443, "/a@b:c", "h"},
  };
  for (const Case& it : cases) {
    const auto url = parse_url(it.text);
    ASSERT_TRUE(url) << it.text << ": " << url.error();
    EXPECT_EQ(url->tls, it.tls) << it.text;
    EXPECT_EQ(url->host, it.host) << it.text;
    EXPECT_EQ(url->port, it.port) << it.text;
    EXPECT_EQ(url->target, it.target) << it.text;
    EXPECT_EQ(host_field(*url), it.host_field) << it.text;
  }
}

TEST(Url, WhatProgramsReadInSeveralWaysIsRefused) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "https://"},
      {"hooks.example.com", "https://"},
      {"//hooks.example.com/", "https://"},
      {"ftp://hooks.example.com/", "https://"},
      {"file:///etc/passwd", "https://"},
      {"https:/hooks.example.com/", "https://"},
      {"https:hooks.example.com", "https://"},
      {"https://", "not a name"},
      {"https:///path", "not a name"},
      {"https://user@hooks.example.com/", "a user"},
      {"https://hooks.example.com@127.0.0.1/", "a user"},
      {"https://user:password@hooks.example.com/", "a user"},
      {"https://hooks.example.com#@127.0.0.1/", "fragment"},
      {"https://hooks.example.com/#x", "fragment"},
      {"https://hooks.example.com\\@127.0.0.1/", "a character"},
      {"https://hooks.example.com/ x", "a character"},
      {"https://hooks.example.com/\r\nHost: x", "a character"},
      {std::string("https://hooks.example.com/\0x", 28), "a character"},
      {"https://hooks.example.com/\xc3\xa9", "a character"},
      {"https://b\xc3\xbc"
       "cher.example/",
       "a character"},
      {"https://hooks.example.com/%0", "a character"},
      {"https://hooks.example.com/%zz", "a character"},
      {"https://hooks%2eexample.com/", "not a name"},
      {"https://hooks.example.com./", "not a name"},
      {"https://.example.com/", "not a name"},
      {"https://a..b/", "not a name"},
      {"https://-a.b/", "not a name"},
      {"https://a-.b/", "not a name"},
      {"https://" + std::string(64, 'a') + ".b/", "not a name"},
      {"https://a:0/", "port"},
      {"https://a:/", "port"},
      {"https://a:65536/", "port"},
      {"https://a:+1/", "port"},
      {"https://a:8 0/", "a character"},
      {"https://a:80:80/", "port"},
      {"https://2130706433/", "a number"},
      {"https://0x7f000001/", "a number"},
      {"https://0x7f.1/", "a number"},
      {"https://017700000001/", "a number"},
      {"https://0177.0.0.1/", "a number"},
      {"https://127.1/", "a number"},
      {"https://127.0.0.0x1/", "a number"},
      {"https://1.2.3.4.5/", "a number"},
      {"https://256.1.1.1/", "a number"},
      {"https://127.0.0.01/", "a number"},
      {"https://a.0x/", "a number"},
      {"https://::1/", "port"},
      {"https://[::1/", "no end"},
      {"https://[127.0.0.1]/", "IPv6"},
      {"https://[hooks.example.com]/", "IPv6"},
      {"https://[fe80::1%25eth0]/", "IPv6"},
      {"https://[::1]x/", "port"},
      {"https://h/" + std::string(kUrlLimit, 'x'), "2048 bytes"},
  };
  for (const auto& [text, why] : cases) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url) << text << " was read as host '" << url->host << "'";
    EXPECT_THAT(url.error(), HasSubstr(why)) << text;
  }
}

TEST(SpecialKind, KnowsWhatIsNotPublic) {
  const std::pair<const char*, const char*> cases[] = {
      {"0.0.0.0", "unspecified"},
      {"0.1.2.3", "unspecified"},
      {"10.0.0.1", "private"},
      {"10.255.255.255", "private"},
      {"11.0.0.0", ""},
      {"100.63.255.255", ""},
      {"100.64.0.1", "shared (CGNAT)"},
      {"100.127.255.255", "shared (CGNAT)"},
      {"100.128.0.0", ""},
      {"127.0.0.1", "loopback"},
      {"127.255.255.254", "loopback"},
      {"128.0.0.1", ""},
      {"169.254.169.254", "link-local"},
      {"172.15.255.255", ""},
      {"172.16.0.1", "private"},
      {"172.31.255.255", "private"},
      {"172.32.0.0", ""},
      {"192.0.0.1", "special"},
      {"192.0.2.1", "documentation"},
      {"192.168.1.1", "private"},
      {"192.169.0.1", ""},
      {"198.18.0.1", "benchmark"},
      {"198.19.255.255", "benchmark"},
      {"198.51.100.1", "documentation"},
      {"203.0.113.1", "documentation"},
      {"224.0.0.1", "multicast"},
      {"239.255.255.255", "multicast"},
      {"240.0.0.1", "reserved"},
      {"255.255.255.255", "reserved"},
      {"8.8.8.8", ""},
      {"::", "unspecified"},
      {"::1", "loopback"},
      {"::2", "reserved"},
      {"::ffff:127.0.0.1", "loopback"},
      {"::ffff:7f00:1", "loopback"},
      {"::ffff:10.1.2.3", "private"},
      {"::ffff:169.254.169.254", "link-local"},
      {"::ffff:8.8.8.8", ""},
      {"::127.0.0.1", "reserved"},
      {"64:ff9b::7f00:1", "translated (NAT64)"},
      {"64:ff9b::8.8.8.8", "translated (NAT64)"},
      {"64:ff9b:1::1", "translated (NAT64)"},
      {"100::1", "reserved"},
      {"2001::1", "special"},
      {"2001:db8::1", "documentation"},
      {"2002:7f00:1::", "translated (6to4)"},
      {"2606:4700::1111", ""},
      {"3fff::1", "documentation"},
      {"4000::1", "reserved"},
      {"fc00::1", "private"},
      {"fdff::1", "private"},
      {"fe80::1", "link-local"},
      {"febf::1", "link-local"},
      {"fec0::1", "private"},
      {"ff02::1", "multicast"},
  };
  for (const auto& [text, kind] : cases) {
    const auto address = parse_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(special_kind(*address), kind) << text;
  }
}

TEST(IpAddress, HasOneForm) {
  EXPECT_EQ(to_text(parse_address("::ffff:10.1.2.3").value()), "10.1.2.3");
  EXPECT_EQ(parse_address("::ffff:a01:203"), parse_address("10.1.2.3"));
  EXPECT_EQ(to_text(parse_address("2001:DB8:0:0::1").value()), "2001:db8::1");
  for (const char* text :
       {"", "1.2.3", "1.2.3.4.5", "01.2.3.4", "0x1.2.3.4", "1.2.3.4 ", "::1%lo", "[::1]", "1", "a"}) {
    EXPECT_FALSE(parse_address(text)) << text;
  }
  for (const char* text : {"10.1.2.0/33", "10.1.2.3/24", "10.1.2.0/", "10.1.2.0/-1", "10.1.2.0/2 4", "::/129", "a/8",
                           "2001:db8::1/64", "10.1.2.0/24/24"}) {
    EXPECT_FALSE(parse_network(text)) << text;
  }
  EXPECT_TRUE(parse_network("0.0.0.0/0")->contains(*parse_address("9.9.9.9")));
  EXPECT_FALSE(parse_network("0.0.0.0/0")->contains(*parse_address("2606:4700::1")));
}

AllowList list_of(const std::vector<std::string>& entries, const std::vector<std::string>& denied = {}) {
  auto list = AllowList::parse(entries, denied);
  EXPECT_TRUE(list) << list.error();
  return *list;
}

TEST(AllowList, NamesHosts) {
  const AllowList list = list_of({"hooks.example.com", "Eight.example.com:8443", "any.example.com:*", "*.corp.example",
                                  "http://plain.example.com", "http://both.example.com:8080", "both.example.com",
                                  "10.1.2.0/24", "[2606:4700::1111]:8443", "fd00::/8:*"});
  const std::pair<const char*, const char*> cases[] = {
      {"https://hooks.example.com/x", nullptr},
      {"https://HOOKS.example.com/x", nullptr},
      {"https://hooks.example.com:8443/x", "port"},
      {"http://hooks.example.com/x", "not https"},
      {"http://hooks.example.com:443/x", "not https"},
      {"https://hooks.example.com.evil.example/", "its host"},
      {"https://evilhooks.example.com/", "its host"},
      {"https://x.hooks.example.com/", "its host"},
      {"https://eight.example.com:8443/", nullptr},
      {"https://eight.example.com/", "port"},
      {"https://any.example.com/", nullptr},
      {"https://any.example.com:1/", nullptr},
      {"https://a.corp.example/", nullptr},
      {"https://a.b.corp.example/", nullptr},
      {"https://corp.example/", "its host"},
      {"https://evilcorp.example/", "its host"},
      {"https://a.corp.example.evil/", "its host"},
      {"http://plain.example.com/", nullptr},
      {"https://plain.example.com/", "only http"},
      {"http://both.example.com:8080/", nullptr},
      {"https://both.example.com/", nullptr},
      {"https://both.example.com:8080/", "port"},
      {"https://10.1.2.3/", nullptr},
      {"https://[::ffff:10.1.2.3]/", nullptr},
      {"https://10.1.3.3/", "its host"},
      {"https://[2606:4700::1111]:8443/", nullptr},
      {"https://[2606:4700:0::1111]:8443/", nullptr},
      {"https://[fd00::1]:9/", nullptr},
      {"https://localhost/", "its host"},
  };
  for (const auto& [text, why] : cases) {
    const auto url = parse_url(text);
    ASSERT_TRUE(url) << text << ": " << url.error();
    const auto verdict = list.check(*url);
    EXPECT_EQ(verdict.has_value(), why == nullptr) << text << (verdict ? "" : ": " + verdict.error());
    if (why != nullptr && !verdict) {
      EXPECT_THAT(verdict.error(), HasSubstr(why)) << text;
    }
  }
  EXPECT_TRUE(list_of({}).empty());
  EXPECT_TRUE(list_of({""}).empty());
  EXPECT_FALSE(list_of({}).check(*parse_url("https://hooks.example.com/")));
}

std::string verdict_of(const AllowList& list, const char* url, const char* address) {
  const auto verdict = list.check(parse_url(url).value(), parse_address(address).value());
  return verdict ? "" : verdict.error();
}

// A listed name may resolve to anything: only a network of its own entry makes a special address callable.
TEST(AllowList, NamesAddresses) {
  const AllowList list = list_of({"hooks.example.com", "hooks.example.com=10.1.2.0/24", "hooks.example.com=fd00::1",
                                  "hooks.example.com=203.0.113.7", "hooks.example.com=198.52.7.0/24"},
                                 {"198.52.0.0/16"});
  const std::pair<const char*, const char*> cases[] = {
      {"8.8.8.8", ""},
      {"2606:4700::1111", ""},
      {"10.1.2.3", ""},
      {"::ffff:10.1.2.3", ""},
      {"fd00::1", ""},
      {"203.0.113.7", ""},
      {"198.52.7.1", ""},
      {"10.1.3.3", "10.1.3.3 is a private address"},
      {"127.0.0.1", "127.0.0.1 is a loopback address"},
      {"::ffff:127.0.0.1", "127.0.0.1 is a loopback address"},
      {"::1", "::1 is a loopback address"},
      {"169.254.169.254", "169.254.169.254 is a link-local address"},
      {"fd00::2", "fd00::2 is a private address"},
      {"203.0.113.8", "203.0.113.8 is a documentation address"},
      {"198.52.1.1", "198.52.1.1 is an address of the cluster"},
  };
  for (const auto& [text, why] : cases) EXPECT_EQ(verdict_of(list, "https://hooks.example.com/", text), why) << text;
}

// Who may change one listed name in DNS must not reach what is listed for another host, or at another port.
TEST(AllowList, ANetworkIsOpenToItsOwnEntryOnly) {
  const AllowList list = list_of({"in.corp.example=10.1.2.0/24", "http://in.corp.example:8080=10.1.3.0/24",
                                  "*.lab.example:*=10.9.0.0/16", "tenant.example.com:*", "10.4.4.0/24"},
                                 {"8.8.4.0/24"});
  const char* const private_address = " is a private address";
  const std::tuple<const char*, const char*, std::string> cases[] = {
      {"https://in.corp.example/", "10.1.2.3", ""},
      {"https://in.corp.example/", "10.1.3.3", std::string("10.1.3.3") + private_address},
      {"https://in.corp.example/", "8.8.8.8", "8.8.8.8 is not one of the addresses that are listed for this host"},
      {"http://in.corp.example:8080/", "10.1.3.3", ""},
      {"http://in.corp.example:8080/", "10.1.2.3", std::string("10.1.2.3") + private_address},
      {"https://a.lab.example:9/", "10.9.1.1", ""},
      {"https://a.lab.example:9/", "127.0.0.1", "127.0.0.1 is a loopback address"},
      {"https://tenant.example.com/", "8.8.8.8", ""},
      {"https://tenant.example.com/", "8.8.4.4", "8.8.4.4 is an address of the cluster"},
      {"https://tenant.example.com/", "10.1.2.3", std::string("10.1.2.3") + private_address},
      {"https://tenant.example.com/", "10.4.4.4", std::string("10.4.4.4") + private_address},
      {"https://10.4.4.4/", "10.4.4.4", ""},
      {"https://other.example.com/", "8.8.8.8", "its host is not one that the operator allows"},
  };
  for (const auto& [url, address, why] : cases) EXPECT_EQ(verdict_of(list, url, address), why) << url << address;
  EXPECT_FALSE(list.check(parse_url("https://in.corp.example:8080/").value())) << "the port is that of http";
  EXPECT_TRUE(list.check(parse_url("http://in.corp.example:8080/").value()));
}

TEST(AllowList, RefusesEntriesThatMeanNothing) {
  for (const char* entry : {"https://",
                            "ftp://a",
                            "a/b",
                            "https://a/b",
                            "*",
                            "*.",
                            "a.*",
                            "*.*",
                            "10.1.2.3/24",
                            "a:0",
                            "a:b",
                            "a b",
                            "user@a",
                            "*.10.1.2.3",
                            "127.1",
                            "10.1.2.0/24:x",
                            "https://a?x",
                            "a=",
                            "a=b",
                            "a=10.1.2.3/24",
                            "=10.1.2.0/24",
                            "10.1.2.0/24=10.1.2.0/24",
                            "10.1.2.3=10.1.2.3",
                            "a=10.1.2.0/24:8443",
                            "a=10.1.2.0/24=10.1.2.0/24"}) {
    const auto list = AllowList::parse({entry});
    EXPECT_FALSE(list) << entry;
    if (!list) {
      EXPECT_THAT(list.error(), HasSubstr(std::string("'") + entry)) << entry;
    }
  }
  EXPECT_FALSE(AllowList::parse({}, {"hooks.example.com"}));
}

}  // namespace
}  // namespace vbrain::http

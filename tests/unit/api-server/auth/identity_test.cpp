#include "api-server/auth/identity.hpp"

#include <gtest/gtest.h>

namespace vbrain::api {
namespace {

std::vector<http::HeaderField> all() {
  return {{"Host", "x"},
          {"username", "ana"},
          {"organization_id", "acme"},
          {"application_id", "Tutorial"},
          {"client_id", "north"},
          {"x-api-key", "vb_k_s"},
          {"repository_id", "202009231629398695"}};
}

std::vector<http::HeaderField> without(std::string_view name) {
  auto fields = all();
  std::erase_if(fields, [&](const http::HeaderField& field) { return field.name == name; });
  return fields;
}

std::vector<http::HeaderField> with(std::string_view name, std::string_view value) {
  auto fields = without(name);
  fields.push_back({name, value});
  return fields;
}

TEST(ReadIdentity, TakesTheSixHeaders) {
  const auto identity = read_identity(all(), RepositoryHeader::kRequired);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->username, "ana");
  EXPECT_EQ(identity->organization_id, "acme");
  EXPECT_EQ(identity->application_id, "Tutorial");
  EXPECT_EQ(identity->client_id, "north");
  EXPECT_EQ(identity->api_key, "vb_k_s");
  EXPECT_EQ(identity->repository_id, "202009231629398695");
}

TEST(ReadIdentity, TakesEitherSpellingInAnyCase) {
  const auto identity = read_identity({{"Username", "ana"},
                                       {"Organization-Id", "acme"},
                                       {"APPLICATION_ID", "Tutorial"},
                                       {"client-id", "north"},
                                       {"X_Api_Key", "k"}},
                                      RepositoryHeader::kOptional);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->organization_id, "acme");
  EXPECT_EQ(identity->api_key, "k");
  EXPECT_EQ(identity->repository_id, "");
}

TEST(ReadIdentity, NamesTheFirstMissingInOrder) {
  const std::string_view names[] = {"username",  "organization_id", "application_id",
                                    "client_id", "x-api-key",       "repository_id"};
  std::vector<http::HeaderField> fields;
  for (const auto name : names) {
    const auto identity = read_identity(fields, RepositoryHeader::kRequired);
    ASSERT_FALSE(identity);
    EXPECT_EQ(message_of(identity.error()), "Missing " + std::string(name));
    EXPECT_EQ(status_of(identity.error().problem), 400);
    fields.push_back({name, "v"});
  }
  EXPECT_TRUE(read_identity(fields, RepositoryHeader::kRequired));
}

TEST(ReadIdentity, AnEmptyHeaderIsMissing) {
  const auto identity = read_identity(with("client_id", ""), RepositoryHeader::kRequired);
  ASSERT_FALSE(identity);
  EXPECT_EQ(message_of(identity.error()), "Missing client_id");
  EXPECT_TRUE(read_identity(with("repository_id", ""), RepositoryHeader::kOptional));
}

TEST(ReadIdentity, RefusesDoubles) {
  for (const std::string_view other : {"organization_id", "organization-id", "Organization_ID"}) {
    auto fields = all();
    fields.push_back({other, "acme"});
    const auto identity = read_identity(fields, RepositoryHeader::kRequired);
    ASSERT_FALSE(identity) << other;
    EXPECT_EQ(message_of(identity.error()), "Invalid organization_id");
  }
}

TEST(ReadIdentity, RefusesInvalidNames) {
  const std::string long_value(10'000, 'a');
  const std::string_view values[] = {
      std::string_view("a\0b", 3), "a\rb", "a\nb", "a\tb", "a\x7f", "a\xc2\x85", "\x85", long_value};
  for (const std::string_view value : values) {
    const auto identity = read_identity(with("username", value), RepositoryHeader::kRequired);
    ASSERT_FALSE(identity) << value;
    EXPECT_EQ(message_of(identity.error()), "Invalid username");
    EXPECT_EQ(to_reply(identity.error()).status, 400);
  }
}

TEST(DecodeHeaderValue, ReadsUtf8AndLatin1Alike) {
  EXPECT_EQ(decode_header_value("Opera\xc3\xa7\xc3\xb5"
                                "es"),
            "Opera\xc3\xa7\xc3\xb5"
            "es");
  EXPECT_EQ(decode_header_value("Opera\xe7\xf5"
                                "es"),
            "Opera\xc3\xa7\xc3\xb5"
            "es");
  EXPECT_EQ(decode_header_value("../..%2f"), "../..%2f");
  EXPECT_EQ(decode_header_value(std::string(128, '\xe7')), std::nullopt) << "256 bytes as UTF-8";
}

}  // namespace
}  // namespace vbrain::api

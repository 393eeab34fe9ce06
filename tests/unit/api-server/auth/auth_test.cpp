#include "api-server/auth/auth.hpp"

#include <gtest/gtest.h>

#include "api-server/commands/keygen.hpp"
#include "base/json/yaml.hpp"
#include "base/text/digest.hpp"

namespace vbrain::api {
namespace {

using job::Role;

const std::string kSecret(43, 'S');
const std::string kOtherSecret(43, 'T');
const base::TimePoint kNow = *base::parse_rfc3339("2026-06-01T00:00:00Z");

Identity ana() {
  return {"ana", "acme", "Tutorial", "north", "vb_k3v9_" + kSecret, ""};
}

class AuthTest : public ::testing::Test {
 protected:
  AuthTest() {
    clients_.add_index(kKeyIndex, job::key_ids);
    put("north", "north",
        {{"ana",
          Role::kLeader,
          {{"k3v9", base::sha256_hex(kSecret), std::nullopt},
           {"old1", base::sha256_hex(kSecret), kNow},
           {"new1", base::sha256_hex(kSecret), kNow + std::chrono::milliseconds(1)}}},
         {"bob", Role::kDeveloper, {{"bob1", base::sha256_hex(kOtherSecret), std::nullopt}}}});
    put("south", "south", {{"ana", Role::kStakeholder, {{"sou1", base::sha256_hex(kSecret), std::nullopt}}}});
  }

  void put(const std::string& name, const std::string& client_id, std::vector<job::Member> members) {
    auto client = std::make_shared<job::Client>();
    client->meta.name = name;
    client->organization_id = "acme";
    client->application_id = "Tutorial";
    client->client_id = client_id;
    client->members = std::move(members);
    clients_.put(name, client);
  }

  std::string outcome(const Identity& identity) const {
    const auto caller = authenticate(clients_, identity, kNow);
    return caller ? caller->username + " " + std::string(to_string(caller->role))
                  : message_of(caller.error()) + caller.error().detail;
  }

  kube::Cache<job::Client> clients_;
};

TEST_F(AuthTest, KnowsTheOwnerOfAKey) {
  const auto caller = authenticate(clients_, ana(), kNow);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->tenant, (artifacts::Tenant{"acme", "Tutorial", "north"}));
  EXPECT_EQ(caller->username, "ana");
  EXPECT_EQ(caller->role, Role::kLeader);
}

TEST_F(AuthTest, SaysTheSameToEverybodyElse) {
  const auto changed = [](std::string Identity::*member, std::string value) {
    Identity identity = ana();
    identity.*member = std::move(value);
    return identity;
  };
  const struct {
    const char* name;
    Identity identity;
  } cases[] = {
      {"other user", changed(&Identity::username, "bob")},
      {"other case", changed(&Identity::username, "Ana")},
      {"other organization", changed(&Identity::organization_id, "evil")},
      {"other application", changed(&Identity::application_id, "tutorial")},
      {"other client", changed(&Identity::client_id, "south")},
      {"key of another client", changed(&Identity::api_key, "vb_sou1_" + kSecret)},
      {"key of another user", changed(&Identity::api_key, "vb_bob1_" + kOtherSecret)},
      {"wrong secret", changed(&Identity::api_key, "vb_k3v9_" + kOtherSecret)},
      {"hash as secret", changed(&Identity::api_key, "vb_k3v9_" + base::sha256_hex(kSecret))},
      {"unknown id", changed(&Identity::api_key, "vb_nope_" + kSecret)},
      {"expired now", changed(&Identity::api_key, "vb_old1_" + kSecret)},
      {"no prefix", changed(&Identity::api_key, "k3v9_" + kSecret)},
      {"short secret", changed(&Identity::api_key, "vb_k3v9_" + kSecret.substr(1))},
      {"nothing of a key", changed(&Identity::api_key, "x")},
  };
  for (const auto& c : cases) EXPECT_EQ(outcome(c.identity), "Invalid x-api-key") << c.name;
}

// The sender learns nothing of it: every cause has the same answer, which the test above pins.
TEST_F(AuthTest, TellsTheOperatorWhyAKeyIsRefused) {
  const auto why = [&](std::string Identity::*member, std::string value) {
    Identity identity = ana();
    identity.*member = std::move(value);
    const auto caller = authenticate(clients_, identity, kNow);
    return caller ? "admitted" : caller.error().for_operator;
  };
  EXPECT_EQ(why(&Identity::api_key, "vb_k3v9_" + kOtherSecret), "the secret of the key is wrong");
  EXPECT_EQ(why(&Identity::api_key, "vb_old1_" + kSecret), "the key expired at 2026-06-01T00:00:00Z");
  EXPECT_EQ(why(&Identity::username, "bob"), "the key belongs to another user: 'ana'");
  EXPECT_EQ(why(&Identity::client_id, "south"),
            "the key belongs to another tenant: Client north with organization_id 'acme', application_id 'Tutorial', "
            "client_id 'north'");
  EXPECT_EQ(why(&Identity::api_key, "vb_nope_" + kSecret), "no Client has a key with this id");
  EXPECT_EQ(why(&Identity::api_key, "vb_k3v9_" + kSecret.substr(3)),
            "the secret of the key has 40 characters instead of 43 or more: the key was cut");
  EXPECT_EQ(why(&Identity::api_key, "vb_k3v9_" + kSecret + "\""),
            "the secret of the key has characters that no key has");
  EXPECT_EQ(why(&Identity::api_key, "Bearer x"), "the key does not have the form vb_<id>_<secret>");
}

// Two Clients may have keys of one id by mistake. The one with the right secret says why.
TEST_F(AuthTest, OfTwoKeysWithOneIdTheSendersOwnIsExplained) {
  put("other", "other", {{"eve", Role::kLeader, {{"old1", base::sha256_hex(kOtherSecret), std::nullopt}}}});
  Identity identity = ana();
  identity.api_key = "vb_old1_" + kSecret;
  EXPECT_EQ(authenticate(clients_, identity, kNow).error().for_operator, "the key expired at 2026-06-01T00:00:00Z");
}

TEST(ApiKey, ItsIdIsReadableAlsoIfTheKeyIsCut) {
  EXPECT_EQ(readable_key_id("vb_k3v9_" + kSecret), "k3v9");
  EXPECT_EQ(readable_key_id("vb_k3v9_"), "k3v9");
  for (const char* text : {"", "vb_", "vb_k3v9", "vb_k3_x", "vb_K3V9_x", "vb_k3\n9_x", "x"}) {
    EXPECT_EQ(readable_key_id(text), "") << text;
  }
}

TEST_F(AuthTest, KeysEndAndAreRevoked) {
  Identity identity = ana();
  identity.api_key = "vb_new1_" + kSecret;
  EXPECT_EQ(outcome(identity), "ana leader");
  put("north", "north", {});
  EXPECT_EQ(outcome(identity), "Invalid x-api-key");
}

TEST(ApiKey, HasOneForm) {
  EXPECT_TRUE(parse_api_key("vb_abcd_" + kSecret));
  EXPECT_TRUE(parse_api_key("vb_0123456789abcdef_" + kSecret + kSecret));
  for (const std::string& text :
       {std::string(), std::string("vb_"), "vb__" + kSecret, "vb_abc_" + kSecret, "vb_0123456789abcdef0_" + kSecret,
        "vb_ABCD_" + kSecret, "VB_abcd_" + kSecret, "vb_abcd_" + kSecret + "_", "vb_abcd_" + kSecret + "-",
        "vb_abcd_" + kSecret + kSecret + "S", "vb_abcd" + kSecret}) {
    EXPECT_FALSE(parse_api_key(text)) << text;
  }
}

TEST(Roles, FollowTheContract) {
  using enum Permission;
  const struct {
    Permission permission;
    bool leader, developer, stakeholder;
  } table[] = {
      {kCreateRepository, true, true, false},  {kReadRepository, true, true, true},
      {kDeleteRepository, true, false, false}, {kCreateJob, true, true, true},
      {kReadJob, true, true, false},           {kDeleteJob, true, false, false},
      {kRetryJob, true, true, false},          {kChangeJob, true, false, false},
  };
  for (const auto& row : table) {
    EXPECT_EQ(may(Role::kLeader, row.permission), row.leader);
    EXPECT_EQ(may(Role::kDeveloper, row.permission), row.developer);
    EXPECT_EQ(may(Role::kStakeholder, row.permission), row.stakeholder);
  }
}

TEST(Keygen, MakesKeysThatAuthenticate) {
  const NewKey key = make_key(std::nullopt);
  const auto parsed = parse_api_key(key.text());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->secret.size(), 43u);
  EXPECT_NE(make_key(std::nullopt).secret, key.secret);

  const std::string yaml = member_yaml("jo\"s\xc3\xa9\n", Role::kDeveloper, key, kNow);
  EXPECT_EQ(yaml.find(key.secret), std::string::npos);
  const auto members = base::parse_yaml("members:\n" + yaml);
  ASSERT_TRUE(members) << members.error() << yaml;
  const auto& member = (*members)["members"][0];
  EXPECT_EQ(member["username"], "jo\"s\xc3\xa9\n");
  EXPECT_EQ(member["role"], "developer");
  EXPECT_EQ(member["keys"][0]["id"], key.id);
  EXPECT_EQ(member["keys"][0]["sha256"], base::sha256_hex(key.secret));
  EXPECT_EQ(member["keys"][0]["expiresAt"], "2026-06-01T00:00:00Z");
}

TEST(Keygen, Base62LeavesOutBytesThatWouldBiasIt) {
  EXPECT_EQ(base62(std::string("\xf8\xff\x00\x3d\x3e\xf7", 6), 10), "0z0z");
  EXPECT_EQ(base62("aaaa", 2).size(), 2u);
}

}  // namespace
}  // namespace vbrain::api

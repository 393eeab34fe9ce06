#include "api-server/auth/auth.hpp"

#include <gtest/gtest.h>

#include <functional>

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
    clients_.add_index(kTenantIndex, tenant_keys);
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
    client->meta.uid = name + "-uid";
    client->organization_id = "acme";
    client->application_id = "Tutorial";
    client->client_id = client_id;
    client->members = std::move(members);
    clients_.put(name, client);
  }

  // A Key of the tenant of "north" with kSecret, owned by the Client "north", as a leader makes it.
  static job::Key issued(const std::string& id, const std::string& username) {
    job::Key key;
    key.meta.name = id;
    key.meta.uid = id + "-uid";
    key.meta.owner_references = {{"vbrain.visagio.com/v1", "Client", "north", "north-uid", false}};
    key.organization_id = "acme";
    key.application_id = "Tutorial";
    key.client_id = "north";
    key.username = username;
    key.sha256 = base::sha256_hex(kSecret);
    return key;
  }
  void issue(job::Key key) {
    const std::string name = key.meta.name;
    keys_.put(name, std::make_shared<const job::Key>(std::move(key)));
  }

  KnownKeys known() const { return {clients_, keys_, state_}; }

  std::string outcome(const Identity& identity) const {
    const auto caller = authenticate(known(), identity, kNow);
    return caller ? caller->username + " " + std::string(to_string(caller->role))
                  : message_of(caller.error()) + caller.error().detail;
  }

  kube::Cache<job::Client> clients_;
  kube::Cache<job::Key> keys_;
  KeysState state_ = KeysState::kKnown;
};

TEST_F(AuthTest, KnowsTheOwnerOfAKey) {
  const auto caller = authenticate(known(), ana(), kNow);
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
    const auto caller = authenticate(known(), identity, kNow);
    return caller ? "admitted" : caller.error().for_operator;
  };
  EXPECT_EQ(why(&Identity::api_key, "vb_k3v9_" + kOtherSecret), "the secret of the key is wrong");
  EXPECT_EQ(why(&Identity::api_key, "vb_old1_" + kSecret), "the key expired at 2026-06-01T00:00:00Z");
  EXPECT_EQ(why(&Identity::username, "bob"), "the key belongs to another user: 'ana'");
  EXPECT_EQ(why(&Identity::client_id, "south"),
            "the key belongs to another tenant: Client north with organization_id 'acme', application_id 'Tutorial', "
            "client_id 'north'");
  EXPECT_EQ(why(&Identity::api_key, "vb_nope_" + kSecret),
            "no Client has a key with this id, and no Key has this name");
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
  EXPECT_EQ(authenticate(known(), identity, kNow).error().for_operator, "the key expired at 2026-06-01T00:00:00Z");
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

Identity with_key(const std::string& id, const std::string& username = "ana") {
  return {username, "acme", "Tutorial", "north", "vb_" + id + "_" + kSecret, ""};
}

TEST_F(AuthTest, AKeyHasTheRoleThatItsClientGivesItsUser) {
  issue(issued("selfmade", "bob"));
  const auto caller = authenticate(known(), with_key("selfmade", "bob"), kNow);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->role, Role::kDeveloper);
  EXPECT_EQ(caller->key_id, "selfmade");
  EXPECT_EQ(caller->tenant, (artifacts::Tenant{"acme", "Tutorial", "north"}));
  ASSERT_NE(caller->issued, nullptr);
  put("north", "north", {{"bob", Role::kStakeholder, {}}});
  EXPECT_EQ(outcome(with_key("selfmade", "bob")), "bob stakeholder");
}

// Every row: what ends a Key. The sender hears the same of each.
TEST_F(AuthTest, AKeyEndsWithItsMemberAndItsClient) {
  const struct {
    const char* name;
    std::function<void(job::Key&)> change;
    std::string why;
  } table[] = {
      {"expired", [](job::Key& key) { key.expires_at = kNow; }, "the key expired at 2026-06-01T00:00:00Z"},
      {"being deleted", [](job::Key& key) { key.meta.deletion_timestamp = kNow; }, "Key selfmade is being deleted"},
      {"wrong secret", [](job::Key& key) { key.sha256 = base::sha256_hex(kOtherSecret); },
       "the secret of the key is wrong"},
      {"another user", [](job::Key& key) { key.username = "bob"; }, "the key belongs to another user: 'bob'"},
      {"another tenant", [](job::Key& key) { key.client_id = "south"; },
       "the key belongs to another tenant: organization_id 'acme', application_id 'Tutorial', client_id 'south'"},
      {"a Client of the same name that was made anew",
       [](job::Key& key) { key.meta.owner_references.front().uid = "of-the-first-one"; },
       "the user of the key is no member of its Client any more"},
  };
  for (const auto& row : table) {
    job::Key key = issued("selfmade", "ana");
    row.change(key);
    issue(key);
    EXPECT_EQ(outcome(with_key("selfmade")), "Invalid x-api-key") << row.name;
    const auto caller = authenticate(known(), with_key("selfmade"), kNow);
    EXPECT_EQ(caller ? "admitted" : caller.error().for_operator, row.why) << row.name;
  }
  issue(issued("selfmade", "ana"));
  ASSERT_EQ(outcome(with_key("selfmade")), "ana leader");
  put("north", "north", {{"bob", Role::kLeader, {}}});
  EXPECT_EQ(outcome(with_key("selfmade")), "Invalid x-api-key") << "the member is gone";
  auto client = std::make_shared<job::Client>(*clients_.get("north"));
  client->members = {{"ana", Role::kLeader, {}}};
  client->meta.deletion_timestamp = kNow;
  clients_.put("north", client);
  EXPECT_EQ(outcome(with_key("selfmade")), "Invalid x-api-key") << "the Client is being deleted";
  clients_.erase("north");
  EXPECT_EQ(outcome(with_key("selfmade")), "Invalid x-api-key") << "the Client is gone";
}

// As after a restore from a copy of the objects: the Clients have new UIDs.
TEST_F(AuthTest, AKeyWithoutAnOwnerCountsForTheMembersOfItsTenant) {
  job::Key key = issued("restored", "ana");
  key.meta.owner_references.clear();
  issue(key);
  EXPECT_EQ(outcome(with_key("restored")), "ana leader");
}

TEST_F(AuthTest, WhatIsNotKnownOfKeysRefusesOnlyThem) {
  issue(issued("selfmade", "ana"));
  using enum KeysState;
  const std::string starting = "Service unavailable" + std::string(why_no_issued_keys(kStarting));
  const std::string silent = "Service unavailable" + std::string(why_no_issued_keys(kSilent));
  const struct {
    KeysState state;
    std::string of_a_key, of_an_unknown_id;
  } table[] = {
      {kKnown, "ana leader", "Invalid x-api-key"},
      {kStarting, "ana leader", starting},  // the list shows it already
      {kSilent, silent, "Invalid x-api-key"},
      {kNotServed, "ana leader", "Invalid x-api-key"},
      {kForbidden, "ana leader", "Invalid x-api-key"},
  };
  for (const auto& row : table) {
    state_ = row.state;
    EXPECT_EQ(outcome(with_key("selfmade")), row.of_a_key) << static_cast<int>(row.state);
    EXPECT_EQ(outcome(with_key("unknown1")), row.of_an_unknown_id) << static_cast<int>(row.state);
    EXPECT_EQ(outcome(ana()), "ana leader") << "a key of the Client, " << static_cast<int>(row.state);
    const bool wants_words = row.state != kKnown;
    EXPECT_EQ(why_no_issued_keys(row.state).find("Remedy: ") != std::string_view::npos, wants_words);
  }
  state_ = kNotServed;
  EXPECT_EQ(
      authenticate(known(), with_key("unknown1"), kNow).error().for_operator,
      "no Client has a key with this id, and no Key has this name; " + std::string(why_no_issued_keys(kNotServed)));
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
      {kRetryJob, true, false, false},         {kChangeJob, true, false, false},
      {kManageKeys, true, false, false},       {kReadUsage, true, true, true},
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

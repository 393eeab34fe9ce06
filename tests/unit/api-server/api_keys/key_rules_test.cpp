// The rules of keys that leaders make: bodies, limits, selectors, what is written of their use.
#include "api-server/api_keys/key_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "api-server/api_keys/key_watch.hpp"
#include "api-server/api_keys/last_uses.hpp"

namespace vbrain::api {
namespace {

using nlohmann::json;
using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const base::TimePoint kNow = *base::parse_rfc3339("2026-06-01T12:30:00.250Z");

job::Key key_of(const std::string& name, const std::string& username = "ana") {
  job::Key key;
  key.meta.name = name;
  key.meta.uid = name + "-uid";
  key.meta.resource_version = "7";
  key.meta.creation_timestamp = kNow - hours(24);
  key.organization_id = "acme";
  key.application_id = "Tutorial";
  key.client_id = "north";
  key.username = username;
  key.sha256 = std::string(64, 'a');
  key.created_by = "lea";
  return key;
}

TEST(KeyWishes, AreRead) {
  const struct {
    std::string body;
    std::string username, expires_at, description;  // "" for no expiry
  } table[] = {
      {R"({"username": "ana"})", "ana", "", ""},
      {R"({"username": "jos\u00e9 / norte", "description": "nightly import"})", "jos\xc3\xa9 / norte", "",
       "nightly import"},
      {R"({"username": "ana", "expires_in": 1})", "ana", "2026-06-01T12:30:02Z", ""},  // never earlier than asked for
      {R"({"username": "ana", "expires_in": 315360000})", "ana", "2036-05-29T12:30:01Z", ""},
      {R"({"username": "ana", "expires_in": 1.0})", "ana", "2026-06-01T12:30:02Z", ""},
      {R"({"username": "ana", "expires_at": "2027-01-01T00:00:00Z"})", "ana", "2027-01-01T00:00:00Z", ""},
      {R"({"username": "ana", "expires_at": "2026-06-01T09:30:00.5-03:00"})", "ana", "2026-06-01T12:30:01Z", ""},
      {R"({"username": "ana", "description": ""})", "ana", "", ""},
  };
  for (const auto& row : table) {
    const auto wish = read_key_wish(row.body, kNow);
    ASSERT_TRUE(wish) << row.body << message_of(wish.error()) << wish.error().detail;
    EXPECT_EQ(wish->username, row.username) << row.body;
    EXPECT_EQ(wish->expires_at ? base::format_rfc3339_seconds(*wish->expires_at) : "", row.expires_at) << row.body;
    EXPECT_EQ(wish->description, row.description) << row.body;
  }
}

TEST(KeyWishes, WhatIsWrongIsNamedWithItsRemedy) {
  const struct {
    std::string body, error;
  } table[] = {
      {"", "Invalid body"},
      {"[]", "Invalid body"},
      {R"({"username": "ana", "username": "bob"})", "Invalid body"},
      {"{}", "Invalid username"},
      {R"({"username": ""})", "Invalid username"},
      {R"({"username": 7})", "Invalid username"},
      {R"({"username": "a\nb"})", "Invalid username"},
      {R"({"username": ")" + std::string(256, 'x') + R"("})", "Invalid username"},
      {R"({"username": "ana", "role": "leader"})", "Invalid role"},
      {R"({"username": "ana", "expires_in": 0})", "Invalid expires_in"},
      {R"({"username": "ana", "expires_in": 315360001})", "Invalid expires_in"},
      {R"({"username": "ana", "expires_in": 18446744073709551615})", "Invalid expires_in"},
      {R"({"username": "ana", "expires_in": 1.5})", "Invalid expires_in"},
      {R"({"username": "ana", "expires_in": 315360001.0})", "Invalid expires_in"},
      {R"({"username": "ana", "expires_in": -1})", "Invalid expires_in"},
      {R"({"username": "ana", "expires_in": "90d"})", "Invalid expires_in"},
      {R"({"username": "ana", "expires_at": "tomorrow"})", "Invalid expires_at"},
      {R"({"username": "ana", "expires_at": 1800000000})", "Invalid expires_at"},
      {R"({"username": "ana", "expires_at": "2026-06-01T12:30:00Z"})", "Invalid expires_at"},
      {R"({"username": "ana", "expires_at": "2036-06-01T00:00:00Z"})", "Invalid expires_at"},
      {R"({"username": "ana", "expires_in": 60, "expires_at": "2027-01-01T00:00:00Z"})", "Invalid expires_in"},
      {R"({"username": "ana", "description": 1})", "Invalid description"},
      {R"({"username": "ana", "description": "a\u0000b"})", "Invalid description"},
      {R"({"username": "ana", "description": ")" + std::string(201, 'x') + R"("})", "Invalid description"},
      {R"({"username": "ana", "description": "vb_k3v9_)" + std::string(43, 'S') + R"("})", "Invalid description"},
  };
  for (const auto& row : table) {
    const auto wish = read_key_wish(row.body, kNow);
    ASSERT_FALSE(wish) << row.body;
    EXPECT_EQ(message_of(wish.error()), row.error) << row.body;
    EXPECT_EQ(status_of(wish.error().problem), 400) << row.body;
    EXPECT_THAT(wish.error().detail, HasSubstr("; ")) << row.body;
    EXPECT_EQ(wish.error().detail.find(std::string(43, 'S')), std::string::npos);
  }
}

TEST(KeyLimit, OnlyLiveKeysCount) {
  job::Key expired = key_of("expired00000");
  expired.expires_at = kNow;
  job::Key leaving = key_of("leaving00000");
  leaving.meta.deletion_timestamp = kNow;
  EXPECT_FALSE(refuse_more_keys({}, kNow));
  EXPECT_FALSE(refuse_more_keys({key_of("aaaa"), expired, leaving}, kNow));
  const auto refused = refuse_more_keys({key_of("aaaa"), expired, key_of("bbbb")}, kNow);
  ASSERT_TRUE(refused);
  EXPECT_EQ(status_of(refused->problem), 409);
  EXPECT_EQ(
      refused->detail,
      "the user has two live keys: aaaa, bbbb. Remedy: delete one with DELETE /api/v1/keys/:key_id, or wait until "
      "one expires");
}

TEST(KeySelector, NamesMayHaveEveryCharacter) {
  EXPECT_EQ(key_selector({"acme", "Tutorial", "north"}, "ana"),
            "spec.organizationId=acme,spec.applicationId=Tutorial,spec.clientId=north,spec.username=ana");
  EXPECT_EQ(
      key_selector({"a,b", "c=d", "e\\f"}, "x,spec.username=y"),
      "spec.organizationId=a\\,b,spec.applicationId=c\\=d,spec.clientId=e\\\\f,spec.username=x\\,spec.username\\=y");
}

TEST(KeyList, HasNoSecretAndSaysWhereAKeyStands) {
  auto client = std::make_shared<job::Client>();
  client->members = {{"ana", job::Role::kLeader, {{"k3v9", std::string(64, 'b'), std::nullopt}}},
                     {"bob", job::Role::kStakeholder, {{"old1", std::string(64, 'c'), kNow}}}};
  job::Key used = key_of("used");
  used.last_used = *base::parse_rfc3339("2026-06-01T12:00:00Z");
  used.expires_at = *base::parse_rfc3339("2027-01-01T00:00:00Z");
  used.description = "nightly \"import\"";
  job::Key leaving = key_of("leaving");
  leaving.meta.deletion_timestamp = kNow;
  const std::string text = render_keys({client},
                                       {{std::make_shared<const job::Key>(used), &client->members[0]},
                                        {std::make_shared<const job::Key>(leaving), &client->members[0]},
                                        {std::make_shared<const job::Key>(key_of("orphan", "carl")), nullptr}},
                                       kNow);
  EXPECT_EQ(json::parse(text), json::parse(R"({"keys": [
      {"key_id": "k3v9", "username": "ana", "role": "leader", "source": "Client", "state": "live"},
      {"key_id": "used", "username": "ana", "role": "leader", "source": "Key", "state": "live",
       "created_at": "2026-05-31T12:30:00Z", "created_by": "lea", "expires_at": "2027-01-01T00:00:00Z",
       "last_used": "2026-06-01T12:00:00Z", "description": "nightly \"import\""},
      {"key_id": "old1", "username": "bob", "role": "stakeholder", "source": "Client", "state": "expired",
       "expires_at": "2026-06-01T12:30:00Z"},
      {"key_id": "orphan", "username": "carl", "source": "Key", "state": "no_member",
       "created_at": "2026-05-31T12:30:00Z", "created_by": "lea"}]})"));
  EXPECT_EQ(render_keys({}, {}, kNow), R"({"keys":[]})");
}

TEST(LastUses, AreWrittenOncePerHourAndNeverGoBack) {
  const base::TimePoint hour = job::hour_of(kNow);
  const KeyUse use{"used", "used-uid", hour};
  const auto with = [](const std::function<void(job::Key&)>& change) {
    job::Key key = key_of("used");
    change(key);
    return key;
  };
  const struct {
    const char* name;
    job::Key key;
    bool written;
  } table[] = {
      {"never used", with([](job::Key&) {}), true},
      {"used an hour before", with([&](job::Key& key) { key.last_used = hour - hours(1); }), true},
      {"used in this hour", with([&](job::Key& key) { key.last_used = hour; }), false},
      {"another server wrote a later hour", with([&](job::Key& key) { key.last_used = hour + hours(1); }), false},
      {"another Key of this name", with([](job::Key& key) { key.meta.uid = "other"; }), false},
  };
  for (const auto& row : table) {
    const auto patch = patch_of_use(&row.key, use);
    EXPECT_EQ(patch.has_value(), row.written) << row.name;
    if (patch) {
      EXPECT_EQ((*patch)["status"]["lastUsedTime"], "2026-06-01T12:00:00Z") << row.name;
    }
  }
  EXPECT_FALSE(patch_of_use(nullptr, use)) << "the Key is gone";
}

TEST(LastUses, AreTakenInTheirOrderAndOnceForEachKey) {
  LastUses uses;
  uses.note(key_of("a"), kNow);
  uses.note(key_of("b"), kNow);
  uses.note(key_of("a"), kNow + hours(1));
  uses.note(key_of("a"), kNow);
  job::Key known = key_of("known");
  known.last_used = job::hour_of(kNow);
  uses.note(known, kNow);
  const base::TimePoint hour = job::hour_of(kNow);
  EXPECT_THAT(uses.take(1), ElementsAre(KeyUse{"a", "a-uid", hour + hours(1)}));
  uses.give_back({"a", "a-uid", hour + hours(1)});
  EXPECT_THAT(uses.take(9), ElementsAre(KeyUse{"b", "b-uid", hour}, KeyUse{"a", "a-uid", hour + hours(1)}));
  EXPECT_TRUE(uses.take(9).empty());
}

TEST(KeyWatchState, FollowsTheFirstAnswer) {
  using kube::ErrorCode;
  const kube::KubeResult<json> listed(json::object());
  EXPECT_EQ(state_of_list(listed), KeysState::kKnown);
  const std::pair<ErrorCode, KeysState> table[] = {{ErrorCode::kNotFound, KeysState::kNotServed},
                                                   {ErrorCode::kForbidden, KeysState::kForbidden},
                                                   {ErrorCode::kUnavailable, KeysState::kStarting},
                                                   {ErrorCode::kUnauthorized, KeysState::kStarting},
                                                   {ErrorCode::kTimeout, KeysState::kStarting}};
  for (const auto& [code, state] : table) {
    EXPECT_EQ(state_of_list(tl::unexpected(kube::Error{.code = code})), state) << to_string(code);
  }
}

}  // namespace
}  // namespace vbrain::api

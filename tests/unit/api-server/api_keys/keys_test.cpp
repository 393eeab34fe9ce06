// GET, POST and DELETE /api/v1/keys, and requests with a key that a leader made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text/digest.hpp"
#include "unit/api-server/api_keys/fake_keys.hpp"

namespace vbrain::api {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::FakeKeys;
using ::testing::HasSubstr;
using testing::Headers;
using testing::HttpReply;
using testing::kKeysOf;
using testing::World;

const std::string kKeys = "/api/v1/keys";

Headers as(const std::string& username, const std::string& key, const std::string& organization = "acme") {
  return {{"username", username},
          {"organization_id", organization},
          {"application_id", "Tutorial"},
          {"client_id", "north"},
          {"x-api-key", key}};
}

class Keys : public ::testing::Test {
 protected:
  Keys() {
    // The Clients of a real API server have UIDs.
    for (const char* name : {"acme", "globex"}) {
      change_client(name, [&](job::Client& client) { client.meta.uid = std::string(name) + "-uid"; });
    }
  }

  void change_client(const std::string& name, const std::function<void(job::Client&)>& change) {
    auto client = std::make_shared<job::Client>(*world.clients.get(name));
    change(*client);
    world.clients.put(name, client);
  }

  HttpReply make(const std::string& body, const std::string& username = "ana") {
    Headers headers = World::identity(username);
    headers.emplace_back("Content-Type", "application/json");
    return world.call("POST", kKeys, headers, body);
  }
  // A new Key of `username` that the cache shows; its id and its text.
  std::pair<std::string, std::string> made(const std::string& username, const std::string& more = "") {
    const HttpReply reply = make(R"({"username":")" + username + "\"" + more + "}");
    EXPECT_EQ(reply.status, 201) << reply.body;
    fake.show(world);
    return {reply.json().value("key_id", ""), reply.json().value("api_key", "")};
  }
  int status(const std::string& username, const std::string& key) {
    return world.call("GET", "/api/v1/usage", as(username, key)).status;
  }
  std::string detail(const HttpReply& reply) { return reply.json().value("detail", ""); }

  World world;
  FakeKeys fake{world};
};

TEST_F(Keys, ALeaderMakesOneAndItWorksWithTheRoleOfItsUser) {
  const HttpReply reply = make(R"({"username":"dora","expires_in":3600,"description":"import"})");
  ASSERT_EQ(reply.status, 201) << reply.body;
  const json answer = reply.json();
  EXPECT_EQ(answer["message"], "Key created");
  EXPECT_EQ(answer["username"], "dora");
  EXPECT_EQ(answer["expires_at"], "2020-09-13T13:26:40Z");
  EXPECT_EQ(answer.size(), 5U);
  EXPECT_EQ(reply.header("Cache-Control"), "no-store");
  const std::string id = answer["key_id"];
  const std::string key = answer["api_key"];
  const auto parsed = parse_api_key(key);
  ASSERT_TRUE(parsed) << key;
  EXPECT_EQ(parsed->id, id);
  const json object = fake.object(id);
  EXPECT_EQ(object["spec"], (json{{"organizationId", "acme"},
                                  {"applicationId", "Tutorial"},
                                  {"clientId", "north"},
                                  {"username", "dora"},
                                  {"sha256", base::sha256_hex(parsed->secret)},
                                  {"expiresAt", "2020-09-13T13:26:40Z"},
                                  {"createdBy", "ana"},
                                  {"description", "import"}}));
  EXPECT_EQ(object["metadata"]["ownerReferences"][0]["uid"], "acme-uid");
  EXPECT_EQ(object.dump().find(std::string(parsed->secret)), std::string::npos);

  EXPECT_EQ(status("dora", key), 401) << "before the watch shows it";
  fake.show(world);
  EXPECT_EQ(status("dora", key), 200);
  EXPECT_EQ(world.call("GET", kKeys, as("dora", key)).status, 403) << "a developer manages no keys";
  EXPECT_EQ(status("ana", key), 401) << "another user";
  EXPECT_EQ(world.call("GET", "/api/v1/usage", as("dora", key, "globex")).status, 401) << "another tenant";
  world.clock.advance(seconds(3599));
  EXPECT_EQ(status("dora", key), 200);
  world.clock.advance(seconds(1));
  EXPECT_EQ(status("dora", key), 401) << "expired";
}

TEST_F(Keys, EndWithTheirMember) {
  const auto [id, key] = made("dora");
  ASSERT_EQ(status("dora", key), 200);
  change_client("acme", [](job::Client& client) {
    std::erase_if(client.members, [](const job::Member& member) { return member.username == "dora"; });
  });
  EXPECT_EQ(status("dora", key), 401);
  EXPECT_THAT(world.get(kKeys).body, HasSubstr(R"("username":"dora","source":"Key","state":"no_member")"));
}

TEST_F(Keys, AreForLeaders) {
  for (const std::string username : {"dora", "stan"}) {
    EXPECT_EQ(world.call("GET", kKeys, World::identity(username)).status, 403);
    EXPECT_EQ(make(R"({"username":"dora"})", username).status, 403);
    EXPECT_EQ(world.remove(kKeys + "/abcd", username).status, 403);
  }
  EXPECT_EQ(fake.server.count("POST"), 0U);
}

TEST_F(Keys, AUserHasTwoLiveOnes) {
  const auto first = made("dora", R"(,"expires_in":60)");
  const auto second = made("dora");
  const HttpReply third = make(R"({"username":"dora"})");
  EXPECT_EQ(third.status, 409);
  EXPECT_EQ(third.json()["error"], "Too many keys");
  EXPECT_THAT(detail(third), HasSubstr(first.first));
  EXPECT_THAT(detail(third), HasSubstr("Remedy: delete one with DELETE /api/v1/keys/:key_id"));
  made("stan");  // each user has two
  // One that has expired makes room, and goes.
  world.clock.advance(seconds(61));
  ::testing::internal::CaptureStderr();
  made("dora");
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr(R"("action":"key.delete","resource":"key","id":")" + first.first + "\""));
  EXPECT_TRUE(fake.object(first.first).is_null());
  EXPECT_FALSE(fake.object(second.first).is_null());
}

// Another server makes one between the look and the creation.
TEST_F(Keys, RequestsAtTheSameTimeNeverLeaveMoreThanTwo) {
  const auto first = made("dora");
  bool raced = false;
  world.kube.answer = [&](const kube::Request& request) {
    if (request.method == "POST" && !std::exchange(raced, true)) {
      json other = json::parse(request.body);
      other["metadata"]["name"] = "otherserver1";
      other["spec"]["sha256"] = std::string(64, '0');
      fake.server.put(kKeysOf, other);
    }
    return fake.server.call(request, {});
  };
  const HttpReply reply = make(R"({"username":"dora"})");
  EXPECT_EQ(reply.status, 409) << reply.body;
  EXPECT_THAT(detail(reply), HasSubstr("at the same time"));
  std::vector<std::string> left;
  for (const json& object : fake.all()) left.push_back(object["metadata"]["name"]);
  EXPECT_THAT(left, ::testing::UnorderedElementsAre(first.first, "otherserver1"));
}

TEST_F(Keys, WhatIsWrongWithARequestIsSaid) {
  const HttpReply unknown = make(R"({"username":"nobody"})");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(unknown.json()["error"], "Invalid username");
  EXPECT_THAT(detail(unknown), HasSubstr("kubectl edit vclient"));
  EXPECT_EQ(make(R"({"username":"eve"})").status, 400) << "a member of another tenant";
  EXPECT_EQ(make("{").json()["error"], "Invalid body");
  EXPECT_EQ(make("{\"username\":\"" + std::string(17'000, 'x') + "\"}").status, 413);
  EXPECT_EQ(world.post(kKeys, "text/plain", R"({"username":"dora"})").status, 415);
  const HttpReply repeated = world.post_json(kKeys, R"({"username":"dora"})",
                                             {{"Idempotency-Key", "\"8e03978e-40d5-43dd-bc93-6894a57f9324\""}});
  EXPECT_EQ(repeated.status, 400);
  EXPECT_EQ(repeated.json()["error"], "Invalid Idempotency-Key");
  EXPECT_EQ(fake.server.count("POST"), 0U);
}

TEST_F(Keys, TheListHasThoseOfTheClientAndThoseOfLeadersAndNoSecret) {
  const auto [id, key] = made("dora");
  const HttpReply list = world.get(kKeys);
  ASSERT_EQ(list.status, 200);
  std::vector<std::string> rows;
  const json keys = list.json()["keys"];
  for (const json& row : keys) {
    rows.push_back(row["username"].get<std::string>() + " " + row["source"].get<std::string>());
  }
  EXPECT_THAT(rows, ElementsAre("ana Client", "dora Client", "dora Key", "stan Client"));
  EXPECT_EQ(list.body.find("sha256"), std::string::npos);
  EXPECT_EQ(list.body.find(key.substr(key.rfind('_') + 1)), std::string::npos);
  EXPECT_EQ(world.call("GET", kKeys, World::identity("eve")).json()["keys"].size(), 1U) << "another tenant";
  EXPECT_EQ(world.call("HEAD", kKeys, World::identity("ana")).status, 200);
}

TEST_F(Keys, ADeletedOneEndsWhenTheWatchShowsIt) {
  const auto [id, key] = made("dora");
  EXPECT_EQ(world.remove(kKeys + "/" + id, "eve").status, 404) << "another tenant";
  EXPECT_FALSE(fake.object(id).is_null());
  const HttpReply gone = world.remove(kKeys + "/" + id);
  EXPECT_EQ(gone.status, 200);
  EXPECT_EQ(gone.body, R"({"message":"Key deleted"})");
  fake.show(world);
  EXPECT_EQ(status("dora", key), 401);
  const HttpReply again = world.remove(kKeys + "/" + id);
  EXPECT_EQ(again.status, 404);
  EXPECT_EQ(again.json()["error"], "Invalid key_id");
}

// A Key has no ETag, so no version that is named is the present one. Only one that is there has preconditions.
TEST_F(Keys, OneIsNotDeletedIfTheRequestNamesAVersion) {
  const auto [id, key] = made("dora");
  for (const Headers& wrong : {Headers{{"If-Match", "\"a\""}}, Headers{{"If-None-Match", "*"}}}) {
    Headers headers = World::identity("ana");
    headers.push_back(wrong[0]);
    EXPECT_EQ(world.call("DELETE", kKeys + "/" + id, headers).status, 412) << wrong[0].first;
    EXPECT_FALSE(fake.object(id).is_null()) << wrong[0].first;
    EXPECT_EQ(world.call("DELETE", kKeys + "/q7m2x9k4w1ab", headers).status, 404) << wrong[0].first;
    EXPECT_EQ(world.call("DELETE", kKeys + "/dor1", headers).status, 409) << wrong[0].first;
  }
  Headers any = World::identity("ana");
  any.emplace_back("If-Match", "*");
  EXPECT_EQ(world.call("DELETE", kKeys + "/" + id, any).status, 200);
}

// It was made on another server just now.
TEST_F(Keys, OneThatTheCacheDoesNotShowYetIsDeleted) {
  const std::string id = make(R"({"username":"dora"})").json()["key_id"];
  EXPECT_EQ(world.remove(kKeys + "/" + id).status, 200);
  EXPECT_TRUE(fake.object(id).is_null());
}

TEST_F(Keys, ALeaderMayDeleteTheOneInUse) {
  const auto [id, key] = made("ana");
  EXPECT_EQ(world.call("DELETE", kKeys + "/" + id, as("ana", key)).status, 200);
  fake.show(world);
  EXPECT_EQ(status("ana", key), 401);
}

TEST_F(Keys, ThoseOfTheClientAreTheOperators) {
  const HttpReply own = world.remove(kKeys + "/dor1");
  EXPECT_EQ(own.status, 409);
  EXPECT_EQ(own.json()["error"], "Key cannot be deleted");
  EXPECT_THAT(detail(own), HasSubstr("Remedy: ask the operator to remove it there"));
  EXPECT_EQ(world.remove(kKeys + "/eve1").status, 404) << "another tenant";
  for (const std::string id : {"x", "ABCD", "..", "abcdefghijklmnopq", "abcd%2Fef"}) {
    EXPECT_EQ(world.remove(kKeys + "/" + id).status, 404) << id;
  }
}

TEST_F(Keys, AnAnswerThatWasLostIsFoundAgain) {
  world.kube.answer = [&, lost = false](const kube::Request& request) mutable -> kube::KubeResult<kube::Response> {
    auto answer = fake.server.call(request, {});
    if (request.method == "POST" && !std::exchange(lost, true)) {
      return Unexpected<kube::Error>(kube::Error{.code = kube::ErrorCode::kUnavailable, .message = "reset"});
    }
    return answer;
  };
  const auto [id, key] = made("dora");
  EXPECT_EQ(fake.all().size(), 1U);
  EXPECT_EQ(status("dora", key), 200);
}

TEST_F(Keys, AFailureSaysWhetherAKeyMayHaveBeenMade) {
  const auto refuse = [&](const std::string& method, kube::ErrorCode code) {
    world.kube.answer = [&fake = fake, method, code](const kube::Request& request) -> kube::KubeResult<kube::Response> {
      if (request.method == method) return Unexpected<kube::Error>(kube::Error{.code = code, .http_status = 500});
      return fake.server.call(request, {});
    };
  };
  refuse("GET", kube::ErrorCode::kForbidden);
  const HttpReply unread = make(R"({"username":"dora"})");
  EXPECT_EQ(unread.status, 503);
  EXPECT_EQ(detail(unread).find("may have been made"), std::string::npos);
  refuse("POST", kube::ErrorCode::kForbidden);
  EXPECT_EQ(detail(make(R"({"username":"dora"})")).find("may have been made"), std::string::npos);
  refuse("POST", kube::ErrorCode::kTimeout);
  const HttpReply unknown = make(R"({"username":"dora"})");
  EXPECT_EQ(unknown.status, 503);
  EXPECT_THAT(detail(unknown),
              HasSubstr("the key may have been made, and nobody knows its secret. Remedy: look at GET"));
  refuse("DELETE", kube::ErrorCode::kUnavailable);
  const std::string id = make(R"({"username":"dora"})").json()["key_id"];
  EXPECT_EQ(world.remove(kKeys + "/" + id).status, 503);
}

// The definitions or the Roles are older than the server: everything but the management of keys works.
TEST_F(Keys, WithoutTheirDefinitionTheReasonIsSaid) {
  const std::pair<KeysState, std::string> table[] = {
      {KeysState::kNotServed, "kubectl apply --server-side --force-conflicts -f helm/vbrain/files/crds"},
      {KeysState::kForbidden, "the operator upgrades the chart"}};
  for (const auto& [state, remedy] : table) {
    world.issued_keys_state = state;
    for (const HttpReply& reply : {world.get(kKeys), make(R"({"username":"dora"})"), world.remove(kKeys + "/abcd")}) {
      EXPECT_EQ(reply.status, 503);
      EXPECT_THAT(detail(reply), HasSubstr(remedy));
      EXPECT_EQ(reply.header("Retry-After"), "30");
    }
    EXPECT_EQ(world.get("/api/v1/usage").status, 200);
  }
}

TEST_F(Keys, TheirUseIsWrittenOncePerHourAndNotByTheRequest) {
  const auto [id, key] = made("dora");
  const std::string name = id;
  const auto write = [&] {
    const auto failure = write_uses(world.last_uses, world.issued_keys, *world.client, "vbrain", 10, {});
    fake.show(world);
    return failure;
  };
  const auto last_used = [&] { return fake.object(name).value(json::json_pointer("/status/lastUsedTime"), ""); };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(status("dora", key), 200);
  EXPECT_EQ(fake.server.count("PATCH"), 0U);
  EXPECT_FALSE(write());
  EXPECT_EQ(last_used(), "2020-09-13T12:00:00Z");
  EXPECT_EQ(status("dora", key), 200);
  EXPECT_FALSE(write());
  EXPECT_EQ(fake.server.count("PATCH"), 1U);
  EXPECT_THAT(world.get(kKeys).body, HasSubstr(R"("last_used":"2020-09-13T12:00:00Z")"));
  world.clock.advance(std::chrono::hours(2));
  EXPECT_EQ(status("dora", key), 200);
  EXPECT_FALSE(write());
  EXPECT_EQ(last_used(), "2020-09-13T14:00:00Z");
}

TEST_F(Keys, NoLogLineHasASecret) {
  ::testing::internal::CaptureStderr();
  const auto [id, key] = made("dora", R"(,"description":"import")");
  const std::string secret = key.substr(key.rfind('_') + 1);
  status("dora", key);
  status("ana", key);
  world.get(kKeys + "/" + key);
  world.remove(kKeys + "/" + key);
  make(R"({"username":"dora","description":")" + key + "\"}");
  world.remove(kKeys + "/" + id);
  fake.show(world);
  status("dora", key);
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr(R"("action":"key.create","resource":"key","id":")" + id + R"(","owner":"dora")"));
  EXPECT_THAT(log, HasSubstr(R"("action":"key.delete","resource":"key","id":")" + id + '"'));
  EXPECT_THAT(log, ::testing::Not(HasSubstr(secret.substr(0, 16))));
}

TEST_F(Keys, AnotherServersLaterUseStays) {
  const auto [id, key] = made("dora");
  EXPECT_EQ(status("dora", key), 200);
  json object = fake.object(id);
  object["status"]["lastUsedTime"] = "2020-09-13T15:00:00Z";
  fake.server.put(kKeysOf, object);  // the cache does not show it yet
  const std::string name = id;
  const auto write = [&] { return write_uses(world.last_uses, world.issued_keys, *world.client, "vbrain", 10, {}); };
  EXPECT_FALSE(write());
  EXPECT_EQ(fake.object(name)["status"]["lastUsedTime"], "2020-09-13T15:00:00Z");
  fake.show(world);
  EXPECT_FALSE(write());
  EXPECT_EQ(fake.object(name)["status"]["lastUsedTime"], "2020-09-13T15:00:00Z");
  EXPECT_EQ(fake.server.count("PATCH"), 1U) << "the second time the cache says enough";
}

TEST_F(Keys, AFailedWriteKeepsTheRestForTheNextTime) {
  const auto first = made("dora");
  const auto second = made("stan");
  EXPECT_EQ(status("dora", first.second), 200);
  EXPECT_EQ(status("stan", second.second), 200);
  fake.server.set_before([](const kube::Request& request) -> std::optional<kube::Error> {
    if (request.method == "PATCH") return kube::Error{.code = kube::ErrorCode::kUnavailable};
    return std::nullopt;
  });
  const auto write = [&] { return write_uses(world.last_uses, world.issued_keys, *world.client, "vbrain", 10, {}); };
  EXPECT_TRUE(write());
  EXPECT_EQ(fake.server.count("PATCH"), 0U);
  fake.server.set_before({});
  EXPECT_FALSE(write());
  EXPECT_EQ(fake.server.count("PATCH"), 2U);
}

}  // namespace
}  // namespace vbrain::api

#include "job/key.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace vbrain::job {
namespace {

using nlohmann::json;

json key_object() {
  return json::parse(R"({"apiVersion": "vbrain.visagio.com/v1", "kind": "Key",
      "metadata": {"name": "q7m2x9k4w1ab", "uid": "u", "resourceVersion": "7", "creationTimestamp": "2026-06-01T10:00:00Z",
                   "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x-uid"},
                                       {"apiVersion": "vbrain.visagio.com/v1", "kind": "Client", "name": "north", "uid": "c-uid"}]},
      "spec": {"organizationId": "acme", "applicationId": "Tutorial", "clientId": "north", "username": "ana",
               "sha256": "ab", "expiresAt": "2027-01-01T00:00:00Z", "createdBy": "lea", "description": "nightly import"},
      "status": {"lastUsedTime": "2026-06-01T11:00:00Z"}})");
}

TEST(Key, Decodes) {
  const Key key = Key::decode(key_object());
  EXPECT_EQ(key.meta.name, "q7m2x9k4w1ab");
  EXPECT_EQ(key.tenant(), (base::Tenant{"acme", "Tutorial", "north"}));
  EXPECT_EQ(key.username, "ana");
  EXPECT_EQ(key.sha256, "ab");
  EXPECT_EQ(key.expires_at, base::parse_rfc3339("2027-01-01T00:00:00Z"));
  EXPECT_EQ(key.created_by, "lea");
  EXPECT_EQ(key.description, "nightly import");
  EXPECT_EQ(key.last_used, base::parse_rfc3339("2026-06-01T11:00:00Z"));
  EXPECT_EQ(key.owner_uid(), "c-uid");
}

TEST(Key, AMalformedObjectIsADecodeError) {
  for (const char* change : {R"({"spec": null})", R"({"spec": {"sha256": 1}})", R"({"spec": {"expiresAt": "soon"}})",
                             R"({"status": {"lastUsedTime": "soon"}})", R"({"metadata": {"uid": null}})"}) {
    json object = key_object();
    object.merge_patch(json::parse(change));
    EXPECT_THROW(Key::decode(object), kube::DecodeError) << change;
  }
}

// What is created is what is read back, with the Client as an owner that the Key does not hold up.
TEST(Key, IsCreatedWithItsOwner) {
  Client owner;
  owner.meta.name = "north";
  owner.meta.uid = "c-uid";
  Key key = Key::decode(key_object());
  json made = encode_new_key("vbrain", key, owner);
  EXPECT_EQ(made["metadata"], json::parse(R"({"name": "q7m2x9k4w1ab", "namespace": "vbrain", "ownerReferences": [
      {"apiVersion": "vbrain.visagio.com/v1", "kind": "Client", "name": "north", "uid": "c-uid", "controller": false}]})"));
  EXPECT_EQ(made["spec"], key_object()["spec"]);
  EXPECT_EQ(made["kind"], "Key");
  EXPECT_FALSE(made.contains("status"));
  key.expires_at.reset();
  key.description.clear();
  made = encode_new_key("vbrain", key, owner);
  EXPECT_FALSE(made["spec"].contains("expiresAt"));
  EXPECT_FALSE(made["spec"].contains("description"));
}

TEST(Key, IsLiveUntilItExpiresOrIsDeleted) {
  Key key = Key::decode(key_object());
  const base::TimePoint end = *key.expires_at;
  EXPECT_TRUE(key.is_live(end - std::chrono::milliseconds(1)));
  EXPECT_FALSE(key.is_live(end));
  key.expires_at.reset();
  EXPECT_TRUE(key.is_live(end));
  key.meta.deletion_timestamp = end;
  EXPECT_FALSE(key.is_live(end - std::chrono::hours(1)));
}

TEST(Key, ItsLastUseIsAnHourAndAPreconditionOnItsVersion) {
  const base::TimePoint hour = hour_of(*base::parse_rfc3339("2026-06-01T12:59:59.999Z"));
  EXPECT_EQ(hour, base::parse_rfc3339("2026-06-01T12:00:00Z"));
  EXPECT_EQ(encode_last_used(Key::decode(key_object()), hour),
            json::parse(R"({"metadata": {"uid": "u", "resourceVersion": "7"},
                            "status": {"lastUsedTime": "2026-06-01T12:00:00Z"}})"));
}

}  // namespace
}  // namespace vbrain::job

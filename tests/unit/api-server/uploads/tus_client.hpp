#pragma once

#include <gtest/gtest.h>

#include <string>

#include "base/text/digest.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api::testing {

// Sets spec.storageQuota of acme's Client.
inline void set_quota(World& world, const std::string& quota) {
  auto client = std::make_shared<job::Client>(*world.clients.get("acme"));
  client->storage_quota = quota;
  world.clients.put("acme", client);
}

// A client of tus for tests: one upload of a World.
class TusClient {
 public:
  static constexpr const char* kPath = "/api/v1/uploads";

  explicit TusClient(World& world, std::string username = "ana") : world_(&world), username_(std::move(username)) {}

  Headers headers(const Headers& more = {}) const {
    Headers all = World::identity(username_);
    all.emplace_back("Tus-Resumable", "1.0.0");
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  HttpReply create(std::uint64_t bytes, const std::string& metadata = "", const Headers& more = {}) {
    Headers with{{"Upload-Length", std::to_string(bytes)}};
    if (!metadata.empty()) with.emplace_back("Upload-Metadata", metadata);
    with.insert(with.end(), more.begin(), more.end());
    HttpReply reply = world_->call("POST", kPath, headers(with));
    if (reply.status == 201) id = reply.json()["upload_id"];
    return reply;
  }
  std::string path() const { return std::string(kPath) + "/" + id; }
  HttpReply head() const { return world_->call("HEAD", path(), headers()); }
  HttpReply patch(std::uint64_t offset, const std::string& bytes, const Headers& more = {}) const {
    Headers with{{"Upload-Offset", std::to_string(offset)}, {"Content-Type", "application/offset+octet-stream"}};
    with.insert(with.end(), more.begin(), more.end());
    return world_->call("PATCH", path(), headers(with), bytes);
  }
  HttpReply remove() const { return world_->call("DELETE", path(), headers()); }
  // The head of a PATCH of `length` bytes, as sent.
  std::string patch_head(std::uint64_t offset, std::uint64_t length) const {
    std::string text = "PATCH " + path() + " HTTP/1.1\r\nHost: x\r\n";
    Headers with{{"Upload-Offset", std::to_string(offset)},
                 {"Content-Type", "application/offset+octet-stream"},
                 {"Content-Length", std::to_string(length)}};
    for (const auto& [name, value] : headers(with)) text.append(name).append(": ").append(value).append("\r\n");
    return text + "\r\n";
  }
  // All at once: an upload of `bytes`, complete.
  void upload(const std::string& bytes, const std::string& metadata = "") {
    const HttpReply made = create(bytes.size(), metadata);
    ASSERT_EQ(made.status, 201) << made.body;
    if (bytes.empty()) return;
    const HttpReply sent = patch(0, bytes);
    ASSERT_EQ(sent.status, 204) << sent.body;
  }
  TusClient on(World& replica) const {
    TusClient other(replica, username_);
    other.id = id;
    return other;
  }

  std::string id;

 private:
  World* world_;
  std::string username_;
};

}  // namespace vbrain::api::testing

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/cpp/fake_api_server.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api::testing {

inline const std::string kKeysOf = "/apis/vbrain.visagio.com/v1/namespaces/vbrain/keys";

// The Keys of an API server, for one or several worlds. What a world's cache shows of them is up to the test (show()).
class FakeKeys {
 public:
  using json = nlohmann::json;

  explicit FakeKeys(World& world) {
    world.kube.answer = [this, &world](const kube::Request& request) {
      return request.target.starts_with(kKeysOf) ? server.call(request, {}) : world.kube.serve(request);
    };
  }
  // The world's watch catches up.
  void show(World& world) {
    for (const std::string& name : world.issued_keys.names()) {
      if (object(name).is_null()) world.issued_keys.erase(name);
    }
    for (const json& object : all()) {
      auto key = std::make_shared<const job::Key>(job::Key::decode(object));
      world.issued_keys.put(key->meta.name, key);
    }
  }
  std::vector<json> all() const { return server.objects(kKeysOf).items; }
  json object(const std::string& name) const { return server.object(kKeysOf + "/" + name); }

  vbrain::testing::FakeApiServer server;
};

}  // namespace vbrain::api::testing

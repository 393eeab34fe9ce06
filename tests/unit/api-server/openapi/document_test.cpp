// The OpenAPI document describes the endpoints that the router has, and no others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "api-server/openapi/embedded.hpp"
#include "api-server/routes/call.hpp"
#include "job/causes.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using nlohmann::json;
using testing::World;
using Names = std::set<std::string>;

constexpr std::string_view kBase = "/api/v1";
constexpr const char* kWhere = ". Edit the YAML files in api-server/openapi/document (README.md there)";

json read_document(std::string_view path) {
  const auto files = embedded_files();
  const auto file = std::ranges::find(files, path, &EmbeddedFile::path);
  return file == files.end() ? json::object() : json::parse(file->plain);
}

const json& document() {
  static const json kDocument = read_document("/api/v1/openapi.json");
  return kDocument;
}

const json& resolve(const json& item) {
  if (!item.contains("$ref")) return item;
  return document().at(json::json_pointer(item["$ref"].get<std::string>().substr(1)));
}

// "get /job/{job_id}" for "/api/v1/job/:job_id".
std::string described_as(const RoutePattern& pattern) {
  std::string text(to_string(pattern.method));
  std::ranges::transform(text, text.begin(), [](char c) { return static_cast<char>(c | 0x20); });
  text += ' ';
  std::string_view path = pattern.path.substr(kBase.size());
  while (!path.empty()) {
    const std::string_view segment = path.substr(0, path.find('/', 1));
    path.remove_prefix(segment.size());
    const bool variable = segment[1] == ':' || segment[1] == '*';
    text += variable ? "/{" + std::string(segment.substr(2)) + "}" : std::string(segment);
  }
  return text;
}

struct Described {
  std::string name;
  const json* operation;
};

std::vector<Described> operations(const json& of = document()) {
  std::vector<Described> found;
  for (const auto& [path, item] : of["paths"].items()) {
    for (const auto& [method, operation] : item.items()) {
      std::string name = method;
      found.push_back({name.append(" ").append(path), &operation});
    }
  }
  return found;
}

// Null if the document does not describe the route.
const json* operation_of(const Route& route) {
  const std::string name = described_as(route.pattern);
  for (const Described& one : operations()) {
    if (one.name == name) return one.operation;
  }
  return nullptr;
}

// The names of an operation's parameters of one place ("query", "path").
Names parameters(const json& operation, std::string_view place) {
  Names names;
  for (const json& item : operation.value("parameters", json::array())) {
    const json& parameter = resolve(item);
    if (parameter["in"] == place) names.insert(parameter["name"]);
  }
  return names;
}

TEST(OpenApi, DescribesEveryEndpointAndNoOther) {
  Names have;
  Names want{"get /openapi.json"};
  for (const Described& one : operations()) have.insert(one.name);
  for (const Route& route : routes()) want.insert(described_as(route.pattern));
  for (const std::string& name : want) EXPECT_TRUE(have.contains(name)) << "not described: " << name << kWhere;
  for (const std::string& name : have) EXPECT_TRUE(want.contains(name)) << "no such endpoint: " << name << kWhere;
}

// Of a server with max-uploads 0. Uploads that were begun go on there, and an operation is the same in both documents.
TEST(OpenApi, WithoutNewUploadsOnlyTheirBeginningIsAbsent) {
  const json other = read_document("openapi.json without uploads");
  json want = document()["paths"];
  want["/uploads"].erase("post");
  EXPECT_EQ(other["paths"], want);
  World world(Limits{.max_uploads = 0});
  Names have;
  for (const Described& one : operations(other)) have.insert(one.name);
  for (const Route& route : routes()) {
    const std::string method(to_string(route.pattern.method));
    std::string path(route.pattern.path);
    if (const auto variable = path.find(':'); variable != std::string::npos) path.resize(variable);
    if (!path.starts_with("/api/v1/uploads")) continue;
    testing::Headers headers = World::identity("ana");
    headers.emplace_back("Tus-Resumable", "1.0.0");
    headers.emplace_back("Upload-Length", "1");
    const testing::HttpReply reply = world.call(method, path.ends_with('/') ? path + "absent" : path, headers);
    const bool is_off = reply.status == 404 && reply.body.find("turned off") != std::string::npos;
    EXPECT_EQ(have.contains(described_as(route.pattern)), !is_off) << method << " " << path << ": " << reply.status;
  }
}

TEST(OpenApi, HasTheParametersOfTheRouter) {
  for (const Route& route : routes()) {
    const json* operation = operation_of(route);
    if (operation == nullptr) continue;  // the test above says so
    const std::string name = described_as(route.pattern);
    EXPECT_EQ(parameters(*operation, "query"), Names(route.parameters.begin(), route.parameters.end()))
        << name << kWhere;
    Names variables;
    for (std::size_t at = name.find('{'); at != std::string::npos; at = name.find('{', at + 1)) {
      variables.insert(name.substr(at + 1, name.find('}', at) - at - 1));
    }
    EXPECT_EQ(parameters(*operation, "path"), variables) << name << kWhere;
    EXPECT_EQ(operation->contains("requestBody"), route.takes_body) << name << kWhere;
  }
}

TEST(OpenApi, NamesTheRolesThatMay) {
  const std::pair<const char*, job::Role> kRoles[] = {
      {"leader", job::Role::kLeader}, {"developer", job::Role::kDeveloper}, {"stakeholder", job::Role::kStakeholder}};
  for (const Route& route : routes()) {
    const json* operation = operation_of(route);
    if (operation == nullptr) continue;
    json want = json::array();
    for (const auto& [name, role] : kRoles) {
      if (may(role, route.permission)) want.push_back(name);
    }
    EXPECT_EQ(operation->value("x-roles", json()), want) << described_as(route.pattern) << kWhere;
  }
}

TEST(OpenApi, SaysWhereTheRepositoryHeaderIsRequired) {
  for (const Route& route : routes()) {
    const json* operation = operation_of(route);
    if (operation == nullptr) continue;
    bool required = false;
    for (const json& item : (*operation)["parameters"]) {
      const json& parameter = resolve(item);
      if (parameter["in"] == "header" && parameter["name"] == "repository_id") {
        required = parameter.value("required", false);
      }
    }
    EXPECT_EQ(required, route.repository == RepositoryHeader::kRequired) << described_as(route.pattern) << kWhere;
  }
}

TEST(OpenApi, KnowsTheReasonsOfJobs) {
  std::vector<std::string> want;
  for (const job::Cause& cause : job::all_causes()) {
    if (cause.phases != "Application" && cause.phases != "Client") want.emplace_back(cause.reason);
  }
  EXPECT_EQ(document()["components"]["schemas"]["Reason"]["x-known-values"].get<std::vector<std::string>>(), want)
      << kWhere;
}

TEST(OpenApi, EveryOperationHasAnIdOfItsOwnAndTheIdentity) {
  Names ids;
  for (const Described& one : operations()) {
    EXPECT_TRUE(ids.insert(one.operation->value("operationId", "")).second) << one.name << kWhere;
    EXPECT_FALSE(one.operation->value("summary", "").empty()) << one.name << kWhere;
    EXPECT_EQ(one.operation->contains("security"), one.name == "get /openapi.json") << one.name;
  }
  ASSERT_EQ(document()["security"].size(), 1u);
  EXPECT_EQ(document()["security"][0].size(), 5u);
}

}  // namespace
}  // namespace vbrain::api

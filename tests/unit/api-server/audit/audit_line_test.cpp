#include "api-server/audit/audit_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api-server/audit/forwarded.hpp"
#include "api-server/routes/call.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

AuditRequest a_request() {
  return {.action = "job.cancel",
          .resource = "job",
          .id = "j1",
          .changes = true,
          .method = "POST",
          .path = "/api/v1/job/j1/cancel",
          .username = "ana",
          .organization = "acme",
          .application = "Tutorial",
          .client = "north",
          .role = "leader",
          .key_id = "abcd",
          .peer = "192.0.2.7",
          .forwarded_for = {},
          .request_id = "r1",
          .trace_id = {}};
}

const std::string kWho =
    R"("method":"POST","path":"/api/v1/job/j1/cancel","username":"ana","organization":"acme","application":"Tutorial",)"
    R"("client":"north","role":"leader","key_id":"abcd","peer":"192.0.2.7","request_id":"r1")";

AuditNotes noted(std::vector<AuditChange> changes) {
  AuditNotes notes;
  for (AuditChange& change : changes) notes.add(std::move(change));
  return notes;
}

TEST(AuditLines, OfARequest) {
  AuditNotes silent;
  silent.nothing_changed();
  AuditRequest read = a_request();
  read.changes = false;
  AuditRequest traced = a_request();
  traced.forwarded_for = "for=198.51.100.1";
  traced.trace_id = "4bf9";
  AuditRequest unknown;
  unknown.method = "GET";
  unknown.path = "/x";
  unknown.username = "bob";
  unknown.key_id = "wxyz";
  unknown.peer = "192.0.2.8";
  unknown.request_id = "r2";
  const struct {
    const char* what;
    AuditRequest request;
    AuditOutcome outcome;
    AuditNotes notes;
    std::vector<std::pair<std::string, std::string>> want;  // message, members
  } cases[] = {
      {"a change that no handler describes",
       a_request(),
       {.status = 200},
       {},
       {{"job cancelled by its user",
         R"("audit":true,"action":"job.cancel","resource":"job","id":"j1","outcome":"done","status":200,)" + kWho}}},
      {"a change that is noted",
       a_request(),
       {.status = 201},
       noted({{.action = "job.execute", .id = "j2", .repository = "p", .upload = "u"}}),
       {{"job created",
         R"("audit":true,"action":"job.execute","resource":"job","id":"j2","repository":"p","upload":"u",)"
         R"("outcome":"done","status":201,)" +
             kWho}}},
      {"two changes of one request",
       a_request(),
       {.status = 201},
       noted({{.action = "repository.create", .id = "p"}, {.action = "job.execute", .id = "j2", .repository = "p"}}),
       {{"repository created",
         R"("audit":true,"action":"repository.create","resource":"repository","id":"p","outcome":"done","status":201,)" +
             kWho},
        {"job created",
         R"("audit":true,"action":"job.execute","resource":"job","id":"j2","repository":"p","outcome":"done","status":201,)" +
             kWho}}},
      {"a batch",
       a_request(),
       {.status = 201},
       noted({{.action = "job.batch", .id = {}, .repository = "p", .jobs = {"a", "b"}}}),
       {{"jobs created",
         R"("audit":true,"action":"job.batch","resource":"job","id":"","repository":"p","jobs":2,"ids":["a","b"],)"
         R"("outcome":"done","status":201,)" +
             kWho}}},
      {"a repetition",
       a_request(),
       {.status = 201},
       noted({{.action = {}, .id = "j2", .repeated = true}}),
       {{"answer of an earlier request repeated",
         R"("audit":true,"action":"job.cancel","resource":"job","id":"j2","outcome":"repeated","status":201,)" +
             kWho}}},
      {"a change that no name is known for",
       {.action = "thing.create", .resource = "thing", .id = {}, .changes = true},
       {.status = 201},
       {},
       {{"changed by its user",
         R"("audit":true,"action":"thing.create","resource":"thing","id":"","outcome":"done","status":201,"method":"",)"
         R"("path":"","username":"","organization":"","application":"","client":"","role":"","key_id":"","peer":"",)"
         R"("request_id":"")"}}},
      {"a change before the client went",
       a_request(),
       {},
       noted({{.action = "upload.create", .id = "u", .bytes = 10}}),
       {{"upload created",
         R"("audit":true,"action":"upload.create","resource":"upload","id":"u","bytes":10,"outcome":"done",)" + kWho}}},
      {"a client that went", a_request(), {}, {}, {}},
      {"a change, and what came after it refused",
       a_request(),
       {.status = 413, .error = "Payload too large", .detail = {}},
       noted({{.action = "upload.create", .id = "u"}}),
       {{"upload created",
         R"("audit":true,"action":"upload.create","resource":"upload","id":"u","outcome":"done","status":413,)" + kWho},
        {"request refused",
         R"("audit":true,"action":"job.cancel","resource":"job","id":"j1","outcome":"refused","status":413,)"
         R"("error":"Payload too large",)" +
             kWho}}},
      {"nothing that counts", a_request(), {.status = 204}, silent, {}},
      {"a read", read, {.status = 200}, {}, {}},
      {"a read that waits", read, {.status = 202}, {}, {}},
      {"a read of nothing new", a_request(), {.status = 304}, {}, {}},
      {"a refused read",
       read,
       {.status = 404, .error = "Invalid job_id", .detail = "x"},
       {},
       {{"request refused",
         R"("audit":true,"action":"job.cancel","resource":"job","id":"j1","outcome":"refused","status":404,)"
         R"("error":"Invalid job_id","detail":"x",)" +
             kWho}}},
      {"no room for the request",
       a_request(),
       {.status = 507, .error = "Insufficient storage", .detail = {}},
       {},
       {{"request refused",
         R"("audit":true,"action":"job.cancel","resource":"job","id":"j1","outcome":"refused","status":507,)"
         R"("error":"Insufficient storage",)" +
             kWho}}},
      {"a fault of the server",
       traced,
       {.status = 503, .error = "Service unavailable", .detail = {}},
       {},
       {{"request refused",
         R"("audit":true,"action":"job.cancel","resource":"job","id":"j1","outcome":"failed","status":503,)"
         R"("error":"Service unavailable",)" +
             kWho.substr(0, kWho.find(R"(,"request_id")")) +
             R"(,"forwarded_for":"for=198.51.100.1","request_id":"r1","trace_id":"4bf9")"}}},
      {"nobody whom we know, and no route",
       unknown,
       {.status = 404, .error = "Not found", .detail = {}},
       {},
       {{"request refused",
         R"("audit":true,"action":"","resource":"","id":"","outcome":"refused","status":404,"error":"Not found",)"
         R"("method":"GET","path":"/x","username":"bob","organization":"","application":"","client":"","role":"",)"
         R"("key_id":"wxyz","peer":"192.0.2.8","request_id":"r2")"}}},
  };
  for (const auto& c : cases) {
    std::vector<std::pair<std::string, std::string>> got;
    for (const AuditLine& line : audit_lines(c.request, c.outcome, c.notes)) {
      got.emplace_back(line.message, line.members);
      EXPECT_TRUE(nlohmann::json::accept("{" + line.members + "}")) << c.what;
    }
    EXPECT_EQ(got, c.want) << c.what;
    EXPECT_EQ(has_audit_lines(c.request.changes, c.outcome.status, c.notes), !c.want.empty()) << c.what;
  }
}

TEST(AuditLines, AreForgedByNobodyAndBounded) {
  AuditRequest request = a_request();
  request.path = "/\n{\"audit\":true}";
  request.username = std::string("\xff\x1b[31m\"},{", 9);
  const AuditOutcome outcome{.status = 400, .error = "Invalid request", .detail = std::string(100'000, 'x')};
  const auto lines = audit_lines(request, outcome, {});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_LT(lines[0].members.size(), 3'000U);
  EXPECT_EQ(lines[0].members.find('\n'), std::string::npos);
  EXPECT_EQ(lines[0].members.find('\x1b'), std::string::npos);
  const auto object = nlohmann::json::parse("{" + lines[0].members + "}");
  EXPECT_EQ(object["path"], request.path);
  EXPECT_EQ(object["outcome"], "refused");
}

TEST(AuditActions, FollowFromThePath) {
  const struct {
    http::Method method;
    const char* path;
    const char* action;
    const char* resource;
    bool changes;
  } cases[] = {
      {http::Method::kGet, "/api/v1/job/:job_id/output/files/*path", "job.read", "job", false},
      {http::Method::kPost, "/api/v1/job/:job_id/cancel", "job.cancel", "job", true},
      {http::Method::kPost, "/api/v1/job/execute", "job.execute", "job", true},
      {http::Method::kPost, "/api/v1/repository", "repository.create", "repository", true},
      {http::Method::kDelete, "/api/v1/repository/:repository_id", "repository.delete", "repository", true},
      {http::Method::kPost, "/api/v1/uploads", "upload.create", "upload", true},
      {http::Method::kPatch, "/api/v1/uploads/:upload_id", "upload.update", "upload", true},
      {http::Method::kHead, "/api/v1/uploads/:upload_id", "upload.read", "upload", false},
      {http::Method::kOptions, "/api/v1/uploads", "upload.read", "upload", false},
      {http::Method::kPut, "/api/v1/keys/:key_id", "key.update", "key", true},
      {http::Method::kGet, "/api/v1/usage", "usage.read", "usage", false},
  };
  for (const auto& c : cases) {
    const RouteAction got = action_of({c.method, c.path});
    EXPECT_EQ(got.action, c.action) << c.path;
    EXPECT_EQ(got.resource, c.resource) << c.path;
    EXPECT_EQ(got.changes, c.changes) << c.path;
  }
}

// A request that changes something and has no name of its own would be told as another one.
TEST(AuditActions, OfRoutesThatChangeSomethingAreAllDifferent) {
  std::vector<std::string> seen;
  for (const Route& route : routes()) {
    const RouteAction action = action_of(route.pattern);
    EXPECT_EQ(action.changes, route.pattern.method != http::Method::kGet &&
                                  route.pattern.method != http::Method::kHead &&
                                  route.pattern.method != http::Method::kOptions)
        << route.pattern.path;
    if (!action.changes) continue;
    EXPECT_EQ(std::ranges::count(seen, action.action), 0) << action.action;
    seen.push_back(action.action);
  }
  EXPECT_THAT(seen, Not(IsEmpty()));
}

TEST(Forwarded, IsTheFieldOfTheProxyThatIsTrusted) {
  const std::string key = testing::World::key("ana");
  const std::string longest(600, '1');
  const struct {
    const char* header;
    std::vector<http::HeaderField> fields;
    std::string want;
  } cases[] = {
      {"", {{"X-Forwarded-For", "1.2.3.4"}, {"Forwarded", "for=1.2.3.4"}}, ""},
      {"X-Forwarded-For", {{"x-forwarded-for", "1.2.3.4"}, {"Forwarded", "for=5.6.7.8"}}, "1.2.3.4"},
      {"Forwarded", {{"X-Forwarded-For", "1.2.3.4"}, {"Forwarded", "for=5.6.7.8"}}, "for=5.6.7.8"},
      {"X-Forwarded-For",
       {{"X-Forwarded-For", "forged"}, {"a", "b"}, {"X-Forwarded-For", "1.2.3.4"}},
       "forged, 1.2.3.4"},
      {"X-Forwarded-For", {{"X-Forwarded-For", longest + ", 1.2.3.4"}}, longest.substr(97) + ", 1.2.3.4"},
      {"X-Forwarded-For", {{"X-Forwarded-For", ""}}, ""},
      {"X-Forwarded-For", {{"X-Forwarded-For", key}}, key.substr(0, key.rfind('_') + 1) + "(hidden)"},
  };
  for (const auto& c : cases) EXPECT_EQ(forwarded_for(c.fields, c.header), c.want) << c.header;
}

}  // namespace
}  // namespace vbrain::api

#include "kube/api/request.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace vbrain::kube {
namespace {

using nlohmann::json;

constexpr ResourceType kPods{"", "v1", "pods", "Pod"};
constexpr ResourceType kJobs{"vbrain.visagio.com", "v1", "jobs", "Job"};

TEST(Request, PathsOfCoreAndOtherGroups) {
  EXPECT_EQ(get_request(kPods, "ns", "a-1").target, "/api/v1/namespaces/ns/pods/a-1");
  EXPECT_EQ(get_request(kJobs, "ns", "a").target, "/apis/vbrain.visagio.com/v1/namespaces/ns/jobs/a");
  EXPECT_EQ(get_request({"", "v1", "namespaces", "Namespace"}, "", "x").target, "/api/v1/namespaces/x");
}

TEST(Request, NoNameReachesAnotherPath) {
  const struct {
    const char* name;
    const char* want;
  } cases[] = {
      {"../secrets/x", "/api/v1/namespaces/ns/pods/..%2Fsecrets%2Fx"},
      {"..", "/api/v1/namespaces/ns/pods/%2E%2E"},
      {".", "/api/v1/namespaces/ns/pods/%2E"},
      {"a?watch=true#f", "/api/v1/namespaces/ns/pods/a%3Fwatch%3Dtrue%23f"},
      {"a b%2F\n\xC3\xA9", "/api/v1/namespaces/ns/pods/a%20b%252F%0A%C3%A9"},
  };
  for (const auto& c : cases) EXPECT_EQ(get_request(kPods, "ns", c.name).target, c.want);
}

TEST(Request, ListsWithSelectorsAndPages) {
  EXPECT_EQ(list_request(kPods, "ns", {}).target, "/api/v1/namespaces/ns/pods");
  const ListOptions options{
      .label_selector = "a/b=c,d", .field_selector = "status.phase!=Failed", .limit = 500, .continue_token = "ey=="};
  EXPECT_EQ(list_request(kPods, "ns", options).target,
            "/api/v1/namespaces/ns/pods?labelSelector=a%2Fb%3Dc%2Cd&fieldSelector=status.phase%21%3DFailed"
            "&limit=500&continue=ey%3D%3D");
}

TEST(Request, WatchesFromAVersionWithBookmarks) {
  const Request request = watch_request(
      kJobs, "ns", {.label_selector = "a=b", .resource_version = "77", .timeout = std::chrono::seconds(301)});
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target,
            "/apis/vbrain.visagio.com/v1/namespaces/ns/jobs?watch=true&allowWatchBookmarks=true&labelSelector=a%3Db"
            "&resourceVersion=77&timeoutSeconds=301");
}

TEST(Request, Writes) {
  const json body = {{"metadata", {{"name", "a"}}}};
  const Request create = create_request(kJobs, "ns", body);
  EXPECT_EQ(create.method, "POST");
  EXPECT_EQ(create.target, "/apis/vbrain.visagio.com/v1/namespaces/ns/jobs");
  EXPECT_EQ(create.content_type, "application/json");
  EXPECT_EQ(json::parse(create.body), body);
  EXPECT_EQ(create_request(kPods, "ns", body, {.strict = true}).target,
            "/api/v1/namespaces/ns/pods?fieldValidation=Strict");
  EXPECT_EQ(create_request(kPods, "ns", body, {.strict = true, .dry_run = true}).target,
            "/api/v1/namespaces/ns/pods?fieldValidation=Strict&dryRun=All");

  const Request status = replace_request(kJobs, "ns", "a", body, "status");
  EXPECT_EQ(status.method, "PUT");
  EXPECT_EQ(status.target, "/apis/vbrain.visagio.com/v1/namespaces/ns/jobs/a/status");

  const Request patch = patch_request(kJobs, "ns", "a", body, "status");
  EXPECT_EQ(patch.method, "PATCH");
  EXPECT_EQ(patch.content_type, "application/merge-patch+json");
  EXPECT_EQ(patch.target, "/apis/vbrain.visagio.com/v1/namespaces/ns/jobs/a/status");
}

TEST(Request, DeletesWithPreconditions) {
  const Request plain = delete_request(kPods, "ns", "a", {});
  EXPECT_EQ(plain.method, "DELETE");
  EXPECT_EQ(json::parse(plain.body), (json{{"apiVersion", "v1"}, {"kind", "DeleteOptions"}}));
  const Request full = delete_request(kPods, "ns", "a",
                                      {
                                          .preconditions = {.uid = "u", .resource_version = "5"},
                                      });
  EXPECT_EQ(json::parse(full.body), (json{{"apiVersion", "v1"},
                                          {"kind", "DeleteOptions"},
                                          {"preconditions", {{"uid", "u"}, {"resourceVersion", "5"}}}}));
}

TEST(Request, ABodyThatIsNoUtf8DoesNotThrow) {
  const Request request = create_request(kPods, "ns", {{"note", "\xFF"}});
  EXPECT_EQ(json::parse(request.body)["note"], "\xEF\xBF\xBD");
}

}  // namespace
}  // namespace vbrain::kube

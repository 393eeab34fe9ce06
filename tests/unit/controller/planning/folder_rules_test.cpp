#include "controller/planning/folder_rules.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace vbrain::controller {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Resource = FolderFacts::Resource;

TEST(FolderRules, BringTogetherFoldersAndResources) {
  struct Case {
    const char* when;
    FolderFacts facts;
    FolderCare want;
  };
  const Case cases[] = {
      {"a job at work", {.resource = Resource::kPresent, .age = hours(1)}, FolderCare::kNone},
      {"just published", {.age = seconds(60)}, FolderCare::kNone},
      {"published, and nobody made its resource", {.age = milliseconds(60'001)}, FolderCare::kCreateResource},
      {"archived", {.recorded = true, .age = hours(9'000)}, FolderCare::kNone},
      {"marked just now", {.resource = Resource::kPresent, .deleted = true, .age = seconds(3)}, FolderCare::kNone},
      {"marked, and nobody deleted its resource",
       {.resource = Resource::kPresent, .deleted = true, .age = seconds(61)},
       FolderCare::kDeleteResource},
      {"marked, and its resource is going",
       {.resource = Resource::kBeingDeleted, .deleted = true, .age = hours(1)},
       FolderCare::kNone},
      {"its resource is going by kubectl", {.resource = Resource::kBeingDeleted, .age = hours(1)}, FolderCare::kNone},
      {"marked, without resource", {.deleted = true, .age = seconds(61)}, FolderCare::kRemoveFolder},
      {"archived, marked", {.deleted = true, .recorded = true, .age = seconds(61)}, FolderCare::kRemoveFolder},
      {"marked just now, without resource", {.deleted = true, .age = seconds(3)}, FolderCare::kNone},
      {"the file server's clock is a little ahead", {.age = seconds(-30)}, FolderCare::kNone},
      {"a clock was set by years", {.age = -hours(80'000)}, FolderCare::kCreateResource},
  };
  for (const Case& c : cases) EXPECT_EQ(judge_folder(c.facts), c.want) << c.when;
}

TEST(FolderRules, ARecoveredJobIsAsTheRestServerMakesIt) {
  artifacts::JobFile file;
  file.job_id = "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d";
  file.tenant = {"acme", "Tutorial", "north"};
  file.repository_id = "202009231629398695";
  file.created_by = "ana";
  file.priority = 7;
  file.callback_url = "https://hooks.example.com/";
  file.params = R"({"a":1})";
  const nlohmann::json body = encode_recovered_job("vbrain", file);
  EXPECT_EQ(body["metadata"]["name"], file.job_id);
  EXPECT_EQ(body["metadata"]["namespace"], "vbrain");
  EXPECT_EQ(body["metadata"]["finalizers"], nlohmann::json::array({"vbrain.visagio.com/artifacts"}));
  EXPECT_EQ(body["metadata"]["labels"]["vbrain.visagio.com/origin"], "rest") << "its folder is there";
  const nlohmann::json want = {{"organizationId", "acme"},
                               {"applicationId", "Tutorial"},
                               {"clientId", "north"},
                               {"repositoryId", "202009231629398695"},
                               {"username", "ana"},
                               {"priority", 7},
                               {"callbackURL", "https://hooks.example.com/"}};
  EXPECT_EQ(body["spec"], want) << "parameters stay on the volume";
}

}  // namespace
}  // namespace vbrain::controller

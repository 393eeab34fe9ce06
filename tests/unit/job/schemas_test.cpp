#include "job/schemas.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/json/yaml.hpp"

namespace vbrain::job {
namespace {

TEST(Schemas, TheFaultNamesTheField) {
  Application application;
  EXPECT_EQ(schema_fault(application), "");
  application.params_schema = R"({"type":"object"})";
  application.result_schema = R"({"type":"number"})";
  EXPECT_EQ(schema_fault(application), "");
  application.result_schema = R"({"minimum":"1"})";
  EXPECT_EQ(schema_fault(application), R"(spec.resultSchema can't be used: /minimum must be a number; it is "1")");
  application.params_schema = R"({"minLength":-1})";
  EXPECT_EQ(schema_fault(application),
            "spec.paramsSchema can't be used: /minLength must be a whole number from 0; it is -1");
}

TEST(Schemas, ParamsAreCompletedOrRefused) {
  Application application;
  schema::Work work;
  EXPECT_EQ(complete_params(application, R"({ "b":1})", work).value(), R"({ "b":1})");
  application.params_schema = R"({"properties":{"a":{"type":"integer","default":1}}})";
  EXPECT_EQ(complete_params(application, R"({ "b":1})", work).value(), R"({ "b":1,"a":1})");
  EXPECT_EQ(complete_params(application, R"({"a":"x"})", work).error().list,
            (std::vector<schema::Violation>{{"/a", "must be an integer, is a string"}}));
}

TEST(Schemas, ThoseOfTheExamplesCanBeUsed) {
  const std::filesystem::path root = VBRAIN_ROOT;
  int found = 0;
  for (const char* name :
       {"crds/examples/application.yaml", "examples/tutorial/application.yaml", "examples/forecast/application.yaml"}) {
    std::ifstream file(root / name);
    std::ostringstream text;
    text << file.rdbuf();
    nlohmann::json object = base::parse_yaml(text.str()).value();
    object["metadata"]["uid"] = object["metadata"]["resourceVersion"] = "1";
    const Application application = Application::decode(object);
    EXPECT_EQ(schema_fault(application), "") << name;
    found += application.params_schema.empty() ? 0 : 1;
  }
  EXPECT_EQ(found, 3);
}

}  // namespace
}  // namespace vbrain::job

// The JSON-Schema-Test-Suite for draft 7, from Debian's package json-schema-test-suite. suite_failures.txt lists what
// fails, with the reason. A listed test that does not fail is an error too.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "schema/schema.hpp"

namespace vbrain::schema {
namespace {

using nlohmann::json;

const std::filesystem::path kSuite = "/usr/share/json-schema-test-suite/tests/draft7";

json read_json_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  return json::parse(file);
}

// Lines "file: group: test"; what stands after " # " is the reason. A test "*" means all of the group.
std::set<std::string> read_known_failures() {
  std::ifstream file(VBRAIN_SCHEMA_SUITE_FAILURES);
  EXPECT_TRUE(file) << VBRAIN_SCHEMA_SUITE_FAILURES;
  std::set<std::string> known;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t reason = line.find("  # ");
    EXPECT_NE(reason, std::string::npos) << "no reason: " << line;
    known.insert(line.substr(0, reason));
  }
  return known;
}

// What the schema says of the value; empty: as the suite wants it.
std::string outcome(const Compiled& schema, const json& test) {
  if (!schema) return "refused: " + schema.error();
  Work work;
  const Violations violations = (*schema)->check(test["data"], work);
  const bool want = test["valid"];
  if (violations.empty() == want) return "";
  return want ? "not taken: " + in_words(violations, 200) : "taken";
}

TEST(JsonSchemaTestSuite, PassesButForWhatIsListed) {
  ASSERT_TRUE(std::filesystem::exists(kSuite)) << "install the packages: scripts/install-packages.sh";
  const std::set<std::string> known = read_known_failures();
  std::set<std::string> unused = known;
  std::map<std::string, int> count;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kSuite)) {
    if (entry.path().extension() != ".json") continue;
    const std::string file = std::filesystem::relative(entry.path(), kSuite);
    for (const json& group : read_json_file(entry.path())) {
      const Compiled schema = Schema::compile(group["schema"].dump());
      const std::string in = file + ": " + group["description"].get<std::string>() + ": ";
      bool fails = false;
      for (const json& test : group["tests"]) {
        const std::string name = in + test["description"].get<std::string>();
        const std::string problem = outcome(schema, test);
        ++count[file.starts_with("optional") ? "optional" : "required"];
        fails = fails || !problem.empty();
        if (known.contains(in + "*")) continue;
        EXPECT_EQ(problem.empty(), !known.contains(name)) << name << ": " << problem;
        unused.erase(name);
      }
      EXPECT_TRUE(fails || !known.contains(in + "*")) << in << ": listed, and does not fail";
      unused.erase(in + "*");
    }
  }
  EXPECT_GE(count["required"], 400);
  EXPECT_GE(count["optional"], 100);
  for (const std::string& name : unused) ADD_FAILURE() << "listed, and not in the suite: " << name;
}

}  // namespace
}  // namespace vbrain::schema

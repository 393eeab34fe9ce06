#include "runner/job_json.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "schema/schema.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::runner {
namespace {

using vbrain::testing::read_file;
using vbrain::testing::TempDir;

struct Case {
  const char* what;
  std::string job_json;
  std::string want_params;
  std::string want_metadata;
  std::string want_error = {};
};

TEST(JobJson, BecomesTwoFiles) {
  const std::string large = "{\"k\":\"" + std::string(200'000, 'x') + "\"}";
  const std::vector<Case> cases = {
      {"to the byte", R"({"format":1,"params":{"a": 1.10, "b":"\u0041é" } ,"metadata":{"n":12345678901234567890123}})",
       R"({"a": 1.10, "b":"\u0041é" })", R"({"n":12345678901234567890123})"},
      {"in any order, among others",
       R"({ "metadata" : {} , "x":{"params":{"no":1}}, "input":[{"name":"params"}], "params"  :)"
       "\n\t {\"yes\":{\"params\":[]}}, \"format\" : 1 }",
       R"({"yes":{"params":[]}})", "{}"},
      {"larger than a block", R"({"format":1,"params":)" + large + R"(,"metadata":)" + large + "}", large, large},
      {"absent", R"({"format":1})", "{}", "{}"},
      {"null", R"({"format":1,"params": null,"priority":0,"metadata":null})", "{}", "{}"},
      {"an escaped name", R"({"format":1,"p\u0061rams":{"a":1}})", R"({"a":1})", "{}"},
      {"no object", R"({"format":1,"params":[{}]})", "", "", "params is not an object"},
      {"text", R"({"format":1,"metadata":"{}"})", "", "", "metadata is not an object"},
      {"twice", R"({"format":1,"params":{},"params":{}})", "", "", "params appears twice"},
      {"another format", R"({"format":2,"params":{}})", "", "", "format is not 1"},
      {"a format that is no number", R"({"format":"1"})", "", "", "format is not 1"},
      {"no format", R"({"params":{}})", "", "", "format is missing"},
      {"a list", "[]", "", "", "it is not an object"},
      {"a number", "1", "", "", "it is not an object"},
      {"cut short", R"({"format":1,"params":{"a":)", "", "", "syntax error at byte 27"},
      {"empty", "", "", "", "syntax error at byte 1"},
  };
  for (const Case& c : cases) {
    const TempDir temp;
    vbrain::testing::write_file(temp / "job.json", c.job_json);
    const artifacts::Fd file(open((temp / "job.json").c_str(), O_RDONLY));
    const auto unfolded = unfold_job_json(file.get(), artifacts::Dir::open(temp.path()));
    if (!c.want_error.empty()) {
      ASSERT_FALSE(unfolded) << c.what;
      EXPECT_EQ(unfolded.error(), c.want_error) << c.what;
      continue;
    }
    ASSERT_TRUE(unfolded) << c.what << ": " << unfolded.error();
    EXPECT_EQ(read_file(temp / "params.json"), c.want_params) << c.what;
    EXPECT_EQ(read_file(temp / "metadata.json"), c.want_metadata) << c.what;
    EXPECT_EQ(vbrain::testing::mode_of(temp / "params.json"), 0444U) << c.what;
  }
}

TEST(JobJson, ThatCannotBeReadIsTheVolumesFailure) {
  const TempDir temp;
  const artifacts::Fd folder(open(temp.path().c_str(), O_RDONLY | O_DIRECTORY));
  EXPECT_THROW(static_cast<void>(unfold_job_json(folder.get(), artifacts::Dir::open(temp.path()))),
               artifacts::VolumeError);
}

TEST(JobJson, NamesJobAndRepository) {
  struct Ids {
    const char* what;
    std::string job_json;
    JobIds want;
    std::string want_error = {};
  };
  const std::string longest(255, 'r');
  const Ids cases[] = {
      {"both", R"({"format":1,"job_id":"j","x":{"job_id":"no"},"repository_id":"r"})", {"j", "r"}},
      {"in any order", R"({"repository_id":"r","params":{"job_id":"no"},"job_id":"j","format":1})", {"j", "r"}},
      {"none", R"({"format":1})", {}},
      {"null", R"({"format":1,"job_id":"j","repository_id":null})", {"j", ""}},
      {"empty", R"({"format":1,"job_id":"j","repository_id":""})", {"j", ""}},
      {"escapes", R"({"format":1,"job_\u0069d":"\u00e9","repository_id":"a\/b"})", {"\u00e9", "a/b"}},
      {"the longest", R"({"format":1,"job_id":"j","repository_id":")" + longest + "\"}", {"j", longest}},
      {"too long", R"({"format":1,"repository_id":")" + longest + "x\"}", {}, "repository_id is too long"},
      {"a number", R"({"format":1,"job_id":7})", {}, "job_id is not text"},
      {"an object", R"({"format":1,"repository_id":{}})", {}, "repository_id is not text"},
      {"a trace", R"({"format":1,"traceparent":"00-t","job_id":"j"})", {"j", "", "00-t"}},
      {"twice", R"({"format":1,"job_id":"j","job_id":"k"})", {}, "job_id appears twice"},
  };
  for (const Ids& c : cases) {
    const TempDir temp;
    vbrain::testing::write_file(temp / "job.json", c.job_json);
    const artifacts::Fd file(open((temp / "job.json").c_str(), O_RDONLY));
    const auto ids = unfold_job_json(file.get(), artifacts::Dir::open(temp.path()));
    EXPECT_EQ(ids ? "" : ids.error(), c.want_error) << c.what;
    EXPECT_EQ(ids.value_or(JobIds{}), c.want) << c.what;
  }
}

TEST(JobJson, HasTheSchemaOfTheResult) {
  const struct {
    std::string json;
    std::string want;
    std::string want_error = {};
  } cases[] = {
      {R"({"format":1,"job_id":"j"})", ""},
      {R"({"format":1,"result_schema": {"type": "number"} ,"job_id":"j"})", R"({"type": "number"})"},
      {R"({"format":1,"result_schema":null})", ""},
      {R"({"format":1,"result_schema":[]})", "", "result_schema is not an object"},
      {R"({"format":1,"result_schema":{},"result_schema":{}})", "", "result_schema appears twice"},
      {R"({"format":1,"result_schema":{"a":")" + std::string(schema::kSchemaLimit, 'x') + "\"}}", "",
       "result_schema is too long"},
  };
  for (const auto& c : cases) {
    const TempDir temp;
    vbrain::testing::write_file(temp / "job.json", c.json);
    const artifacts::Fd file(open((temp / "job.json").c_str(), O_RDONLY));
    const auto unfolded = unfold_job_json(file.get(), artifacts::Dir::open(temp.path()));
    ASSERT_EQ(unfolded.has_value(), c.want_error.empty()) << c.want;
    if (unfolded) {
      EXPECT_EQ(unfolded->result_schema, c.want);
      EXPECT_EQ(read_file(temp / "params.json"), "{}");
    } else {
      EXPECT_EQ(unfolded.error(), c.want_error);
    }
  }
}

}  // namespace
}  // namespace vbrain::runner

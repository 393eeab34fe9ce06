// What the command finds in its environment, whether the pod or the runner sets the variables of the contract.
#include "support/cpp/job_variables.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runner/settings.hpp"
#include "unit/runner/sandbox.hpp"

namespace vbrain::runner {
namespace {

using ::testing::HasSubstr;
using vbrain::testing::JobVariables;
using vbrain::testing::read_file;
using vbrain::testing::Sandbox;
using vbrain::testing::write_file;
using Kind = artifacts::Outcome::Kind;

// The environment of the command, with `/root` for the folder of the test.
std::map<std::string, std::string> seen_by_command(const Sandbox& box,
                                                   const std::map<std::string, std::string>& environment) {
  EXPECT_EQ(box.run({"/usr/bin/env", "-0"}, environment), 0) << read_file(box.temp / "stderr");
  std::istringstream text(read_file(box.attempt("logs/stdout.log")));
  std::map<std::string, std::string> seen;
  for (std::string entry; std::getline(text, entry, '\0');) {
    for (std::size_t at = 0; (at = entry.find(box.temp.path(), at)) != entry.npos;) {
      entry.replace(at, box.temp.path().size(), "/root");
    }
    const std::size_t end = entry.find('=');
    EXPECT_TRUE(seen.emplace(entry.substr(0, end), entry.substr(end + 1)).second) << entry << " is there twice";
  }
  return seen;
}

TEST(JobVariables, AreTheSameFromThePodAndFromTheRunner) {
  struct Case {
    const char* what;
    std::string output_limit;
  };
  for (const Case& c : {Case{"no limit", ""}, Case{"a limit", "70000"}}) {
    const JobVariables want{.root = {},
                            .job_id = "job-1",
                            .attempt = "2",
                            .repository_id = "202009231629398695",
                            .output_limit = c.output_limit};
    const Sandbox by_pod;
    std::map<std::string, std::string> of_pod = want.list();
    of_pod["VBRAIN_OWN"] = "of the image";
    const auto expected = seen_by_command(by_pod, of_pod);

    // The image or envFrom has values of its own for all of them.
    std::map<std::string, std::string> of_image = want.list();
    for (auto& [name, value] : of_image) value = "forged";
    of_image["VBRAIN_OWN"] = "of the image";
    Sandbox by_runner;
    by_runner.options = {"--attempt", "2"};
    if (!c.output_limit.empty()) {
      by_runner.options.insert(by_runner.options.end(), {"--output-limit", c.output_limit});
    }
    EXPECT_EQ(seen_by_command(by_runner, of_image), expected) << c.what;

    // And if it has none.
    Sandbox alone;
    alone.options = by_runner.options;
    EXPECT_EQ(seen_by_command(alone, {{"VBRAIN_OWN", "of the image"}}), expected) << c.what;

    const JobVariables inside{.root = "/root",
                              .job_id = want.job_id,
                              .attempt = want.attempt,
                              .repository_id = want.repository_id,
                              .output_limit = want.output_limit};
    for (const auto& [name, value] : inside.list()) {
      ASSERT_TRUE(expected.contains(name)) << name;
      EXPECT_EQ(expected.at(name), value) << c.what << ": " << name;
    }
  }
}

TEST(JobVariables, AJobWithoutARepositoryHasAnEmptyOne) {
  Sandbox box;
  box.options = {"--attempt", "1"};
  write_file(box.temp / "vbrain/job.json", R"({"format":1,"job_id":"job-2","repository_id":""})");
  const auto seen = seen_by_command(box, {});
  EXPECT_EQ(seen.at("VBRAIN_JOB_ID"), "job-2");
  EXPECT_EQ(seen.at("VBRAIN_REPOSITORY_ID"), "");
}

TEST(JobVariables, TheTraceOfTheRequestGoesOn) {
  constexpr const char* kTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const std::pair<const char*, const char*> cases[] = {{kTrace, kTrace}, {"00-x", "of the image"}};
  for (const auto& [sent, want] : cases) {
    Sandbox box;
    box.options = {"--attempt", "1"};
    write_file(box.temp / "vbrain/job.json", R"({"format":1,"job_id":"j","traceparent":")" + std::string(sent) + "\"}");
    EXPECT_EQ(seen_by_command(box, {{"TRACEPARENT", "of the image"}}).at("TRACEPARENT"), want) << sent;
  }
}

// An image that sets the runner's variables sets no limit.
TEST(JobVariables, LimitsAreTheArguments) {
  const std::string script = "printf 1234567890 > $VBRAIN_OUTPUT_DIR/ten";
  Sandbox free;
  free.options = {"--attempt", "1"};
  EXPECT_EQ(free.run_shell(script, {{"VBRAIN_OUTPUT_LIMIT_BYTES", "5"}, {"VBRAIN_LOG_LIMIT_BYTES", "x"}}), 0);
  EXPECT_GT(free.reported().output_bytes, 0U);

  Sandbox limited;
  limited.options = {"--attempt", "1", "--output-limit", "5"};
  EXPECT_EQ(limited.run_shell(script, {{"VBRAIN_OUTPUT_LIMIT_BYTES", "50000"}}), kSealFailed);
}

TEST(JobVariables, AJobFileWithoutAnIdStartsNothing) {
  const std::string file = R"({"format":1,"params":{}})";
  Sandbox box;
  box.options = {"--attempt", "1"};
  write_file(box.temp / "vbrain/job.json", file);
  EXPECT_EQ(box.run({"/bin/true"}), kOwnFailure);
  EXPECT_EQ(box.reported().kind, Kind::kExecFailed);
  EXPECT_THAT(box.reported().message, HasSubstr("job_id is missing"));

  const Sandbox by_pod;
  write_file(by_pod.temp / "vbrain/job.json", file);
  EXPECT_EQ(by_pod.run({"/bin/true"}), 0) << "the pod names the job";
}

// Tests of faults stop the first attempt only.
TEST(JobVariables, FailpointsSeeTheAttempt) {
  for (const auto& [number, want] : {std::pair{"1", 137}, std::pair{"2", 0}}) {
    Sandbox box;
    box.options = {"--attempt", number};
    EXPECT_EQ(box.run({"/bin/true"}, {{"FAILPOINT", "runner.before-claim"}}), want) << number;
  }
}

}  // namespace
}  // namespace vbrain::runner

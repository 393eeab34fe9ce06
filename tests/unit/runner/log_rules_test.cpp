// What happens to which log file, as tables.
#include <gtest/gtest.h>

#include "runner/logs/kept_end.hpp"
#include "runner/logs/live_copies.hpp"
#include "runner/logs/log_names.hpp"

namespace vbrain::runner {
namespace {

using Moves = std::vector<std::pair<std::string, std::string>>;

TEST(LiveMoves, FollowNamesInAnOrderThatOverwritesNothing) {
  const auto id = [](std::uint64_t number) { return FileIdentity{.device = 1, .number = number, .born_ns = 5}; };
  struct Case {
    const char* what;
    FilesByPath copies;
    FilesByPath sources;
    Moves want;
  };
  const std::vector<Case> cases = {
      {"nothing changed", {{"a", id(1)}}, {{"a", id(1)}}, {}},
      {"a new file", {{"a", id(1)}}, {{"a", id(1)}, {"b", id(2)}}, {}},
      {"a renamed file", {{"a", id(1)}}, {{"b", id(1)}}, {{"a", "b"}}},
      {"a rotation", {{"a", id(1)}}, {{"a", id(2)}, {"a.1", id(1)}}, {{"a", "a.1"}}},
      {"a rotation of many",
       {{"a", id(3)}, {"a.1", id(2)}, {"a.2", id(1)}},
       {{"a", id(4)}, {"a.1", id(3)}, {"a.2", id(2)}, {"a.3", id(1)}},
       {{"a.2", "a.3"}, {"a.1", "a.2"}, {"a", "a.1"}}},
      {"a rotation that drops the oldest",
       {{"a", id(3)}, {"a.1", id(2)}, {"a.2", id(1)}},
       {{"a.1", id(3)}, {"a.2", id(2)}},
       {{"a.1", "a.2"}, {"a", "a.1"}}},
      {"two changed places", {{"a", id(1)}, {"b", id(2)}}, {{"a", id(2)}, {"b", id(1)}}, {}},
      {"a second name is no rename", {{"a", id(1)}}, {{"a", id(1)}, {"b", id(1)}}, {}},
      {"one of two names is left", {{"a", id(1)}, {"b", id(1)}}, {{"b", id(1)}}, {}},
      {"two names become one", {{"a", id(1)}, {"b", id(1)}}, {{"c", id(1)}}, {{"a", "c"}}},
      {"a new file with the number of an old one",
       {{"a", id(1)}},
       {{"b", {.device = 1, .number = 1, .born_ns = 6}}},
       {}},
  };
  for (const Case& c : cases) EXPECT_EQ(plan_moves(c.copies, c.sources), c.want) << c.what;
}

TEST(LogNames, OfTheApplicationNeverMeetTheRunners) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"a.log", "a.log"},
      {"stdout.log", "stdout.log.1"},
      {"stdout.log.1", "stdout.log.1.1"},
      {"stdout.log.2", "stdout.log.2"},
      {"left-out-by-runner.txt", "left-out-by-runner.txt.1"},
      {"d/stdout.log", "d/stdout.log"},
      {"stderr.log/x", "stderr.log.1/x"},
      {".1", ".1"},
  };
  for (const auto& [name, want] : cases) EXPECT_EQ(kept_log_path(name), want) << name;
}

TEST(KeptEnd, IsAppendedToAndSeldomReplaced) {
  struct Case {
    const char* what;
    std::uint64_t in_file, fresh;
    EndStep want;
  };
  const std::vector<Case> cases = {
      {"the first end", 0, 200, {true, 100}},        {"the first end, small", 0, 1, {true, 50}},
      {"a line more", 50, 10, {false, 10}},          {"just fits", 90, 10, {false, 10}},
      {"does not fit", 91, 10, {true, 50}},          {"many lines", 50, 60, {true, 60}},
      {"more than all of it", 50, 500, {true, 100}},
  };
  for (const Case& c : cases) EXPECT_EQ(next_end_step(c.in_file, c.fresh, 100), c.want) << c.what;
}

}  // namespace
}  // namespace vbrain::runner

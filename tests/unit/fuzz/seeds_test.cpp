// Parsers hold what the targets of the fuzzer require for the targets' own first inputs, and for parts of them. A
// broken promise ends the program and names the promise.
#include <gtest/gtest.h>

#include "fuzz/fuzz.hpp"

namespace vbrain::fuzz {
namespace {

class SeedsTest : public ::testing::TestWithParam<Target> {};

TEST_P(SeedsTest, BreakNoPromise) {
  const Target& target = GetParam();
  run_copy(target, {});
  for (const std::string& seed : target.seeds) {
    run_copy(target, seed);
    run_copy(target, seed.substr(0, seed.size() / 2));
  }
}

std::string name_of(const ::testing::TestParamInfo<Target>& info) {
  std::string name;
  for (const char* c = info.param.name; *c != '\0'; ++c) name += *c == '-' ? '_' : *c;
  return name;
}

INSTANTIATE_TEST_SUITE_P(Targets, SeedsTest, ::testing::ValuesIn(all_targets()), name_of);

}  // namespace
}  // namespace vbrain::fuzz

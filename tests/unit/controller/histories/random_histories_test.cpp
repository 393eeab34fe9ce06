// Whatever happens, in whatever order: nothing that must never happen, and an end.
#include <gtest/gtest.h>

#include <cstdlib>

#include "unit/controller/world/history.hpp"

namespace vbrain::controller {
namespace {

// VBRAIN_SEEDS=N plays N histories; VBRAIN_SEED=S plays the one of that seed.
std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(RandomHistories, NeverGoWrong) {
  const std::uint64_t first = number_from("VBRAIN_SEED", 1);
  const std::uint64_t count = std::getenv("VBRAIN_SEED") != nullptr ? 1 : number_from("VBRAIN_SEEDS", 150);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const testing::History history = testing::draw_history(seed);
    const auto wrong = testing::play(history);
    if (wrong.empty()) continue;
    ADD_FAILURE() << wrong.front() << "\n  in: " << text_of(testing::minimise(history));
  }
}

}  // namespace
}  // namespace vbrain::controller

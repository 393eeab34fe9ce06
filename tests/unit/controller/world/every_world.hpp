#pragma once

#include <gtest/gtest.h>

#include "unit/controller/world/world.hpp"

namespace vbrain::controller::testing {

// Histories that end the same however late the watches are, and whoever leads.
class InEveryWorld : public ::testing::TestWithParam<Flavour> {};

inline std::string name_of(const ::testing::TestParamInfo<Flavour>& info) {
  return text_of(info.param);
}

}  // namespace vbrain::controller::testing

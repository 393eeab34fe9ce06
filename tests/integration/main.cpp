#include <gtest/gtest.h>

#include <string_view>

#include "integration/lead_until_killed.hpp"

// Runs the tests; or, as a child of one test, `lead KUBECONFIG NAMESPACE`.
int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "lead") return vbrain::testing::lead_until_killed(argv[2], argv[3]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}

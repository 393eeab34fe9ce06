#include "api-server/config.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace vbrain::api {
namespace {

Config config_of(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "api-server");
  Config config;
  EXPECT_TRUE(read_config(static_cast<int>(arguments.size()), arguments.data(), config).proceed);
  return config;
}

TEST(Config, TheNumberOfBulkWorkersIsThatOfTheProcessorsFromTwoToFour) {
  for (const std::vector<const char*>& arguments : {std::vector<const char*>{}, {"--bulk-workers=0"}}) {
    const std::size_t chosen = config_of(arguments).bulk_workers;
    EXPECT_GE(chosen, 2U);
    EXPECT_LE(chosen, 4U);
  }
  EXPECT_EQ(config_of({"--bulk-workers=7"}).bulk_workers, 7U);
  EXPECT_EQ(config_of({"--bulk-workers=1"}).bulk_workers, 1U);
}

TEST(Config, OneTenantHasHalfOfTheConnectionsIfNothingElseIsSet) {
  const auto of_tenant = [](std::vector<const char*> arguments) {
    return config_of(std::move(arguments)).limits.max_connections_per_tenant;
  };
  EXPECT_EQ(of_tenant({}), 5'000U);
  EXPECT_EQ(of_tenant({"--max-connections=1001"}), 501U);
  EXPECT_EQ(of_tenant({"--max-connections=1", "--max-connections-per-tenant=0"}), 1U);
  EXPECT_EQ(of_tenant({"--max-connections-per-tenant=7"}), 7U);
}

}  // namespace
}  // namespace vbrain::api

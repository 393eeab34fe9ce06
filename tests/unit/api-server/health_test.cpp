#include "api-server/health.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/cpp/temp_dir.hpp"

namespace vbrain::api {
namespace {

double value_of(base::Metrics& metrics, const std::string& name) {
  const std::string text = metrics.render();
  const std::size_t line = text.find("\n" + name + " ");
  return line == std::string::npos ? -1 : std::stod(text.substr(line + name.size() + 2));
}

TEST(VolumeSpaceTest, TellsSizeAndWhatIsLeft) {
  const testing::TempDir folder;
  base::Metrics metrics;
  VolumeSpace space(folder.path(), metrics);
  EXPECT_EQ(value_of(metrics, "vbrain_volume_size_bytes"), 0) << "not measured yet";
  space.measure();
  const double size = value_of(metrics, "vbrain_volume_size_bytes");
  const double available = value_of(metrics, "vbrain_volume_available_bytes");
  EXPECT_EQ(size, static_cast<double>(std::filesystem::space(folder.path()).capacity));
  EXPECT_GT(available, 0);
  EXPECT_LE(available, size);
}

TEST(VolumeSpaceTest, AVolumeThatIsGoneThrowsAndKeepsTheValues) {
  base::Metrics metrics;
  VolumeSpace space("/nowhere/at/all", metrics);
  EXPECT_THROW(space.measure(), std::filesystem::filesystem_error);
  EXPECT_EQ(value_of(metrics, "vbrain_volume_size_bytes"), 0);
}

}  // namespace
}  // namespace vbrain::api

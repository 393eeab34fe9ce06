#include "base/options.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <utility>

namespace vbrain::base {
namespace {

struct Settings {
  std::string listen = "default";
  int workers = 1;
  std::chrono::milliseconds wait{15'000};
};

class Options : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("vbrain-options-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override {
    unsetenv("VBRAIN_LISTEN");
    unsetenv("VBRAIN_WORKERS");
    std::filesystem::remove_all(folder_);
  }

  std::string file(const std::string& text) {
    const std::filesystem::path path = folder_ / "config.yaml";
    std::ofstream(path) << text;
    return path.string();
  }

  OptionsOutcome read(std::vector<const char*> arguments) {
    CLI::App app("test", "program");
    app.add_option("--listen", settings_.listen);
    app.add_option("--workers", settings_.workers)->check(CLI::Range(1, 64));
    add_duration(app, "--wait", settings_.wait, "How long");
    add_environment_and_config(app);
    arguments.insert(arguments.begin(), "program");
    return read_options(app, static_cast<int>(arguments.size()), arguments.data());
  }

  Settings settings_;
  std::filesystem::path folder_;
};

TEST_F(Options, DefaultsStay) {
  EXPECT_TRUE(read({}).proceed);
  EXPECT_EQ(settings_.listen, "default");
}

TEST_F(Options, FlagBeatsEnvironmentBeatsFile) {
  const std::string path = file("listen: file\nworkers: 3\n");
  ASSERT_TRUE(read({"--config", path.c_str()}).proceed);
  EXPECT_EQ(settings_.listen, "file");
  EXPECT_EQ(settings_.workers, 3);

  setenv("VBRAIN_LISTEN", "environment", 1);
  ASSERT_TRUE(read({"--config", path.c_str()}).proceed);
  EXPECT_EQ(settings_.listen, "environment");

  ASSERT_TRUE(read({"--config", path.c_str(), "--listen", "flag"}).proceed);
  EXPECT_EQ(settings_.listen, "flag");
}

TEST_F(Options, WrongOnesAreRefusedWithExitCodeTwo) {
  const std::string unknown_key = file("lisden: x\n");
  for (const auto& arguments : std::vector<std::vector<const char*>>{{"--unknown", "x"},
                                                                     {"--workers", "many"},
                                                                     {"--workers", "0"},
                                                                     {"--wait", "soon"},
                                                                     {"--config", "/nonexistent"},
                                                                     {"--config", unknown_key.c_str()}}) {
    const OptionsOutcome outcome = read(arguments);
    EXPECT_FALSE(outcome.proceed);
    EXPECT_EQ(outcome.exit_code, 2);
  }
}

TEST_F(Options, DurationsHaveUnitsAndTheHelpShowsTheirDefault) {
  ASSERT_TRUE(read({"--wait", "1m30s"}).proceed);
  EXPECT_EQ(settings_.wait, std::chrono::seconds(90));
  for (const auto& [value, shown] :
       {std::pair{std::chrono::milliseconds(15'000), "=15s"}, std::pair{std::chrono::milliseconds(250), "=250ms"}}) {
    std::chrono::milliseconds target = value;
    CLI::App app("test", "program");
    add_duration(app, "--wait", target, "How long");
    EXPECT_NE(app.help().find(shown), std::string::npos) << app.help();
  }
}

TEST_F(Options, ValuesOfTheFileAreChecked) {
  const std::string path = file("workers: 1000\n");
  EXPECT_EQ(read({"--config", path.c_str()}).exit_code, 2);
}

}  // namespace
}  // namespace vbrain::base

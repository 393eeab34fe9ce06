#pragma once

#include <CLI/App.hpp>
#include <string>

namespace vbrain::base {

// What a program should do after its options were read.
struct OptionsOutcome {
  bool proceed = false;
  int exit_code = 0;
};

// Gives every option of `app` that has a long name `--like-this` the environment name VBRAIN_LIKE_THIS and adds
// `--config FILE` (YAML, keys as the long names without dashes). Call after all options are added.
void add_environment_and_config(CLI::App& app);

// Reads argv, then the environment, then the YAML file, each filling what the earlier ones left open: precedence
// flag > environment > file > default. Unknown flags and keys, and values that do not convert, print one line to
// stderr (help and version to stdout) and end with the returned exit code, 2 for a user's error.
OptionsOutcome read_options(CLI::App& app, int argc, const char* const* argv);

}  // namespace vbrain::base

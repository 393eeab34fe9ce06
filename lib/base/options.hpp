#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <string>

namespace vbrain::base {

// What a program should do after its options were read.
struct OptionsOutcome {
  bool proceed = false;
  int exit_code = 0;
};

// Adds an option whose value is a duration such as "500ms", "15s" or "1h30m" (parse_duration). Its default is `value`.
void add_duration(CLI::App& app, const std::string& name, std::chrono::milliseconds& value, const std::string& help);

// Gives every option of `app` with a long name `--like-this` the environment variable VBRAIN_LIKE_THIS. Adds `--config
// FILE`: a YAML file whose keys are the long names without dashes in front. Call it after all options are added.
void add_environment_and_config(CLI::App& app);

// Reads options from argv, the environment and the YAML file. Precedence: flag, environment, file, default. An unknown
// flag or key, or a value of a wrong form, prints one line to stderr; help and version print to stdout. In these cases
// the program must end with the returned exit code, which is 2 for an error of the user.
OptionsOutcome read_options(CLI::App& app, int argc, const char* const* argv);

}  // namespace vbrain::base

#include "base/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/json/yaml.hpp"
#include "base/time/duration.hpp"

namespace vbrain::base {
namespace {

using nlohmann::json;

constexpr const char* kConfig = "--config";

std::string environment_name(const std::string& long_name) {
  std::string name = "VBRAIN_" + long_name;
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return c == '-' ? '_' : std::toupper(c); });
  return name;
}

std::string as_text(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_primitive() && !value.is_null()) return value.dump();
  throw CLI::ValidationError("needs a single value");
}

void apply_file(CLI::App& app, const std::string& path) {
  std::ifstream file(path);
  if (!file) throw CLI::FileError("--config: cannot read " + path);
  std::stringstream text;
  text << file.rdbuf();
  const auto parsed = parse_yaml(text.str());
  if (!parsed) throw CLI::FileError("--config: " + path + ": " + parsed.error());
  if (parsed->is_null()) return;
  if (!parsed->is_object()) throw CLI::FileError("--config: " + path + ": not a mapping");
  for (const auto& [key, value] : parsed->items()) {
    CLI::Option* option = app.get_option_no_throw("--" + key);
    if (option == nullptr || "--" + key == kConfig) {
      throw CLI::FileError("--config: " + path + ": unknown key '" + key + "'");
    }
    if (option->count() != 0) continue;
    option->add_result(as_text(value));
    option->run_callback();
  }
}

}  // namespace

void add_duration(CLI::App& app, const std::string& name, std::chrono::milliseconds& value, const std::string& help) {
  const auto milliseconds = value.count();
  app.add_option_function<std::string>(
         name,
         [&value, name](const std::string& text) {
           const auto parsed = parse_duration(text);
           if (!parsed)
             throw CLI::ValidationError(name, "'" + text + "' is not a duration such as 500ms, 15s or 1h30m");
           value = *parsed;
         },
         help)
      ->type_name("DURATION")
      ->default_str(milliseconds % 1000 == 0 ? std::to_string(milliseconds / 1000) + "s"
                                             : std::to_string(milliseconds) + "ms");
}

void add_environment_and_config(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    const auto& names = option->get_lnames();
    if (names.empty() || names.front() == "help" || names.front() == "version") continue;
    option->envname(environment_name(names.front()));
  }
  app.add_option(kConfig, "YAML file whose keys are the names of these flags without the leading dashes")
      ->envname("VBRAIN_CONFIG");
}

OptionsOutcome read_options(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
    if (const CLI::Option* config = app.get_option_no_throw(kConfig); config != nullptr && config->count() > 0) {
      apply_file(app, config->as<std::string>());
    }
    return {true, 0};
  } catch (const CLI::Success& shown) {
    return {false, app.exit(shown)};
  } catch (const CLI::Error& problem) {
    std::cerr << app.get_name() << ": " << problem.what() << " (see --help)\n";
    return {false, 2};
  }
}

}  // namespace vbrain::base

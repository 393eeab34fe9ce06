#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vbrain::fuzz {

// One parser and what it starts from. `run` gets any bytes; it must return, throw nothing, and hold its promises, which
// require() checks.
struct Target {
  const char* name;
  void (*run)(std::string_view input);
  std::vector<std::string> seeds;  // what the parser takes, or nearly
  std::vector<std::string> words;  // what mutations put in
};

// Ends the program with the sentence, and the input in a file, if the promise was not held.
void require(bool held, const char* promise);

// By subject, one file each.
std::vector<Target> archive_targets();
std::vector<Target> http_targets();
std::vector<Target> json_targets();
std::vector<Target> kube_targets();

}  // namespace vbrain::fuzz

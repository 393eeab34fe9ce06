#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vbrain::fuzz {

// One parser and its first inputs. `run` gets any bytes. It must return and throw nothing; require() checks its
// results.
struct Target {
  const char* name;
  void (*run)(std::string_view input);
  std::vector<std::string> seeds;  // inputs that the parser accepts or nearly accepts
  std::vector<std::string> words;  // tokens that mutations insert
};

// If `promise` is false, ends the program with the sentence. libFuzzer then stores the input.
void require(bool held, const char* promise);

// Runs the target on a copy of exact size, so that the sanitizer sees a read beyond the end. Ends the program if the
// target throws.
void run_copy(const Target& target, std::string_view input) noexcept;

std::vector<Target> all_targets();

// The targets by subject, one file each.
std::vector<Target> archive_targets();
std::vector<Target> event_targets();
std::vector<Target> http_targets();
std::vector<Target> json_targets();
std::vector<Target> kube_targets();
std::vector<Target> request_targets();
std::vector<Target> runner_targets();
std::vector<Target> upload_targets();
std::vector<Target> schema_targets();
std::vector<Target> webhook_targets();

}  // namespace vbrain::fuzz

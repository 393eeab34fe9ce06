#include "fuzz/fuzz.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace vbrain::fuzz {

void require(bool held, const char* promise) {
  if (held) return;
  std::fprintf(stderr, "fuzz: not held: %s\n", promise);
  std::abort();
}

void run_copy(const Target& target, std::string_view input) noexcept {
  const std::unique_ptr<char[]> copy(new char[input.size()]);
  if (!input.empty()) std::memcpy(copy.get(), input.data(), input.size());
  target.run({copy.get(), input.size()});
}

std::vector<Target> all_targets() {
  std::vector<Target> all;
  for (auto* list : {&archive_targets, &event_targets, &http_targets, &json_targets, &kube_targets, &request_targets, &runner_targets,
                     &schema_targets, &upload_targets, &webhook_targets}) {
    for (Target& target : list()) all.push_back(std::move(target));
  }
  return all;
}

}  // namespace vbrain::fuzz

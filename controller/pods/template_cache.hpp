#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.hpp"
#include "controller/pods/pod_template.hpp"
#include "job/application.hpp"

namespace vbrain::controller {

// Keeps the prepared templates of the Applications whose jobs came last, at most kCapacity of them: a template is
// parsed and checked once, not once per pod. Thread-safe.
class TemplateCache {
 public:
  static constexpr std::size_t kCapacity = 64;
  // A template of more bytes is prepared for each pod, so that the memory of the cache is bounded.
  static constexpr std::size_t kLargest = 64U << 10;

  using Prepared = Result<std::shared_ptr<const PodTemplate>, std::string>;

  explicit TemplateCache(PodSettings settings) : settings_(std::move(settings)) {}

  // As prepare_template() for this version of the Application.
  Prepared get(const job::Application& application);

 private:
  // What the prepared template was made of. It is compared, because metadata.generation can come again with another
  // content after a restore of etcd.
  struct Entry {
    std::int64_t generation = 0;
    std::string template_json;
    std::string output_limit;
    Prepared prepared;
    std::uint64_t used = 0;
  };

  const PodSettings settings_;
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;  // by the Application's UID
  std::uint64_t uses_ = 0;
};

}  // namespace vbrain::controller

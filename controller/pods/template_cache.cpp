#include "controller/pods/template_cache.hpp"

#include <algorithm>

namespace vbrain::controller {
namespace {

TemplateCache::Prepared prepare(const job::Application& application, const PodSettings& settings) {
  auto prepared = prepare_template(application, settings);
  if (!prepared) return Unexpected<std::string>(std::move(prepared.error()));
  return std::make_shared<const PodTemplate>(std::move(*prepared));
}

}  // namespace

TemplateCache::Prepared TemplateCache::get(const job::Application& application) {
  if (application.template_json.size() > kLargest) return prepare(application, settings_);
  {
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(application.meta.uid);
    if (found != entries_.end() && found->second.generation == application.meta.generation &&
        found->second.template_json == application.template_json &&
        found->second.output_limit == application.output_limit) {
      found->second.used = ++uses_;
      return found->second.prepared;
    }
  }
  Prepared prepared = prepare(application, settings_);
  const std::scoped_lock lock(mutex_);
  entries_.insert_or_assign(application.meta.uid, Entry{.generation = application.meta.generation,
                                                        .template_json = application.template_json,
                                                        .output_limit = application.output_limit,
                                                        .prepared = prepared,
                                                        .used = ++uses_});
  if (entries_.size() > kCapacity) {
    entries_.erase(std::ranges::min_element(entries_, {}, [](const auto& entry) { return entry.second.used; }));
  }
  return prepared;
}

}  // namespace vbrain::controller

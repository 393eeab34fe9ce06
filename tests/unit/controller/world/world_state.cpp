// What can be asked of the World.
#include "controller/sweep/sweeper.hpp"
#include "unit/controller/world/paths.hpp"
#include "unit/controller/world/world.hpp"

namespace vbrain::controller::testing {

using nlohmann::json;

void World::scan() {
  vbrain::testing::ManualClock later;
  later.advance(base::SystemClock().now() - later.now() + std::chrono::minutes(2));
  kube::ApiClient client(api);
  const kube::Cache<job::Job> none;
  Sweeper sweeper({.store = store_,
                   .client = client,
                   .jobs = none,
                   .metrics = metrics_,
                   .clock = later,
                   .namespace_name = "vbrain",
                   .volume_time = [&] { return later.now(); }},
                  {});
  if (!sweeper.scan({})) oracle_.report("the scan could not be finished");
}

json World::job() const {
  return api.object(kJob);
}
json World::status() const {
  const json object = job();
  return object.is_null() ? json() : object.value("status", json());
}
json World::pod(int attempt) const {
  return api.object(kPods + "/" + kJobId + "-" + std::to_string(attempt));
}
std::size_t World::pods() const {
  std::size_t count = 0;
  for (int attempt = 1; attempt < 20; ++attempt) count += pod(attempt).is_null() ? 0 : 1;
  return count;
}
int World::count(const std::string& what) const {
  const auto found = counts_.find(what);
  return found == counts_.end() ? 0 : found->second;
}
artifacts::Dir World::attempt_folder(int attempt) const {
  return store_.root().at(artifacts::layout::attempt(tenant(), kJobId, attempt));
}
artifacts::Dir World::job_folder() const {
  return store_.root().at(artifacts::layout::job(tenant(), kJobId));
}
bool World::has_status_file() const {
  return store_.read_status(tenant(), kJobId).has_value();
}
bool World::has_trash() const {
  const auto trash = store_.root().sub(artifacts::layout::trash(tenant()));
  return trash && !trash->list().empty();
}

bool World::has_folder() const {
  return store_.root().status(artifacts::layout::job(tenant(), kJobId)).has_value();
}

}  // namespace vbrain::controller::testing

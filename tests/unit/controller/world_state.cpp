// What can be asked of the World, and what must hold in it at any time.
#include "controller/sweep/sweeper.hpp"
#include "unit/controller/world.hpp"

namespace vbrain::controller::testing {
namespace {

using nlohmann::json;

const std::string kJob = std::string("/apis/vbrain.visagio.com/v1/namespaces/vbrain/jobs/") + kJobId;
const std::string kPods = "/api/v1/namespaces/vbrain/pods";

artifacts::Tenant tenant() {
  return {.organization = "acme", .application = "Tutorial", .client = "north"};
}

json pods_of(vbrain::testing::FakeApiServer& api) {
  return json::parse(api.call({.method = "GET", .target = kPods}, {})->body)["items"];
}

}  // namespace

void World::lose_resources() {
  for (const json& pod : pods_of(api)) api.erase(kPods + "/" + pod["metadata"]["name"].get<std::string>());
  api.erase(kJob);
  last_status_ = nullptr;
  restart();
}

void World::restore(const vbrain::testing::FakeApiServer::Backup& backup) {
  api.restore(backup);
  last_status_ = nullptr;
}

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
  if (!sweeper.scan({})) violations_.push_back("the scan could not be finished");
}

void World::check_invariants() {
  // I4: a status never goes back, and what is terminal stays.
  const json now = status();
  if (!now.is_null() && !last_status_.is_null()) {
    const auto rank = [](const json& s) {
      const std::string phase = s.value("phase", "Queued");
      return phase == "Queued" ? 0 : phase == "Started" ? 1 : 2;
    };
    if (rank(now) < rank(last_status_)) violations_.push_back("phase went back");
    if (rank(last_status_) == 2 && now != last_status_) violations_.push_back("terminal status changed");
    if (now.value("attempts", 0) < last_status_.value("attempts", 0)) violations_.push_back("attempts went back");
  }
  last_status_ = now;
  // I1, I2: an application starts once per attempt, and attempts do not overlap.
  int running = 0;
  for (const auto& [attempt, uids] : started_) {
    if (uids.size() > 1) violations_.push_back("attempt " + std::to_string(attempt) + " started twice");
  }
  for (const json& pod : pods_of(api)) {
    if (pod.value("status", json::object()).value("phase", "") == "Running") ++running;
  }
  if (running > 1) violations_.push_back("two attempts run at once");
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
int World::starts(int attempt) const {
  const auto found = started_.find(attempt);
  return found == started_.end() ? 0 : static_cast<int>(found->second.size());
}
int World::starts_in_all() const {
  int all = 0;
  for (const auto& [attempt, uids] : started_) all += static_cast<int>(uids.size());
  return all;
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

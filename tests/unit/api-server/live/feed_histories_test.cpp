// Random histories: servers that restart and lose their watch, an etcd that is set back, clients that come back to any
// server with their last id. What a client knows at the end is what there is.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "api-server/live/job_feed.hpp"
#include "base/metrics.hpp"
#include "kube/cache/informer.hpp"
#include "support/cpp/fake_api_server.hpp"

namespace vbrain::api {
namespace {

using kube::Informer;
using nlohmann::json;
using vbrain::testing::FakeApiServer;

const std::string kJobs = "/apis/vbrain.visagio.com/v1/namespaces/ns/jobs";
const base::Tenant kAcme{"acme", "Tutorial", "north"};
constexpr int kNames = 6;
constexpr std::size_t kHistory = 12;  // small, so that clients come too late

using Known = std::map<std::string, std::int32_t>;  // attempts of each job

std::string name_of(int number) {
  return "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5" + std::to_string(number);
}

// A server with its watch, which never rests.
struct Server {
  explicit Server(FakeApiServer& api)
      : feed(kHistory), informer(api, "ns", "", metrics, {.page_size = 2, .sleep = [](std::stop_token stop, auto) {
                                                            std::this_thread::yield();
                                                            return !stop.stop_requested();
                                                          }}) {
    informer.add_handler([this](const kube::Change<job::Job>& change) { feed.note(change); });
    informer.add_list_handler([this] { feed.list_began(); },
                              [this](const std::string& version) { feed.list_ended(version); });
    informer.start();
    informer.wait_synced({});
  }

  // Of one tenant, without those that are being deleted.
  Known state() const {
    Known jobs;
    for (const auto& job : informer.store().list()) {
      if (job->spec.organization_id == kAcme.organization && !job->meta.deletion_timestamp) {
        jobs[job->meta.name] = job->status.attempts;
      }
    }
    return jobs;
  }

  base::Metrics metrics;
  JobFeed feed;
  Informer<job::Job> informer;
};

class Client {
 public:
  void connect(const std::shared_ptr<Server>& server) {
    subscription_.reset();
    server_ = server;
    subscription_ = std::make_unique<JobFeed::Subscription>(server->feed, kAcme, "", http::Waker());
    const auto known = server->feed.position_of(last_id_);
    if (!known) return take_state();
    ++continued;
    position_ = *known;
  }
  // Null: it was never connected. A server that was replaced lives as long as its clients.
  const std::shared_ptr<Server>& server() const { return server_; }

  // Reads what is there, `most` changes at most. False if there was nothing.
  bool read(std::size_t most) {
    const auto part = server_->feed.after(*subscription_, position_, most);
    if (part.gap) {
      take_state();
      return true;
    }
    for (const auto& item : part.items) {
      const auto& job = item.news->job;
      if (job == nullptr || job->meta.deletion_timestamp) {
        jobs.erase(item.news->job_id);
      } else {
        jobs[item.news->job_id] = job->status.attempts;
      }
      position_ = item.news->position;
      last_id_ = &item == &part.items.back() && !part.more ? item.news->event_id : "";
    }
    return !part.items.empty();
  }

  Known jobs;
  int continued = 0;

 private:
  void take_state() {
    const JobFeed::Place end = server_->feed.end();
    position_ = end.position;
    jobs = server_->state();
    const auto since = server_->feed.after(*subscription_, position_, 1);
    last_id_ = since.gap || !since.items.empty() ? "" : end.event_id;
  }

  std::shared_ptr<Server> server_;
  std::unique_ptr<JobFeed::Subscription> subscription_;
  std::uint64_t position_ = 0;
  std::string last_id_;
};

class History {
 public:
  explicit History(unsigned seed) : random_(seed) {
    for (auto& server : servers_) server = std::make_shared<Server>(api_);
  }

  void step() {
    const std::string name = name_of(pick(kNames));
    switch (pick(24)) {
      case 0:
        api_.end_watches();
        break;
      case 1:
        api_.compact();
        backup_.reset();  // the watch could not be opened before what was compacted
        break;
      case 2:
        servers_[pick(2)] = std::make_shared<Server>(api_);
        break;
      case 3:
        backup_ = api_.backup();
        break;
      case 4:
        if (backup_) restore();
        break;
      case 5:
      case 6:
        api_.erase(kJobs + "/" + name);
        break;
      case 7:
      case 8:
        clients_[pick(3)].connect(servers_[pick(2)]);
        break;
      default:
        change(name);
    }
    Client& client = clients_[pick(3)];
    if (client.server() != nullptr) client.read(static_cast<std::size_t>(1 + pick(3)));
  }

  // All clients know what there is, wherever they come back.
  void check() {
    Known there;
    for (const json& object : api_.objects(kJobs).items) {
      if (object["spec"]["organizationId"] != kAcme.organization) continue;
      if (!object["metadata"].contains("deletionTimestamp"))
        there[object["metadata"]["name"]] = object["status"]["attempts"];
    }
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    for (const auto& server : servers_) {
      while (server->state() != there && std::chrono::steady_clock::now() < end) std::this_thread::yield();
      ASSERT_EQ(server->state(), there);
    }
    for (Client& client : clients_) {
      client.connect(servers_[pick(2)]);
      // The cache is ahead of the changes for a moment.
      while ((client.read(5) || client.jobs != there) && std::chrono::steady_clock::now() < end) {
        std::this_thread::yield();
      }
      ASSERT_EQ(client.jobs, there);
    }
  }

  int continued() const { return clients_[0].continued + clients_[1].continued + clients_[2].continued; }

 private:
  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }

  // A watch notices that etcd was set back if that is seen before the new history has caught up.
  void restore() {
    api_.restore(*backup_);
    std::set<std::shared_ptr<Server>> all(servers_.begin(), servers_.end());
    for (const Client& client : clients_) all.insert(client.server());
    all.erase(nullptr);
    for (const auto& server : all) server->informer.wait_listed(server->informer.request_list(), {});
  }

  void change(const std::string& name) {
    json object = api_.object(kJobs + "/" + name);
    if (object.is_null()) {
      job::JobSpec spec;
      spec.organization_id = pick(4) == 0 ? "globex" : kAcme.organization;
      spec.application_id = kAcme.application;
      spec.client_id = kAcme.client;
      spec.username = "ana";
      object = job::encode_new_job("ns", name, spec);
      object["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z";
    }
    // Every write is another state, as times make it with real jobs.
    object["status"] = {{"phase", "Started"}, {"attempts", ++writes_}};
    api_.put(kJobs, object);
  }

  std::minstd_rand random_;
  FakeApiServer api_;
  std::optional<FakeApiServer::Backup> backup_;
  std::array<std::shared_ptr<Server>, 2> servers_;
  std::array<Client, 3> clients_;
  int writes_ = 0;
};

// VBRAIN_SEEDS: another number of histories.
TEST(FeedHistories, AClientKnowsWhatThereIs) {
  const char* given = std::getenv("VBRAIN_SEEDS");
  const unsigned seeds = given == nullptr ? 20 : static_cast<unsigned>(std::strtoul(given, nullptr, 10));
  int continued = 0;
  for (unsigned seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History history(seed);
    for (int round = 0; round < 5; ++round) {
      for (int i = 0; i < 30; ++i) history.step();
      history.check();
      if (HasFatalFailure()) return;
    }
    continued += history.continued();
  }
  EXPECT_GT(continued, 0);
}

}  // namespace
}  // namespace vbrain::api

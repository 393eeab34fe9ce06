#include "controller/uninstall/release_jobs.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/log/log.hpp"
#include "base/threads/stop.hpp"
#include "job/client.hpp"
#include "job/job.hpp"
#include "kube/cache/paging.hpp"

namespace vbrain::controller {
namespace {

using kube::Error;
using kube::ErrorCode;
using nlohmann::json;

constexpr std::size_t kThreads = 32;
// How often Jobs are listed again for those that were refused, changed in between, or got no answer.
constexpr int kPasses = 6;
constexpr std::size_t kReasons = 10;

// The objects of one kind, and vBrain's finalizer on them.
struct Kind {
  kube::ResourceType type;
  std::string_view finalizer;
};

// An object that carries vBrain's finalizer, and the patch that removes it.
struct Held {
  std::string name;
  json patch;
};

std::optional<Held> held_object(const json& object, const Kind& kind, ReleaseScope scope) {
  const json& meta = object.at("metadata");
  if (scope == ReleaseScope::kMarkedJobs && !meta.contains("deletionTimestamp")) return std::nullopt;
  std::vector<std::string> finalizers = meta.value("finalizers", std::vector<std::string>{});
  if (std::erase(finalizers, std::string(kind.finalizer)) == 0) return std::nullopt;
  // A retry finds the resourceVersion of the first try, or nothing to do.
  return Held{.name = meta.at("name"),
              .patch = {{"metadata",
                         {{"uid", meta.at("uid")},
                          {"resourceVersion", meta.at("resourceVersion")},
                          {"finalizers", json(finalizers)}}}}};
}

// One pass over all objects of a kind.
class Pass {
 public:
  Pass(kube::ApiClient& client, const Kind& kind, const std::string& ns, ReleaseScope scope, std::stop_token stop)
      : client_(client), kind_(kind), namespace_(ns), scope_(scope), stop_(std::move(stop)) {}

  kube::KubeResult<Release> run() {
    const auto done = kube::each_page(
        client_, kind_.type, namespace_,
        [this](const json& items) {
          release_all(items);
          return true;
        },
        stop_);
    if (!done) return tl::unexpected(done.error());
    return result_;
  }

 private:
  void release_all(const json& items) {
    std::vector<Held> objects;
    for (const json& object : items) {
      if (auto held = held_object(object, kind_, scope_)) objects.push_back(std::move(*held));
    }
    std::atomic<std::size_t> next{0};
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < std::min(kThreads, objects.size()); ++i) {
      threads.emplace_back([&] {
        for (std::size_t at = next++; at < objects.size() && !stop_.stop_requested(); at = next++) release(objects[at]);
      });
    }
  }

  void release(const Held& object) {
    const auto done = client_.patch(kind_.type, namespace_, object.name, object.patch, {}, stop_);
    const std::lock_guard lock(mutex_);
    if (done) {
      ++result_.released;
    } else if (done.error().code != ErrorCode::kNotFound) {
      ++result_.refused;
      if (result_.reasons.size() < kReasons) result_.reasons.push_back(object.name + ": " + done.error().message);
    }
  }

  kube::ApiClient& client_;
  const Kind& kind_;
  const std::string& namespace_;
  const ReleaseScope scope_;
  const std::stop_token stop_;
  std::mutex mutex_;
  Release result_;
};

// True if listing again may succeed: the list took longer than the API server keeps its pages, or had no answer.
bool can_list_again(const Error& error) {
  return error.code == ErrorCode::kGone || kube::is_retryable(error);
}

kube::KubeResult<Release> release_kind(kube::ApiClient& client, const Kind& kind, const std::string& ns,
                                       const ReleaseOptions& options, std::stop_token stop) {
  Release total;
  for (int number = 1;; ++number) {
    const auto pass = Pass(client, kind, ns, options.scope, stop).run();
    if (!pass && pass.error().code == ErrorCode::kNotFound) return total;
    if (!pass && (!can_list_again(pass.error()) || number == kPasses)) return tl::unexpected(pass.error());
    if (pass) {
      total.released += pass->released;
      total.refused = pass->refused;
      total.reasons = pass->reasons;
      if (total.refused == 0 || number == kPasses) return total;
    }
    if (!base::sleep_for(stop, options.between_passes)) return tl::unexpected(kube::cancelled_error());
  }
}

}  // namespace

kube::KubeResult<Release> release_jobs(kube::ApiClient& client, const std::string& ns, const ReleaseOptions& options,
                                       std::stop_token stop) {
  const Kind jobs{.type = job::Job::kType, .finalizer = job::kFinalizer};
  auto total = release_kind(client, jobs, ns, options, stop);
  if (!total) return total;
  // Clients whose deletion would purge their tenants: an uninstall purges nobody.
  const Kind clients{.type = job::Client::kType, .finalizer = job::kPurgeFinalizer};
  const auto released = release_kind(client, clients, ns, options, stop);
  if (!released && released.error().code == ErrorCode::kForbidden) {
    // The Role of an older release has no right to Clients, and its controller holds none.
    base::log_warning("no right to remove the finalizer of Clients", {{"error", released.error().message}});
    return total;
  }
  if (!released) return released;
  total->released_clients = released->released;
  total->refused += released->refused;
  for (const std::string& reason : released->reasons) total->reasons.push_back("Client " + reason);
  return total;
}

}  // namespace vbrain::controller

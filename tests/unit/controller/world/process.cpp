#include "unit/controller/world/process.hpp"

#include <type_traits>

#include "job/packed_job.hpp"
#include "unit/controller/world/paths.hpp"

namespace vbrain::controller::testing {
namespace {

using nlohmann::json;

std::string place_of(const kube::Request& request) {
  std::string place;
  for (const char* part : {"jobs", "pods", "events", "applications"}) {
    if (request.target.find(std::string("/") + part) != std::string::npos) place = part;
  }
  if (request.target.ends_with("/status")) place += "/status";
  return request.method + " " + place;
}

}  // namespace

std::string text_of(const Fault& fault) {
  constexpr const char* kNames[] = {"crash before", "crash after",   "error before",
                                    "error after",  "sent twice at", "pause before"};
  return std::string(kNames[static_cast<int>(fault.kind)]) + " write " + std::to_string(fault.at);
}

class Process::Wire final : public kube::Transport {
 public:
  explicit Wire(const Surroundings& around) : around_(around) {}

  kube::KubeResult<kube::Response> call(const kube::Request& request, std::stop_token stop) override {
    if (request.method == "GET" && request.target == kApiGroup) {
      const json jobs = {{"name", "jobs"}, {"verbs", {"create", "get"}}};
      return kube::Response{.status = 200, .body = json{{"resources", {jobs}}}.dump()};
    }
    if (request.method == "GET" && request.target == kSpace) {
      return kube::Response{.status = 200, .body = around_.api.object(kSpace).dump()};
    }
    const std::string what = place_of(request);
    if (request.method != "GET" && what.ends_with("events")) {
      around_.events.add(request.body);
      json stored = json::parse(request.body);
      stored["metadata"]["uid"] = "event";
      stored["metadata"]["resourceVersion"] = "1";
      return kube::Response{.status = 201, .body = stored.dump()};
    }
    return request.method == "GET" ? around_.api.call(request, stop) : write(request, what, stop);
  }
  kube::KubeResult<void> stream(const kube::Request& request, const kube::StreamOptions& options, const ChunkSink& sink,
                                std::stop_token stop) override {
    return around_.api.stream(request, options, sink, stop);
  }

 private:
  kube::KubeResult<kube::Response> write(const kube::Request& request, const std::string& what, std::stop_token stop) {
    const auto fault = around_.before_write(what);
    if (fault == Fault::Kind::kCrashBefore) throw Crash{};
    const kube::Error lost{.code = kube::ErrorCode::kTimeout, .message = "no answer"};
    if (fault == Fault::Kind::kErrorBefore) return tl::unexpected(lost);
    around_.oracle.about_to_send(request);
    auto answer = what == "DELETE pods" ? mark_pod(request) : around_.api.call(request, stop);
    around_.oracle.look();
    if (fault == Fault::Kind::kCrashAfter) throw Crash{};
    if (fault == Fault::Kind::kErrorAfter) return tl::unexpected(lost);
    if (fault != Fault::Kind::kSentTwice) return answer;
    auto second = what == "DELETE pods" ? mark_pod(request) : around_.api.call(request, stop);
    around_.oracle.look();
    if (!second) second.error().maybe_done = true;
    return second;
  }

  // A pod with a kubelet does not go at once.
  kube::KubeResult<kube::Response> mark_pod(const kube::Request& request) {
    if (auto error = around_.api.ask_before(request)) return tl::unexpected(std::move(*error));
    json pod = around_.api.object(request.target.substr(0, request.target.find('?')));
    const json options = request.body.empty() ? json::object() : json::parse(request.body);
    if (pod.is_null()) return tl::unexpected(kube::error_from_response(404, R"({"reason":"NotFound"})"));
    if (const json::json_pointer uid("/preconditions/uid");
        options.contains(uid) && options[uid] != pod["metadata"]["uid"]) {
      return tl::unexpected(kube::error_from_response(409, R"({"reason":"Conflict"})"));
    }
    if (!pod["metadata"].contains("deletionTimestamp")) {
      pod["metadata"]["deletionTimestamp"] = base::format_rfc3339_seconds(around_.clock.now());
      around_.api.put(kPods, pod);
    }
    return kube::Response{.status = 200, .body = pod.dump()};
  }

  const Surroundings& around_;
};

class Process::SickVolume final : public Volume {
 public:
  explicit SickVolume(const Surroundings& around)
      : around_(around), volume_(around.store, "bin/test", [&around](const auto& tenant, const std::string& name) {
          around.store.purge(tenant, name);
        }) {}

  Result<PreparedAttempt, Failure> prepare_attempt(const job::Job& job, int attempt,
                                                   const job::Application* application) override {
    return write("prepare", [&] { return volume_.prepare_attempt(job, attempt, application); });
  }
  AttemptFiles read_attempt(const job::Job& job, int attempt) override {
    refuse("read");
    return volume_.read_attempt(job, attempt);
  }
  artifacts::Claim close_attempt(const job::Job& job, int attempt, base::TimePoint now) override {
    return write("close", [&] {
      around_.oracle.about_to_close(attempt);
      return volume_.close_attempt(job, attempt, now);
    });
  }
  bool archive(const job::Job& job) override {
    return write("archive", [&] {
      around_.oracle.about_to_archive();
      return volume_.archive(job);
    });
  }
  void purge(const job::Job& job) override {
    write("purge", [&] {
      around_.oracle.about_to_purge();
      volume_.purge(job);
    });
  }

 private:
  void refuse(const std::string& what) {
    if (around_.volume_refuses(what)) throw artifacts::VolumeError(EACCES, what);
  }
  template <class Work>
  auto write(const std::string& what, Work work) -> decltype(work()) {
    refuse(what);
    const auto fault = around_.before_write(what);
    if (fault == Fault::Kind::kCrashBefore) throw Crash{};
    if (fault == Fault::Kind::kErrorBefore) throw artifacts::VolumeError(EIO, what);
    const auto strike = [&] {
      if (fault == Fault::Kind::kCrashAfter) throw Crash{};
      if (fault == Fault::Kind::kErrorAfter) throw artifacts::VolumeError(EIO, what);
    };
    if constexpr (std::is_void_v<decltype(work())>) {
      work();
      strike();
    } else {
      auto result = work();
      strike();
      return result;
    }
  }

  const Surroundings& around_;
  StoreVolume volume_;
};

Process::Process(const Surroundings& around, std::uint64_t seed)
    : around_(around),
      wire_(std::make_unique<Wire>(around_)),
      volume_(std::make_unique<SickVolume>(around_)),
      client_(*wire_),
      events_(client_, {.instance = "test"}, around_.metrics, around_.clock),
      executor_({.client = client_,
                 .volume = *volume_,
                 .events = events_,
                 .metrics = around_.metrics,
                 .clock = around_.clock,
                 .pod = {.limits = {.volume_claim = "data", .allowed_secrets = {}}},
                 .may_write = around_.may_write}),
      admission_(
          {jobs_, applications_, clients_}, [](const std::string&) {}, around_.metrics),
      reconciler_({jobs_, applications_, pods_}, admission_, executor_, around_.clock,
                  {.pod_retention_success = kPodRetention, .pod_retention_failure = kPodRetention}),
      job_watch_(around_.api, kJobs, jobs_, 4 * seed),
      application_watch_(around_.api, kApplications, applications_, 4 * seed + 1),
      client_watch_(around_.api, kClients, clients_, 4 * seed + 2),
      pod_watch_(around_.api, kPods, pods_, 4 * seed + 3) {
  jobs_.set_packing(job::packing_of_ended_jobs());
  applications_.add_index(kApplicationsById, [](const job::Application& a) { return std::vector{a.application_id}; });
  clients_.add_index(kClientsByTenant, [](const job::Client& client) { return std::vector{tenant_key(client)}; });
  pods_.add_index(kPodsByJob, [](const kube::Pod& pod) { return std::vector{controlling_job(pod)}; });
  job_watch_.on_change([this](const auto& change) {
    admission_.on_job_change(change);
    reconciler_.on_job_change(change);
  });
  application_watch_.on_change([this](const auto& change) { admission_.on_application_change(change); });
  client_watch_.on_change([this](const auto& change) { admission_.on_client_change(change); });
  pod_watch_.on_change([this](const auto& change) { reconciler_.on_pod_change(change); });
}

Process::~Process() = default;

void Process::list_all() {
  job_watch_.list();
  application_watch_.list();
  client_watch_.list();
  pod_watch_.list();
}

void Process::deliver_all() {
  job_watch_.deliver_all();
  application_watch_.deliver_all();
  client_watch_.deliver_all();
  pod_watch_.deliver_all();
}

void Process::deliver_late() {
  job_watch_.deliver_late();
  application_watch_.deliver_late();
  client_watch_.deliver_late();
  pod_watch_.deliver_late();
}

void Process::hold(Watched what, bool held) {
  switch (what) {
    case Watched::kJobs:
      return job_watch_.hold(held);
    case Watched::kPods:
      return pod_watch_.hold(held);
    case Watched::kApplications:
      return application_watch_.hold(held);
    case Watched::kClients:
      return client_watch_.hold(held);
  }
}

bool Process::is_current() const {
  return job_watch_.is_current() && application_watch_.is_current() && client_watch_.is_current() &&
         pod_watch_.is_current();
}

void Process::lead() {
  term_.emplace(admission_);
}

kube::ReconcileResult Process::reconcile(std::stop_token stop) {
  return reconciler_.reconcile(kJobId, stop);
}

}  // namespace vbrain::controller::testing

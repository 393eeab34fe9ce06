#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "controller/reconcile/admission.hpp"
#include "controller/webhooks/deliverer.hpp"
#include "job/callback.hpp"
#include "support/cpp/fake_api_server.hpp"
#include "support/cpp/manual_clock.hpp"
#include "unit/controller/world/paths.hpp"

namespace vbrain::controller {

using nlohmann::json;
using testing::kJobs;
using Cause = http::NoAnswer::Cause;

inline constexpr const char* kSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
inline constexpr const char* kUrl = "https://hooks.example.com/jobs";

// A deliverer with a fake receiver and a clock that the test moves.
class DelivererTest : public ::testing::Test {
 protected:
  DelivererTest() {
    jobs_.add_index(kJobsByCallback, callback_index);
    clients_.add_index(kClientsByTenant, [](const job::Client& client) { return std::vector{tenant_key(client)}; });
    for (const char* name : {"north", "south"}) {
      job::Client client;
      client.meta.name = std::string("acme-") + name;
      client.organization_id = "acme";
      client.application_id = "Tutorial";
      client.client_id = name;
      clients_.put(client.meta.name, std::make_shared<const job::Client>(client));
    }
    begin_term();
  }

  // A new process: it knows what the API server has.
  void begin_term() {
    loop_.reset();
    deliverer_.emplace(
        Deliverer::Parts{.client = client_,
                         .events = events_,
                         .jobs = jobs_,
                         .clients = clients_,
                         .metrics = metrics_,
                         .clock = clock_,
                         .allowed = allowed_,
                         .secret_of = [this](const std::string& client) -> Result<std::string, std::string> {
                           if (const auto found = secrets_.find(client); found != secrets_.end()) return found->second;
                           return Unexpected<std::string>("no file " + client);
                         },
                         .send = [this](const http::Post& post, std::stop_token) { return receive(post); },
                         .is_recorded = [this](const std::string&) { return recorded_; },
                         .wake = [this](const std::string& job) { loop_->queue().add(job); },
                         .may_write = [this] { return leads_; }});
    loop_.emplace(
        kube::ReconcileLoopOptions{.name = "webhook"},
        [this](const std::string& job, std::stop_token stop) { return deliverer_->reconcile(job, stop); }, metrics_,
        clock_);
    for (const std::string& name : jobs_.names_by_index(kJobsByCallback, kCallbackOpen)) loop_->queue().add(name);
  }

  Result<int, http::NoAnswer> receive(const http::Post& post) {
    if (meanwhile_) meanwhile_();
    posts_.push_back(post);
    bodies_.push_back(json::parse(post.body)["type"]);
    if (answers_.empty()) return 204;
    const auto answer = answers_.front();
    if (answers_.size() > 1 || !last_stays_) answers_.pop_front();
    return answer;
  }
  static Result<int, http::NoAnswer> failure(Cause cause) {
    return Unexpected<http::NoAnswer>(http::NoAnswer{cause, "why"});
  }

  // As a watch shows it.
  void watch(const std::string& name) {
    const json object = api_.object(kJobs + "/" + name);
    if (object.is_null()) {
      jobs_.erase(name);
    } else {
      jobs_.put(name, std::make_shared<const job::Job>(job::Job::decode(object)));
    }
    loop_->queue().add(name);
  }
  void put_job(job::Phase phase, const std::string& name = testing::kJobId, const std::string& client = "north",
               const std::string& url = kUrl) {
    job::Job job = testing::a_job();
    job.spec.client_id = client;
    job.spec.callback_url = url;
    json object = job::encode_new_job("vbrain", name, job.spec, trace_);
    object["metadata"]["uid"] = "uid-" + name;
    job.status.phase = phase;
    if (phase != job::Phase::kQueued) job.status.start_time = clock_.now();
    if (job::is_terminal(phase)) {
      job.status.completion_time = clock_.now();
      job.status.reason = "Completed";
      job.status.set_condition({"Ended", "True", "Completed", "", clock_.now()});
    }
    object["status"] = job::encode(job.status);
    api_.put(kJobs, object);
    watch(name);
  }
  // Everything that is due.
  void work() {
    while (loop_->work_once()) watch_all();
  }
  void watch_all() {
    for (const json& object : api_.objects(kJobs).items) {
      const auto job = job::Job::decode(object);
      const auto known = jobs_.get(job.meta.name);
      if (known == nullptr || known->meta.resource_version != job.meta.resource_version) watch(job.meta.name);
    }
  }
  void after(std::chrono::nanoseconds time) {
    clock_.advance(time);
    work();
  }
  std::optional<kube::Condition> condition(const std::string& name = testing::kJobId) {
    const auto job = job::Job::decode(api_.object(kJobs + "/" + name));
    const kube::Condition* found = job.status.condition(job::kCallbackCondition);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }
  // "True Delivered".
  std::string result(const std::string& name = testing::kJobId) {
    const auto found = condition(name);
    return found ? found->status + " " + found->reason : "";
  }
  std::string field(const http::Post& post, const std::string& name) {
    for (const auto& [key, value] : post.fields) {
      if (key == name) return value;
    }
    return "";
  }
  std::vector<std::string> events() {
    events_.flush();
    std::vector<std::string> all;
    for (const json& event : api_.objects(testing::kEvents).items) {
      all.push_back(event["reason"].get<std::string>() + ": " + event["note"].get<std::string>());
    }
    return all;
  }

  vbrain::testing::FakeApiServer api_;
  vbrain::testing::ManualClock clock_;
  base::Metrics metrics_;
  kube::ApiClient client_{api_};
  kube::EventRecorder events_{client_, {.instance = "test"}, metrics_, clock_};
  kube::Cache<job::Job> jobs_;
  kube::Cache<job::Client> clients_;
  http::AllowList allowed_ = http::AllowList::parse({"hooks.example.com"}).value();
  std::map<std::string, std::string> secrets_{{"acme-north", kSecret}, {"acme-south", kSecret}};
  std::deque<Result<int, http::NoAnswer>> answers_;  // then 204
  bool last_stays_ = false;
  std::function<void()> meanwhile_;  // during each call of a receiver
  bool recorded_ = true;
  std::string trace_;  // of the requests that create the jobs
  bool leads_ = true;
  std::vector<http::Post> posts_;
  std::vector<std::string> bodies_;
  std::optional<Deliverer> deliverer_;
  std::optional<kube::ReconcileLoop> loop_;
};

}  // namespace vbrain::controller

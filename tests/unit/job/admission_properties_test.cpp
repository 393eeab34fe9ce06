// Compares AdmissionLine with a simple model that checks all jobs for every decision.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

#include "job/admission_line.hpp"

namespace vbrain::job {
namespace {

struct Person {
  Job job;
  bool has_slot = false;
};

class Model {
 public:
  ConcurrencyLimits limits_of(const Tenant& tenant) const {
    return {.application = applications.at(tenant.application).limit,
            .client = clients.contains(tenant) ? clients.at(tenant) : std::nullopt,
            .open = applications.at(tenant.application).open};
  }
  static Tenant tenant_of(const Job& job) {
    return {job.spec.organization_id, job.spec.application_id, job.spec.client_id};
  }

  std::size_t used(const std::function<bool(const Job&)>& counts) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(jobs, [&](const auto& item) { return item.second.has_slot && counts(item.second.job); }));
  }
  bool may_go(const Job& job) const {
    const Tenant tenant = tenant_of(job);
    const ConcurrencyLimits limits = limits_of(tenant);
    const auto same_application = [&](const Job& other) { return other.spec.application_id == tenant.application; };
    const auto same_client = [&](const Job& other) { return tenant_of(other) == tenant; };
    return limits.open && (!limits.application || std::cmp_less(used(same_application), *limits.application)) &&
           (!limits.client || std::cmp_less(used(same_client), *limits.client));
  }

  // Repeatedly admits the first job that may start.
  std::vector<std::string> admit() {
    std::vector<std::string> admitted;
    while (true) {
      Person* first = nullptr;
      for (auto& [name, person] : jobs) {
        if (person.has_slot || demand_of(person.job) != Demand::kSlot || !may_go(person.job)) continue;
        if (first == nullptr || goes_before(person.job, first->job)) first = &person;
      }
      if (first == nullptr) return admitted;
      first->has_slot = true;
      admitted.push_back(first->job.meta.name);
    }
  }
  // Only jobs that may start or have started can have a slot.
  void close_where_shut(const std::string& application) {
    if (applications.at(application).open) return;
    for (auto& [name, person] : jobs) {
      if (person.job.spec.application_id == application && demand_of(person.job) == Demand::kSlot) {
        person.has_slot = false;
      }
    }
  }
  static bool goes_before(const Job& left, const Job& right) {
    if (left.spec.priority != right.spec.priority) return left.spec.priority > right.spec.priority;
    if (left.meta.creation_timestamp != right.meta.creation_timestamp) {
      return left.meta.creation_timestamp < right.meta.creation_timestamp;
    }
    return left.meta.name < right.meta.name;
  }

  struct ApplicationFacts {
    std::optional<std::int32_t> limit;
    bool open = true;
  };
  std::map<std::string, ApplicationFacts> applications;
  std::map<Tenant, std::optional<std::int32_t>> clients;
  std::map<std::string, Person> jobs;
};

class History {
 public:
  explicit History(unsigned seed) : random_(seed) {
    for (const char* name : {"A", "B"}) model_.applications[name] = {some_limit(), pick(4) != 0};
  }

  void step() {
    switch (pick(12)) {
      case 0:
      case 1:
      case 2:
        return make_job();
      case 3:
        return change_limits();
      default:
        if (!model_.jobs.empty()) change_job();
    }
  }

  // Both must agree on the admitted jobs, their order within an Application, and the slots in use.
  void check() {
    std::map<std::string, std::vector<std::string>> want;
    std::map<std::string, std::vector<std::string>> got;
    for (const std::string& name : line_.admit()) got[application_of(name)].push_back(name);
    for (const std::string& name : model_.admit()) want[application_of(name)].push_back(name);
    ASSERT_EQ(got, want);
    std::size_t holding = 0;
    for (const auto& [name, person] : model_.jobs) {
      holding += person.has_slot ? 1 : 0;
      const auto standing = line_.standing(name);
      const bool has_slot =
          standing == AdmissionLine::Standing::kAdmitted || standing == AdmissionLine::Standing::kUnderWay;
      ASSERT_EQ(has_slot, person.has_slot) << name;
      const bool open = model_.applications.at(application_of(name)).open;
      ASSERT_TRUE(open || standing != AdmissionLine::Standing::kAdmitted) << name << " may not begin and holds a slot";
    }
    ASSERT_EQ(line_.holding(), holding);
  }

  std::size_t waited = 0;

 private:
  int pick(int count) { return static_cast<int>(random_() % static_cast<unsigned>(count)); }
  std::optional<std::int32_t> some_limit() {
    return pick(4) == 0 ? std::nullopt : std::optional<std::int32_t>(pick(5));
  }
  std::string application_of(const std::string& name) { return model_.jobs.at(name).job.spec.application_id; }

  void tell(Person& person) {
    switch (demand_of(person.job)) {
      case Demand::kNothing:
      case Demand::kEnded:
        person.has_slot = false;
        break;
      case Demand::kUnderWay:
        person.has_slot = true;
        break;
      case Demand::kSlot:
        break;
    }
    line_.observe(person.job, model_.limits_of(Model::tenant_of(person.job)));
    waited = std::max(waited, line_.waiting());
  }

  void make_job() {
    Person person;
    Job& job = person.job;
    job.meta.name = "job-" + std::to_string(pick(1'000'000));
    job.meta.uid = "uid-" + std::to_string(++made_);
    job.meta.finalizers = {std::string(kFinalizer)};
    job.meta.creation_timestamp = base::TimePoint(std::chrono::seconds(made_ / 3));
    job.spec.organization_id = pick(2) != 0 ? "acme" : "other";
    job.spec.application_id = pick(2) != 0 ? "A" : "B";
    job.spec.client_id = pick(2) != 0 ? "north" : "south";
    job.spec.priority = pick(3) - 1;
    job.spec.suspend = pick(8) == 0;
    // The state that a new leader finds.
    if (pick(20) == 0) job.status.attempts = 1;
    if (model_.jobs.contains(job.meta.name)) return;
    tell(model_.jobs[job.meta.name] = person);
  }

  void change_limits() {
    if (pick(2) == 0) {
      const std::string id = pick(2) != 0 ? "A" : "B";
      model_.applications[id] = {some_limit(), pick(4) != 0};
      for (const Tenant& tenant : line_.tenants_of(id)) line_.set_limits(tenant, model_.limits_of(tenant));
      model_.close_where_shut(id);
    } else {
      const Tenant tenant{pick(2) != 0 ? "acme" : "other", pick(2) != 0 ? "A" : "B", pick(2) != 0 ? "north" : "south"};
      model_.clients[tenant] = some_limit();
      line_.set_limits(tenant, model_.limits_of(tenant));
    }
  }

  void change_job() {
    auto chosen = model_.jobs.begin();
    std::advance(chosen, pick(static_cast<int>(model_.jobs.size())));
    Person& person = chosen->second;
    Job& job = person.job;
    switch (pick(10)) {
      case 0:
        job.spec.suspend = !job.spec.suspend;
        break;
      case 1:
        if (!person.has_slot) job.spec.priority = pick(3) - 1;
        break;
      case 2:
        job.spec.cancel = true;
        break;
      case 3:
        if (pick(3) == 0) job.meta.deletion_timestamp = base::TimePoint{};
        break;
      case 4:
        line_.forget(job.meta.name, job.meta.uid);
        model_.jobs.erase(chosen);
        return;
      case 5:  // a stale cache that shows the earlier state
        if (person.has_slot && job.status.attempts > 0 && !is_terminal(job.status.phase)) {
          Job old = job;
          old.status = {};
          line_.observe(old, model_.limits_of(Model::tenant_of(job)));
        }
        return;
      case 6:
      case 7:
        if (person.has_slot) job.status.attempts = 1;
        break;
      default:
        if (job.status.attempts > 0) job.status.phase = Phase::kFinished;
    }
    tell(person);
  }

  std::minstd_rand random_;
  AdmissionLine line_;
  Model model_;
  int made_ = 0;
};

TEST(Admission, AgreesWithAModelThatChecksAllJobs) {
  std::size_t waited = 0;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    History history(seed);
    for (int step = 0; step < 400; ++step) {
      history.step();
      history.check();
      if (::testing::Test::HasFatalFailure()) FAIL() << "seed " << seed << ", step " << step;
    }
    waited = std::max(waited, history.waited);
  }
  EXPECT_GT(waited, 20u) << "histories in which nobody waits show nothing";
}

}  // namespace
}  // namespace vbrain::job

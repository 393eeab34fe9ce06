#include "job/admission_line.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace vbrain::job {
namespace {

using Standing = AdmissionLine::Standing;
using Limit = std::optional<std::int32_t>;

Tenant tenant_of(const Job& job) {
  return {job.spec.organization_id, job.spec.application_id, job.spec.client_id};
}

Job a_job(const std::string& name, const std::string& client = "north", int priority = 0, int created = 0) {
  Job job;
  job.meta.name = name;
  job.meta.uid = "uid-" + name;
  job.meta.finalizers = {std::string(kFinalizer)};
  job.meta.creation_timestamp = base::TimePoint(std::chrono::seconds(created));
  job.spec.organization_id = "acme";
  job.spec.application_id = "Tutorial";
  job.spec.client_id = client;
  job.spec.priority = priority;
  return job;
}

// A line that observes jobs one by one; returns the jobs that got a slot, as "a b".
class Line {
 public:
  explicit Line(Limit application = {}, Limit client = {}) : limits_{application, client, true} {}

  std::string told(const Job& job) {
    line.observe(job, limits_);
    return admitted();
  }
  std::string wants(const std::string& name, const std::string& client = "north", int priority = 0, int created = 0) {
    return told(jobs_[name] = a_job(name, client, priority, created));
  }
  // The write that claims the first attempt is known.
  std::string begins(const std::string& name) {
    return changed(name, [](Job& job) { job.status.attempts = 1, job.status.phase = Phase::kStarted; });
  }
  std::string ends(const std::string& name) {
    return changed(name, [](Job& job) { job.status.phase = Phase::kFinished; });
  }
  std::string changed(const std::string& name, const std::function<void(Job&)>& change) {
    change(jobs_.at(name));
    return told(jobs_.at(name));
  }
  std::string gone(const std::string& name) {
    line.forget(name);
    return admitted();
  }
  std::string limits(ConcurrencyLimits limits) {
    limits_ = limits;
    for (const Tenant& tenant : line.tenants_of("Tutorial")) line.set_limits(tenant, limits);
    return admitted();
  }
  std::string admitted() {
    std::string text;
    for (const std::string& name : line.admit()) text += (text.empty() ? "" : " ") + name;
    return text;
  }
  Standing standing(const std::string& name) const { return line.standing(name); }

  AdmissionLine line;

 private:
  ConcurrencyLimits limits_;
  std::map<std::string, Job> jobs_;
};

TEST(Admission, DemandOfAJob) {
  struct Case {
    const char* when;
    std::function<void(Job&)> change;
    Demand want;
  };
  const auto deleted = [](Job& job) { job.meta.deletion_timestamp = base::TimePoint{}; };
  const Case cases[] = {
      {"fresh", [](Job&) {}, Demand::kSlot},
      {"suspended", [](Job& job) { job.spec.suspend = true; }, Demand::kNothing},
      {"cancelled", [](Job& job) { job.spec.cancel = true; }, Demand::kNothing},
      {"deleted", deleted, Demand::kNothing},
      {"started", [](Job& job) { job.status.attempts = 1; }, Demand::kUnderWay},
      {"between two attempts", [](Job& job) { job.status.attempts = 2; }, Demand::kUnderWay},
      {"started, suspended", [](Job& job) { job.status.attempts = 1, job.spec.suspend = true; }, Demand::kUnderWay},
      {"started, being cancelled", [](Job& job) { job.status.attempts = 1, job.spec.cancel = true; },
       Demand::kUnderWay},
      {"started, deleted, its pod may live", [&](Job& job) { job.status.attempts = 1, deleted(job); },
       Demand::kUnderWay},
      {"started, deleted, finalizer off",
       [&](Job& job) { job.status.attempts = 1, deleted(job), job.meta.finalizers.clear(); }, Demand::kEnded},
      {"finished", [](Job& job) { job.status.attempts = 1, job.status.phase = Phase::kFinished; }, Demand::kEnded},
      {"failed", [](Job& job) { job.status.phase = Phase::kFailed; }, Demand::kEnded},
      {"finished, deleted", [&](Job& job) { job.status.phase = Phase::kFinished, deleted(job); }, Demand::kEnded},
  };
  for (const Case& c : cases) {
    Job job = a_job("a");
    c.change(job);
    EXPECT_EQ(demand_of(job), c.want) << c.when;
  }
}

TEST(Admission, WithoutLimitsAllJobsBeginAtOnce) {
  Line line;
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(line.wants(name), name);
  EXPECT_EQ(line.line.holding(), 3u);
  EXPECT_EQ(line.ends("a"), "");
  EXPECT_EQ(line.line.holding(), 2u);
}

TEST(Admission, ASlotIsHeldUntilTheEnd) {
  Line line({}, 1);
  EXPECT_EQ(line.wants("a"), "a");
  EXPECT_EQ(line.wants("b"), "");
  EXPECT_EQ(line.standing("b"), Standing::kWaitsForClient);
  EXPECT_EQ(line.wants("a"), "") << "looking again gives no second slot";
  EXPECT_EQ(line.begins("a"), "");
  EXPECT_EQ(line.standing("a"), Standing::kUnderWay);
  EXPECT_EQ(line.ends("a"), "b");
  EXPECT_EQ(line.standing("a"), Standing::kUnknown);
  EXPECT_EQ(line.standing("b"), Standing::kAdmitted);
}

TEST(Admission, TheOrderOfALine) {
  Line line({}, 1);
  line.wants("running");
  line.wants("low", "north", -5, 1);
  line.wants("late", "north", 0, 9);
  line.wants("early-b", "north", 0, 3);
  line.wants("early-a", "north", 0, 3);
  line.wants("high", "north", 7, 20);
  for (const auto& [last, next] : std::vector<std::pair<std::string, std::string>>{{"running", "high"},
                                                                                   {"high", "early-a"},
                                                                                   {"early-a", "early-b"},
                                                                                   {"early-b", "late"},
                                                                                   {"late", "low"},
                                                                                   {"low", ""}}) {
    EXPECT_EQ(line.ends(last), next);
  }
}

TEST(Admission, AChangedPriorityMovesAJobThatWaits) {
  Line line({}, 1);
  line.wants("a");
  line.wants("b", "north", 0, 1);
  line.wants("c", "north", 0, 2);
  line.changed("c", [](Job& job) { job.spec.priority = 1; });
  EXPECT_EQ(line.ends("a"), "c");
  line.changed("c", [](Job& job) { job.spec.priority = -1; });
  EXPECT_EQ(line.standing("c"), Standing::kAdmitted) << "a job keeps its slot";
}

TEST(Admission, AJobThatWaitsForItsClientBlocksNoOtherClient) {
  Line line(3, 1);
  EXPECT_EQ(line.wants("north-1", "north", 0, 1), "north-1");
  EXPECT_EQ(line.wants("north-2", "north", 0, 2), "");
  EXPECT_EQ(line.wants("south-1", "south", 0, 3), "south-1");
  EXPECT_EQ(line.wants("east-1", "east", 0, 4), "east-1");
  EXPECT_EQ(line.wants("west-1", "west", 0, 5), "");
  EXPECT_EQ(line.standing("north-2"), Standing::kWaitsForClient);
  EXPECT_EQ(line.standing("west-1"), Standing::kWaitsForApplication);
  EXPECT_EQ(line.ends("south-1"), "west-1") << "north-2 is older, and waits for its Client";
  EXPECT_EQ(line.ends("north-1"), "north-2");
}

TEST(Admission, TheApplicationsLineIsOneOverAllItsClients) {
  Line line(1);
  line.wants("a", "north", 0, 0);
  line.wants("b", "south", 0, 3);
  line.wants("c", "east", 0, 2);
  line.wants("d", "north", 0, 1);
  line.wants("e", "west", 1, 9);
  EXPECT_EQ(line.ends("a"), "e");
  EXPECT_EQ(line.ends("e"), "d");
  EXPECT_EQ(line.ends("d"), "c");
  EXPECT_EQ(line.ends("c"), "b");
}

TEST(Admission, ChangedLimits) {
  Line line(2, 10);
  for (const char* name : {"a", "b", "c", "d", "e"}) line.wants(name);
  EXPECT_EQ(line.limits({4, 10}), "c d") << "raised";
  EXPECT_EQ(line.limits({2, 10}), "");
  EXPECT_EQ(line.standing("c"), Standing::kAdmitted) << "a lowered limit stops nobody";
  EXPECT_EQ(line.ends("a") + line.ends("b"), "") << "until fewer than the limit are left";
  EXPECT_EQ(line.ends("c"), "e");
  line.wants("f");
  EXPECT_EQ(line.limits({{}, {}}), "f") << "taken away";
}

TEST(Admission, AJobThatCannotBeginBlocksNoOther) {
  const std::pair<const char*, std::function<void(Job&)>> cases[] = {
      {"suspended", [](Job& job) { job.spec.suspend = true; }},
      {"cancelled", [](Job& job) { job.spec.cancel = true; }},
      {"deleted", [](Job& job) { job.meta.deletion_timestamp = base::TimePoint{}; }},
  };
  for (const auto& [what, change] : cases) {
    Line line({}, 1);
    line.wants("a", "north", 0, 0);
    line.wants("b", "north", 0, 1);
    line.wants("c", "north", 0, 2);
    EXPECT_EQ(line.changed("b", change), "") << what;
    EXPECT_EQ(line.ends("a"), "c") << what;
    Line admitted({}, 1);
    admitted.wants("a");
    admitted.wants("b");
    EXPECT_EQ(admitted.changed("a", change), "b") << what << " with a slot, before it began";
  }
}

TEST(Admission, AnApplicationThatComesLetsTheFirstGo) {
  AdmissionLine line;
  const ConcurrencyLimits closed{1, {}, false};
  line.observe(a_job("b", "south", 0, 2), closed);
  line.observe(a_job("a", "north", 0, 1), closed);
  EXPECT_TRUE(line.admit().empty());
  EXPECT_EQ(line.standing("a"), Standing::kAside);
  for (const Tenant& tenant : line.tenants_of("Tutorial")) line.set_limits(tenant, {1, {}, true});
  EXPECT_EQ(line.admit(), std::vector<std::string>{"a"}) << "whichever tenant was told first";
  EXPECT_EQ(line.standing("b"), Standing::kWaitsForApplication);
}

TEST(Admission, AnAdmittedJobOfAClosedApplicationFreesItsSlot) {
  AdmissionLine line;
  const Job shut_out = a_job("a", "north", 0, 1);
  Job other = a_job("b", "north", 0, 2);
  other.spec.organization_id = "other";
  line.observe(shut_out, {1, {}, true});
  EXPECT_EQ(line.admit(), std::vector<std::string>{"a"});
  line.observe(other, {1, {}, true});
  EXPECT_TRUE(line.admit().empty());
  line.set_limits(tenant_of(shut_out), {1, {}, false});
  EXPECT_EQ(line.standing("a"), Standing::kAside);
  EXPECT_EQ(line.admit(), std::vector<std::string>{"b"});
  EXPECT_EQ(line.holding(), 1u);
  EXPECT_EQ(line.waiting(), 1u);
  line.forget("b");
  EXPECT_TRUE(line.admit().empty());
  line.set_limits(tenant_of(shut_out), {1, {}, true});
  EXPECT_EQ(line.admit(), std::vector<std::string>{"a"}) << "it kept its turn";
}

TEST(Admission, ARunningJobOfAClosedApplicationKeepsItsSlot) {
  Line line(1);
  line.wants("a");
  line.begins("a");
  line.wants("b");
  EXPECT_EQ(line.limits({1, {}, false}), "");
  EXPECT_EQ(line.standing("a"), Standing::kUnderWay);
  EXPECT_EQ(line.limits({1, {}, true}), "");
  EXPECT_EQ(line.ends("a"), "b");
}

TEST(Admission, ForgetsAJobOfAClosedApplicationThatIsGone) {
  for (const bool begins : {false, true}) {
    Line line(1, 1);
    line.wants("a");
    if (begins) line.begins("a");
    line.limits({1, 1, false});
    line.gone("a");
    EXPECT_EQ(line.line.holding() + line.line.waiting(), 0u);
    EXPECT_TRUE(line.line.tenants_of("Tutorial").empty());
  }
}

TEST(Admission, AnOrganizationWithoutAccessBlocksNoOther) {
  AdmissionLine line;
  Job shut_out = a_job("a", "north", 0, 1);
  shut_out.spec.organization_id = "other";
  line.observe(shut_out, {1, {}, false});
  line.observe(a_job("b", "north", 0, 2), {1, {}, true});
  EXPECT_EQ(line.admit(), std::vector<std::string>{"b"});
}

TEST(Admission, ALateReportFreesNoSlot) {
  Line line({}, 1);
  line.wants("a");
  line.wants("b");
  line.begins("a");
  EXPECT_EQ(line.wants("a"), "") << "a cache that still shows it queued";
  EXPECT_EQ(line.standing("a"), Standing::kUnderWay);
  EXPECT_EQ(line.standing("b"), Standing::kWaitsForClient);
}

TEST(Admission, ADeletedJobHoldsItsSlotUntilItsPodIsGone) {
  Line line({}, 1);
  line.wants("a");
  line.wants("b");
  line.begins("a");
  EXPECT_EQ(line.changed("a", [](Job& job) { job.meta.deletion_timestamp = base::TimePoint{}; }), "");
  EXPECT_EQ(line.gone("a"), "b");
}

TEST(Admission, ANewJobOfAnOldNameIsAnother) {
  Line line({}, 1);
  line.wants("a");
  line.begins("a");
  line.wants("b", "north", 5);
  EXPECT_EQ(line.changed("a",
                         [](Job& job) {
                           job.meta.uid = "new";
                           job.status = {};
                         }),
            "b");
  EXPECT_EQ(line.standing("a"), Standing::kWaitsForClient);
  line.line.forget("a", "uid-a");
  EXPECT_EQ(line.standing("a"), Standing::kWaitsForClient) << "the deletion of the old one comes late";
}

TEST(Admission, ASlotGivenBackGoesToTheNextJob) {
  Line line({}, 1);
  line.wants("a");
  line.wants("b");
  line.line.give_back("a");
  EXPECT_EQ(line.admitted(), "b");
  EXPECT_EQ(line.standing("a"), Standing::kUnknown);
  EXPECT_EQ(line.wants("a"), "") << "the next look puts it back in line";
  line.begins("b");
  line.line.give_back("b");
  EXPECT_EQ(line.admitted(), "") << "who has begun has nothing to give back";
}

TEST(Admission, RunningJobsCountAlsoAboveTheLimit) {
  AdmissionLine line;
  for (const char* name : {"a", "b"}) {
    Job job = a_job(name);
    job.status.attempts = 1;
    line.observe(job, {{}, 1, true});
  }
  line.observe(a_job("c"), {{}, 1, true});
  EXPECT_TRUE(line.admit().empty());
  EXPECT_EQ(line.usage_of_client(tenant_of(a_job("c"))).used, 2u);
  line.forget("a");
  EXPECT_TRUE(line.admit().empty());
  line.forget("b");
  EXPECT_EQ(line.admit(), std::vector<std::string>{"c"});
}

TEST(Admission, ForgetsAJobThatIsGone) {
  Line line(2, 1);
  for (int i = 0; i < 100; ++i) line.wants(std::to_string(i), "client-" + std::to_string(i % 7));
  for (int i = 0; i < 100; ++i) line.gone(std::to_string(i));
  EXPECT_EQ(line.line.holding() + line.line.waiting(), 0u);
  EXPECT_TRUE(line.line.tenants_of("Tutorial").empty());
  EXPECT_FALSE(line.line.usage_of_application("Tutorial").limit) << "not even its limits";
}

}  // namespace
}  // namespace vbrain::job

// Receivers are told in order, at least once, for a day, over restarts; by a fake receiver and a clock that the test
// moves.
#include "controller/webhooks/deliverer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <nlohmann/json.hpp>
#include <optional>

#include "controller/reconcile/admission.hpp"
#include "controller/webhooks/signature.hpp"
#include "job/callback.hpp"
#include "support/cpp/fake_api_server.hpp"
#include "support/cpp/manual_clock.hpp"
#include "unit/controller/world/paths.hpp"

namespace vbrain::controller {
namespace {

using Cause = http::NoAnswer::Cause;
using nlohmann::json;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::kJobs;
using ::testing::UnorderedElementsAre;

constexpr const char* kSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
constexpr const char* kUrl = "https://hooks.example.com/jobs";

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
    json object = job::encode_new_job("vbrain", name, job.spec);
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
  bool leads_ = true;
  std::vector<http::Post> posts_;
  std::vector<std::string> bodies_;
  std::optional<Deliverer> deliverer_;
  std::optional<kube::ReconcileLoop> loop_;
};

TEST_F(DelivererTest, TellsStartAndEndInOrderAndSigned) {
  put_job(job::Phase::kQueued);
  work();
  EXPECT_TRUE(posts_.empty());
  put_job(job::Phase::kStarted);
  work();
  put_job(job::Phase::kStarted);  // another change of its status
  work();
  EXPECT_THAT(bodies_, ElementsAre("job.started"));
  EXPECT_EQ(result(), "") << "only the end is recorded";
  put_job(job::Phase::kFinished);
  work();
  ASSERT_THAT(bodies_, ElementsAre("job.started", "job.finished"));
  EXPECT_EQ(result(), "True Delivered");
  const http::Post& post = posts_[1];
  EXPECT_EQ(post.url.host, "hooks.example.com");
  EXPECT_EQ(field(post, "Content-Type"), "application/json");
  EXPECT_EQ(field(post, "webhook-id"), std::string("uid-") + testing::kJobId + "-ended");
  const std::string now = std::to_string(clock_.now().time_since_epoch().count() / 1'000);
  EXPECT_EQ(field(post, "webhook-timestamp"), now);
  EXPECT_EQ(field(post, "webhook-signature"),
            sign(read_secrets(kSecret).value(), field(post, "webhook-id"), now, post.body));
  after(hours(48));
  EXPECT_EQ(posts_.size(), 2u) << "nothing more is told";
  const json stored = api_.object(testing::kJob);
  EXPECT_EQ(stored["status"]["conditions"].size(), 2u) << "the other conditions stay";
}

// What is told afterwards must not be older.
TEST_F(DelivererTest, AStartThatWasNotTakenIsLeftOutAfterTheEnd) {
  answers_ = {500};
  put_job(job::Phase::kStarted);
  work();
  put_job(job::Phase::kFinished);
  work();
  after(hours(1));
  EXPECT_THAT(bodies_, ElementsAre("job.started", "job.finished"));
}

TEST_F(DelivererTest, TriesAgainWithTheSameIdAndANewSignature) {
  answers_ = {500, 302, failure(Cause::kTimeout), 404};
  put_job(job::Phase::kFinished);
  work();
  ASSERT_EQ(posts_.size(), 1u);
  after(seconds(3));
  EXPECT_EQ(posts_.size(), 1u) << "the least delay is 4 s";
  after(seconds(3));
  EXPECT_EQ(posts_.size(), 2u);
  EXPECT_EQ(result(), "") << "a receiver that is away for a moment costs no write";
  for (int i = 0; i < 3; ++i) after(seconds(6));
  EXPECT_EQ(posts_.size(), 3u) << "after 5 and 10 s";
  EXPECT_EQ(result(), "Unknown Timeout");
  EXPECT_THAT(condition()->message, HasSubstr("try 3 failed: why; further ones follow until 2020-09-14T"));
  EXPECT_THAT(condition()->message, HasSubstr("Remedy: "));
  for (int i = 0; i < 20; ++i) after(seconds(6));
  EXPECT_EQ(posts_.size(), 5u);
  EXPECT_EQ(result(), "True Delivered");
  EXPECT_EQ(field(posts_[0], "webhook-id"), field(posts_[4], "webhook-id"));
  EXPECT_EQ(posts_[0].body, posts_[4].body);
  EXPECT_NE(field(posts_[0], "webhook-timestamp"), field(posts_[4], "webhook-timestamp"));
  EXPECT_NE(field(posts_[0], "webhook-signature"), field(posts_[4], "webhook-signature"));
}

TEST_F(DelivererTest, GivesUpADayAfterTheEnd) {
  answers_ = {500};
  last_stays_ = true;
  put_job(job::Phase::kFinished);
  work();
  for (int i = 0; i < 24 * 60 - 1; ++i) after(minutes(1));
  EXPECT_EQ(result(), "Unknown BadStatus");
  const std::size_t tries = posts_.size();
  EXPECT_GE(tries, 30u);
  EXPECT_LE(tries, 42u);
  after(minutes(1));
  EXPECT_EQ(result(), "False GivenUp");
  EXPECT_THAT(condition()->message,
              HasSubstr("the last try failed: BadStatus: the receiver has answered 500. Remedy: "));
  after(hours(24));
  EXPECT_EQ(posts_.size(), tries);
  EXPECT_THAT(events(),
              UnorderedElementsAre(HasSubstr("CallbackWaits: BadStatus"), HasSubstr("CallbackGivenUp: GivenUp")));
  EXPECT_THAT(metrics_.render(), HasSubstr("vbrain_webhooks_given_up_total 1"));
}

TEST_F(DelivererTest, AReceiverThatIsGoneIsToldNoMore) {
  answers_ = {410};
  put_job(job::Phase::kStarted);
  work();
  put_job(job::Phase::kFinished);
  work();
  after(hours(2));
  EXPECT_THAT(bodies_, ElementsAre("job.started"));
  EXPECT_EQ(result(), "False Gone");
}

TEST_F(DelivererTest, ANewLeaderTellsWhatIsNotRecorded) {
  answers_ = {500, 500};
  put_job(job::Phase::kFinished);
  put_job(job::Phase::kStarted, "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5e");
  work();
  EXPECT_EQ(posts_.size(), 2u);
  begin_term();
  work();
  EXPECT_EQ(posts_.size(), 4u);
  EXPECT_EQ(result(), "True Delivered");
  begin_term();
  work();
  EXPECT_EQ(posts_.size(), 5u) << "a job that runs is told again, by the same id; the ended one is not";
  EXPECT_EQ(field(posts_[4], "webhook-id"), field(posts_[3], "webhook-id").ends_with("started")
                                                ? field(posts_[3], "webhook-id")
                                                : field(posts_[2], "webhook-id"));
}

// The day counts from the end of the job, not from the start of a process.
TEST_F(DelivererTest, ANewLeaderGivesUpWhatIsTooOld) {
  put_job(job::Phase::kFinished);
  clock_.advance(hours(25));
  begin_term();
  work();
  EXPECT_TRUE(posts_.empty());
  EXPECT_EQ(result(), "False GivenUp");
}

// The receiver was told, and the record fails: it is not told again in this term.
TEST_F(DelivererTest, ARecordThatFailsIsWrittenAgain) {
  bool fails = true;
  api_.set_before([&](const kube::Request& request) -> std::optional<kube::Error> {
    if (request.method != "PUT" || !fails) return {};
    return kube::error_from_response(500, "");
  });
  put_job(job::Phase::kFinished);
  work();
  after(minutes(1));
  EXPECT_EQ(result(), "");
  fails = false;
  after(minutes(1));
  EXPECT_EQ(result(), "True Delivered");
  EXPECT_EQ(posts_.size(), 1u);
}

TEST_F(DelivererTest, WithoutASecretNothingIsSent) {
  secrets_.clear();
  put_job(job::Phase::kFinished);
  work();
  EXPECT_TRUE(posts_.empty());
  EXPECT_EQ(result(), "Unknown NoSecret") << "at once: it waits for an operator";
  EXPECT_THAT(condition()->message, HasSubstr("no file acme-north"));
  EXPECT_THAT(condition()->message, HasSubstr("controller.webhooks.secretName"));
  EXPECT_THAT(events(), ElementsAre(HasSubstr("CallbackWaits: NoSecret")));
  secrets_["acme-north"] = "no secret";
  after(seconds(6));
  EXPECT_TRUE(posts_.empty());
  secrets_["acme-north"] = kSecret;
  after(seconds(12));
  EXPECT_EQ(result(), "True Delivered");
}

TEST_F(DelivererTest, AHostThatIsNotAllowedIsNotCalled) {
  int number = 0;
  for (const char* url :
       {"https://other.example.com/", "http://hooks.example.com/", "https://127.0.0.1/", "nonsense"}) {
    const std::string name = "01939c3e-7a61-7c0e-9f7e-00000000000" + std::to_string(++number);
    put_job(job::Phase::kFinished, name, "north", url);
    work();
    EXPECT_EQ(result(name), "Unknown NotAllowed") << url;
  }
  EXPECT_TRUE(posts_.empty());
  allowed_ = http::AllowList::parse({}).value();
  put_job(job::Phase::kFinished, "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5e");
  work();
  EXPECT_TRUE(posts_.empty());
  EXPECT_THAT(condition("01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5e")->message, HasSubstr("webhooks are off"));
}

TEST_F(DelivererTest, ADeletedJobIsToldNoMore) {
  answers_ = {500};
  put_job(job::Phase::kFinished);
  work();
  api_.erase(testing::kJob);
  watch(testing::kJobId);
  after(hours(2));
  EXPECT_EQ(posts_.size(), 1u);
}

// Who is told of the end asks REST for the result, which reads the volume.
TEST_F(DelivererTest, TheEndIsToldWhenItsRecordIsOnTheVolume) {
  recorded_ = false;
  put_job(job::Phase::kFinished);
  work();
  after(seconds(1));
  EXPECT_TRUE(posts_.empty());
  recorded_ = true;
  after(seconds(1));
  EXPECT_EQ(posts_.size(), 1u);
  recorded_ = false;
  put_job(job::Phase::kFinished, "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5e");
  work();
  for (int i = 0; i < 11; ++i) after(seconds(1));
  EXPECT_EQ(posts_.size(), 2u) << "but not for ever";
}

// As with several workers: while a receiver has not answered, the others of the queue have their turns.
TEST_F(DelivererTest, ATenantWhoseReceiversHangHoldsUpNoOther) {
  const auto name = [](int number) { return "01939c3e-7a61-7c0e-9f7e-00000000000" + std::to_string(number); };
  for (int i = 1; i <= 4; ++i) put_job(job::Phase::kFinished, name(i), "north");
  put_job(job::Phase::kFinished, name(5), "south");
  std::vector<std::string> during_first;
  int depth = 0;
  int deepest = 0;
  meanwhile_ = [&] {
    deepest = std::max(deepest, ++depth);
    while (loop_->work_once()) {
    }
    if (depth == 1 && during_first.empty()) {
      for (const http::Post& post : posts_) during_first.push_back(json::parse(post.body)["data"]["client_id"]);
    }
    --depth;
  };
  work();
  EXPECT_EQ(deepest, 3) << "two of one tenant, one of the other";
  EXPECT_THAT(during_first, ::testing::Contains("south"));
  EXPECT_EQ(posts_.size(), 5u);
  watch_all();
  work();
  for (int i = 1; i <= 5; ++i) EXPECT_EQ(result(name(i)), "True Delivered") << i;
}

// As when the process has no descriptors left: a tenant has two turns.
TEST_F(DelivererTest, ATryThatThrowsGivesTheTurnBack) {
  int thrown = 0;
  meanwhile_ = [&] {
    if (++thrown <= 2) throw std::runtime_error("no descriptors are left");
  };
  put_job(job::Phase::kFinished);
  work();
  for (int i = 0; i < 10 && result().empty(); ++i) after(std::chrono::minutes(1));
  EXPECT_EQ(result(), "True Delivered");
}

// With no host allowed nothing is tried again and again.
TEST_F(DelivererTest, WithWebhooksOffTheResultIsWrittenOnce) {
  allowed_ = http::AllowList();
  begin_term();
  put_job(job::Phase::kFinished);
  work();
  EXPECT_EQ(result(), "False NotAllowed");
  EXPECT_THAT(posts_, ::testing::IsEmpty());
}

TEST_F(DelivererTest, WhoLeadsNoMoreTellsNothing) {
  leads_ = false;
  put_job(job::Phase::kFinished);
  work();
  after(minutes(1));
  EXPECT_TRUE(posts_.empty());
  leads_ = true;
  after(minutes(1));
  EXPECT_EQ(posts_.size(), 1u);
}

}  // namespace
}  // namespace vbrain::controller

// Receivers are told in order, at least once, and fairly; by a fake receiver and a clock that the test moves.
#include <utility>

#include "controller/webhooks/signature.hpp"
#include "unit/controller/webhooks/deliverer_fixture.hpp"

namespace vbrain::controller {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

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
  EXPECT_EQ(field(post, "webhook-id"), std::string(testing::kJobId) + "-ended");
  const std::string now = std::to_string(clock_.now().time_since_epoch().count() / 1'000);
  EXPECT_EQ(field(post, "webhook-timestamp"), now);
  EXPECT_EQ(field(post, "webhook-signature"),
            sign(read_secrets(kSecret).value(), field(post, "webhook-id"), now, post.body));
  after(hours(48));
  EXPECT_EQ(posts_.size(), 2u) << "nothing more is told";
  const json stored = api_.object(testing::kJob);
  EXPECT_EQ(stored["status"]["conditions"].size(), 2u) << "the other conditions stay";
}

TEST_F(DelivererTest, LogLinesHaveTheTraceOfTheJob) {
  trace_ = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  answers_ = {410};
  put_job(job::Phase::kFinished, "gone");
  ::testing::internal::CaptureStderr();
  work();
  answers_.clear();
  put_job(job::Phase::kFinished, "told");
  work();
  const std::string log = ::testing::internal::GetCapturedStderr();
  const std::string trace = R"(","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736")";
  EXPECT_THAT(log, HasSubstr(R"("message":"webhook given up","job":"gone)" + trace));
  EXPECT_THAT(log, HasSubstr(R"("message":"webhook delivered","job":"told)" + trace));
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
  EXPECT_EQ(deepest, 3) << "two of one receiver, one of the other tenant";
  EXPECT_THAT(during_first, ::testing::Contains("south"));
  EXPECT_EQ(posts_.size(), 5u);
  watch_all();
  work();
  for (int i = 1; i <= 5; ++i) EXPECT_EQ(result(name(i)), "True Delivered") << i;
}

TEST_F(DelivererTest, AReceiverThatHangsHoldsUpNoOtherOfItsTenant) {
  allowed_ = http::AllowList::parse({"*.example.com"}).value();
  const auto name = [](int number) { return "01939c3e-7a61-7c0e-9f7e-00000000000" + std::to_string(number); };
  for (int i = 1; i <= 4; ++i) put_job(job::Phase::kFinished, name(i), "north", "https://hangs.example.com/");
  put_job(job::Phase::kFinished, name(5), "north", "https://answers.example.com/");
  std::vector<std::string> while_two_hang;
  int depth = 0;
  meanwhile_ = [&] {
    ++depth;
    while (loop_->work_once()) {
    }
    if (depth == 2 && while_two_hang.empty()) {
      for (const http::Post& post : posts_) while_two_hang.push_back(post.url.host);
    }
    --depth;
  };
  work();
  EXPECT_THAT(while_two_hang, ::testing::Contains("answers.example.com"));
  EXPECT_EQ(posts_.size(), 5u);
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

// Nobody has answered 410: the operator is named what to do.
TEST_F(DelivererTest, WithWebhooksOffAStartDoesNotHideTheReason) {
  allowed_ = http::AllowList();
  put_job(job::Phase::kStarted);
  work();
  put_job(job::Phase::kFinished);
  work();
  EXPECT_EQ(result(), "False NotAllowed");
  EXPECT_THAT(condition()->message, HasSubstr("webhooks are off"));
  EXPECT_THAT(posts_, ::testing::IsEmpty());
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

// A term that tells a real receiver over TLS, with secrets in a folder.
#include "controller/webhooks/webhooks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "controller/reconcile/admission.hpp"
#include "controller/webhooks/signature.hpp"
#include "job/callback.hpp"
#include "support/cpp/fake_api_server.hpp"
#include "support/cpp/temp_dir.hpp"
#include "support/cpp/tls_server.hpp"
#include "unit/controller/world/paths.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using vbrain::testing::TlsConnection;
using vbrain::testing::TlsServer;

constexpr const char* kSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
constexpr const char* kSecond = "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5e";

template <class Condition>
bool becomes(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // leaves the processor to what is waited for
  }
  return condition();
}

class WebhooksTest : public ::testing::Test {
 protected:
  WebhooksTest() {
    std::signal(SIGPIPE, SIG_IGN);  // the receiver writes with write(2)
    vbrain::testing::write_file(folder_ / "ca.crt", receiver_.authority_pem());
    vbrain::testing::write_file(folder_ / "secrets/acme-north", std::string(kSecret) + "\n");
    jobs_.add_index(kJobsByCallback, callback_index);
    clients_.add_index(kClientsByTenant, [](const job::Client& client) { return std::vector{tenant_key(client)}; });
    job::Client client;
    client.meta.name = "acme-north";
    client.organization_id = "acme";
    client.application_id = "Tutorial";
    client.client_id = "north";
    clients_.put(client.meta.name, std::make_shared<const job::Client>(client));
  }

  void put_job(const std::string& name, const std::string& url) {
    job::Job job = testing::a_job();
    job.spec.callback_url = url;
    json object = job::encode_new_job("vbrain", name, job.spec);
    job.status.phase = job::Phase::kFinished;
    job.status.completion_time = clock_.now();
    object["status"] = job::encode(job.status);
    api_.put(testing::kJobs, object);
    jobs_.put(name, std::make_shared<const job::Job>(job::Job::decode(api_.object(testing::kJobs + "/" + name))));
  }
  bool is_delivered(const std::string& name) {
    const auto job = job::Job::decode(api_.object(testing::kJobs + "/" + name));
    const kube::Condition* found = job.status.condition(job::kCallbackCondition);
    return found != nullptr && found->status == "True";
  }
  std::string request(std::size_t index) {
    const std::lock_guard lock(mutex_);
    return requests_.at(index);
  }
  Webhooks webhooks_with(std::vector<std::string> allow) {
    return Webhooks(
        {.client = client_,
         .events = events_,
         .jobs = jobs_,
         .clients = clients_,
         .metrics = metrics_,
         .clock = clock_,
         .is_recorded = [](const std::string&) { return true; },
         .may_write = [] { return true; }},
        {.allow = std::move(allow), .deny = {}, .secrets = folder_ / "secrets", .ca_file = folder_ / "ca.crt"});
  }

  std::mutex mutex_;
  std::vector<std::string> requests_;
  TlsServer receiver_{[this](TlsConnection& connection, int) {
                        std::string request = connection.read_request();
                        {
                          const std::lock_guard lock(mutex_);
                          requests_.push_back(std::move(request));
                        }
                        connection.answer(204, "");
                      },
                      "IP:127.0.0.1,DNS:localhost"};
  vbrain::testing::TempDir folder_{::testing::TempDir()};
  vbrain::testing::FakeApiServer api_;
  base::SystemClock clock_;
  base::Metrics metrics_;
  kube::ApiClient client_{api_};
  kube::EventRecorder events_{client_, {.instance = "test"}, metrics_, clock_};
  kube::Cache<job::Job> jobs_;
  kube::Cache<job::Client> clients_;
};

TEST_F(WebhooksTest, ATermTellsWhatItFindsAndWhatComes) {
  Webhooks webhooks = webhooks_with({"127.0.0.1/32:*"});
  put_job(testing::kJobId, receiver_.url() + "/jobs");
  std::stop_source leading;
  const Webhooks::Term term(webhooks, leading.get_token());
  ASSERT_TRUE(becomes([&] { return is_delivered(testing::kJobId); }));
  const std::string first = request(0);
  EXPECT_THAT(first, HasSubstr("POST /jobs HTTP/1.1\r\n"));
  const auto field = [&](const std::string& name) {
    const auto at = first.find(name + ": ") + name.size() + 2;
    return first.substr(at, first.find("\r\n", at) - at);
  };
  EXPECT_EQ(field("webhook-signature"), sign(read_secrets(kSecret).value(), field("webhook-id"),
                                             field("webhook-timestamp"), first.substr(first.find("\r\n\r\n") + 4)));
  put_job(kSecond, receiver_.url() + "/jobs");
  webhooks.on_job_change({nullptr, jobs_.get(kSecond)});
  EXPECT_TRUE(becomes([&] { return is_delivered(kSecond); }));
  leading.request_stop();
}

// The name is listed, and what it resolves to is not, or only for others.
TEST_F(WebhooksTest, AListedNameDoesNotReachThisMachine) {
  Webhooks webhooks = webhooks_with({"localhost:*", "127.0.0.1/32:*", "::1/128:*", "other.example.com=127.0.0.1/32"});
  put_job(testing::kJobId, receiver_.url("localhost") + "/jobs");
  const Webhooks::Term term(webhooks, {});
  EXPECT_TRUE(becomes([&] {
    return metrics_.render().find("vbrain_webhooks_failures_total{reason=\"AddressNotAllowed\"} 1") !=
           std::string::npos;
  }));
  EXPECT_EQ(receiver_.connections(), 0);
}

TEST_F(WebhooksTest, ANameWithItsNetworkReachesIt) {
  Webhooks webhooks = webhooks_with({"localhost:*=127.0.0.0/8", "localhost:*=::1/128"});
  put_job(testing::kJobId, receiver_.url("localhost") + "/jobs");
  const Webhooks::Term term(webhooks, {});
  EXPECT_TRUE(becomes([&] { return is_delivered(testing::kJobId); }));
}

TEST_F(WebhooksTest, AFileOfAuthoritiesThatHoldsNoneEndsTheStart) {
  const auto fault = [this] {
    try {
      webhooks_with({"hooks.example.com"});
      return std::string();
    } catch (const std::runtime_error& problem) {
      return std::string(problem.what());
    }
  };
  EXPECT_EQ(fault(), "");
  const std::string file = folder_ / "ca.crt";
  vbrain::testing::write_file(file, "no certificate");
  EXPECT_THAT(fault(), HasSubstr("--webhook-ca-file: " + file + " holds no readable PEM certificate; put the"));
  std::filesystem::remove(file);
  EXPECT_THAT(fault(), HasSubstr("cannot open " + file));
}

TEST(WebhookSettings, AreCheckedAtTheStart) {
  EXPECT_EQ(check(WebhookSettings{}), "");
  EXPECT_THAT(check(WebhookSettings{.allow = {"a b"}, .deny = {}, .secrets = {}, .ca_file = {}}), HasSubstr("'a b'"));
}

}  // namespace
}  // namespace vbrain::controller

#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "artifacts/records/claim.hpp"
#include "artifacts/store/store.hpp"
#include "base/time/clock.hpp"
#include "kube/transport/transport.hpp"
#include "support/cpp/fake_api_server.hpp"

namespace vbrain::controller::testing {

// Watches the API server and the volume of a World, and says what must never happen. It asks nobody but them: it has no
// code of the controller's decisions. It must be told before each request of a controller (about_to...) and after
// whatever may have changed something (look).
class Oracle {
 public:
  using json = nlohmann::json;

  // All must outlive the oracle.
  Oracle(vbrain::testing::FakeApiServer& api, const artifacts::Store& store, const base::Clock& clock)
      : api_(api), store_(store), clock_(clock) {}

  // --- What a controller is about to do.
  void about_to_send(const kube::Request& request);
  void about_to_close(int attempt);
  void about_to_archive();
  void about_to_purge();

  // --- What happened.
  // Judges all that is new in the API server.
  void look();
  // The runner of a pod has won its attempt's claim.
  void note_start(int attempt, const std::string& pod_uid);
  // A user has deleted the Job.
  void note_deletion() { deleted_by_user_ = true; }
  // The API server was set back, or has lost what it had: nothing is compared with what was before.
  void begin_anew();
  // The API server or the rules of templates refuse pods: an attempt may be given up before it had one.
  void allow_refusals() { refusals_ = true; }
  void report(const std::string& what);

  // Changes of the Job and of pods so far.
  int changes() const { return changes_; }
  int starts(int attempt) const;
  int starts_in_all() const;
  // In words, each once; empty if all is well.
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  struct Seen {
    base::TimePoint first;
    json last;
  };

  void about_to_stop(const kube::Request& request);
  // Why the pod may be stopped, or its attempt closed; empty if there is no reason.
  std::string cause_to_end(const json& pod, int attempt) const;
  std::string cause_in_job(const json& job, int attempt) const;
  std::string cause_in_pod(const json& pod, int attempt) const;
  bool is_past_deadline(const json& job) const;
  std::optional<artifacts::Claim> claim_of(int attempt) const;
  bool has_manifest(int attempt) const;
  bool has_record() const;
  bool is_over(int attempt) const;

  void judge_job(const std::string& type, const json& job);
  void judge_status(const json& before, const json& now);
  void judge_end(const json& now);
  void judge_removal(const json& job);
  void judge_finalizers(const json& before, const json& now);
  void judge_pods();
  void note_application(const json& application);

  vbrain::testing::FakeApiServer& api_;
  const artifacts::Store& store_;
  const base::Clock& clock_;
  std::int64_t seen_ = 0;
  int restores_ = 0;
  int changes_ = 0;
  json job_;
  std::map<std::string, Seen> pods_;  // by UID
  std::set<std::int64_t> deadlines_{};
  std::set<std::int64_t> start_deadlines_{};
  std::map<int, std::vector<std::string>> started_;  // attempt -> UIDs of pods whose runner won
  bool deleted_by_user_ = false;
  bool was_restored_ = false;
  bool refusals_ = false;
  std::vector<std::string> violations_;
};

}  // namespace vbrain::controller::testing

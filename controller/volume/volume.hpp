#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "artifacts/records/claim.hpp"
#include "artifacts/store/layout.hpp"
#include "base/result.hpp"
#include "base/time/clock.hpp"
#include "controller/planning/outcome.hpp"
#include "controller/planning/snapshot.hpp"
#include "controller/pods/pod_builder.hpp"
#include "job/application.hpp"
#include "job/job.hpp"

namespace vbrain::artifacts {
class Store;
}

namespace vbrain::controller {

// An attempt's folder as its pod will see it.
struct PreparedAttempt {
  PodPaths paths;          // including `runner`
  AttemptFiles files;      // empty unless the attempt was started before
  bool published = false;  // the job's own folder was created just now
  // Information on the volume that the resource lacks, because the resource is newer (recreated) or older (restored).
  // If one is set, nothing was prepared, and the other members are empty.
  std::optional<job::JobStatus> record;  // how the job ended
  int newest = 0;                        // a later attempt; 0: there is none
};

// The controller's operations on the shared volume. All members block, may be called from any thread, may be repeated,
// and throw artifacts::VolumeError if the volume fails.
class Volume {
 public:
  virtual ~Volume() = default;

  // Creates the attempt's folder, durable. For a Job made with kubectl it also creates the job's folder, from the
  // inline params; they are completed and checked by paramsSchema of `application`, which may be null. The error says
  // why no pod can be created for it.
  virtual Result<PreparedAttempt, Failure> prepare_attempt(const job::Job& job, int attempt,
                                                           const job::Application* application) = 0;
  virtual AttemptFiles read_attempt(const job::Job& job, int attempt) = 0;
  // The owner of the attempt afterwards: this controller, or the earlier owner.
  virtual artifacts::Claim close_attempt(const job::Job& job, int attempt, base::TimePoint now) = 0;
  // Writes status.json of a terminal job, unless it exists. True if the job's folder was created for it just now: for a
  // Job made with kubectl that ended before it had one.
  virtual bool archive(const job::Job& job) = 0;
  // Moves the job's folder to .trash, which is durable: from then on nobody sees it. What is in it is removed later.
  // No error if there is no folder.
  virtual void purge(const job::Job& job) = 0;
};

// The Volume on artifacts::Store. `runner_path` is the path of the runner from install_runner().
class StoreVolume final : public Volume {
 public:
  // Is told which folder of the tenant's .trash can be removed; must not wait for the volume (see TrashRemover).
  using Discard = std::function<void(const artifacts::Tenant& tenant, const std::string& trash_name)>;

  // `store` must outlive this.
  StoreVolume(const artifacts::Store& store, std::string runner_path, Discard discard);

  Result<PreparedAttempt, Failure> prepare_attempt(const job::Job& job, int attempt,
                                                   const job::Application* application) override;
  AttemptFiles read_attempt(const job::Job& job, int attempt) override;
  artifacts::Claim close_attempt(const job::Job& job, int attempt, base::TimePoint now) override;
  bool archive(const job::Job& job) override;
  void purge(const job::Job& job) override;

 private:
  // True if the folder was created here, false if another controller published it.
  Result<bool, Failure> publish(const job::Job& job, const job::Application* application);
  bool publish_ended(const job::Job& job, const nlohmann::json& record) const;

  const artifacts::Store& store_;
  const std::string runner_path_;
  const Discard discard_;
};

artifacts::Tenant tenant_of(const job::Job& job);

}  // namespace vbrain::controller

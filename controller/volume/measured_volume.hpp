#pragma once

#include "base/metrics.hpp"
#include "base/time/clock.hpp"
#include "controller/volume/volume.hpp"

namespace vbrain::controller {

// Measures each operation of another Volume: vbrain_volume_seconds{operation}. Operations that throw count, too.
class MeasuredVolume final : public Volume {
 public:
  // All must outlive it.
  MeasuredVolume(Volume& volume, base::Metrics& metrics, const base::Clock& clock);

  Result<PreparedAttempt, Failure> prepare_attempt(const job::Job& job, int attempt,
                                                   const job::Application* application) override;
  AttemptFiles read_attempt(const job::Job& job, int attempt) override;
  artifacts::Claim close_attempt(const job::Job& job, int attempt, base::TimePoint now) override;
  bool archive(const job::Job& job) override;
  void purge(const job::Job& job) override;

 private:
  class Watch;

  Volume& volume_;
  base::Metrics& metrics_;
  const base::Clock& clock_;
};

}  // namespace vbrain::controller

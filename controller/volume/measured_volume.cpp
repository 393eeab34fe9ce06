#include "controller/volume/measured_volume.hpp"

#include <chrono>

namespace vbrain::controller {

// From its construction to its destruction.
class MeasuredVolume::Watch {
 public:
  Watch(const MeasuredVolume& volume, const char* operation)
      : clock_(volume.clock_),
        seconds_(volume.metrics_.histogram("vbrain_volume_seconds", "Time of operations on the volume.",
                                           {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60},
                                           {{"operation", operation}})),
        start_(clock_.steady()) {}
  ~Watch() { seconds_.Observe(std::chrono::duration<double>(clock_.steady() - start_).count()); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  const base::Clock& clock_;
  prometheus::Histogram& seconds_;
  const base::SteadyPoint start_;
};

MeasuredVolume::MeasuredVolume(Volume& volume, base::Metrics& metrics, const base::Clock& clock)
    : volume_(volume), metrics_(metrics), clock_(clock) {}

Result<PreparedAttempt, Failure> MeasuredVolume::prepare_attempt(const job::Job& job, int attempt,
                                                                 const job::Application* application) {
  const Watch watch(*this, "prepare");
  return volume_.prepare_attempt(job, attempt, application);
}

AttemptFiles MeasuredVolume::read_attempt(const job::Job& job, int attempt) {
  const Watch watch(*this, "read");
  return volume_.read_attempt(job, attempt);
}

artifacts::Claim MeasuredVolume::close_attempt(const job::Job& job, int attempt, base::TimePoint now) {
  const Watch watch(*this, "close");
  return volume_.close_attempt(job, attempt, now);
}

bool MeasuredVolume::archive(const job::Job& job) {
  const Watch watch(*this, "archive");
  return volume_.archive(job);
}

void MeasuredVolume::purge(const job::Job& job) {
  const Watch watch(*this, "purge");
  volume_.purge(job);
}

}  // namespace vbrain::controller

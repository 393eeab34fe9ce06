// What a job costs the controller on the volume: CPU time, elapsed time, and system calls under strace.
//   job_volume FOLDER JOBS   prints one line for jobs made by REST and one for jobs made with kubectl.
// FOLDER must exist; the files stay there.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "artifacts/store/store.hpp"
#include "base/time/clock.hpp"
#include "controller/volume/volume.hpp"

namespace {

using namespace vbrain;

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

job::Job job_named(const std::string& name, const std::string& repository, bool by_rest) {
  job::Job job;
  job.meta.name = name;
  job.meta.uid = "uid-" + name;
  job.spec.organization_id = "acme";
  job.spec.application_id = "Tutorial";
  job.spec.client_id = "north";
  job.spec.repository_id = repository;
  job.status.phase = job::Phase::kFinished;
  job.status.attempts = 1;
  if (by_rest) job.meta.labels.emplace(job::kOriginLabel, job::kOriginRest);
  return job;
}

struct Cost {
  double cpu = 0;
  double elapsed = 0;
};

template <class Work>
Cost cost_of(int jobs, const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  const double cpu = cpu_seconds();
  for (int i = 0; i < jobs; ++i) work(i);
  return {.cpu = cpu_seconds() - cpu,
          .elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
}

// What a runner writes.
void run_attempt(const artifacts::Store& store, const job::Job& job) {
  const auto attempt = store.root().at(artifacts::layout::attempt(controller::tenant_of(job), job.meta.name, 1));
  const std::pair<std::string_view, std::string> files[] = {
      {artifacts::layout::kClaim, R"({"format":1,"by":"runner","podUid":"p","time":"2026-01-02T03:04:05Z"})"},
      {artifacts::layout::kManifest, artifacts::encode_manifest({})}};
  for (const auto& [name, text] : files) {
    const auto file = attempt.create_file(name);
    if (!file) std::abort();
    artifacts::write_all(file->get(), text);
  }
}

void measure(const artifacts::Store& store, const std::string& repository, int jobs, bool by_rest) {
  controller::StoreVolume volume(store, "bin/1", [](const artifacts::Tenant&, const std::string&) {});
  const std::string prefix = artifacts::random_name().substr(0, 8) + "-";
  const auto job_at = [&](int i) { return job_named(prefix + std::to_string(i), repository, by_rest); };
  Cost publishing;
  if (by_rest) {
    publishing = cost_of(jobs, [&](int i) {
      artifacts::JobFile file;
      file.job_id = job_at(i).meta.name;
      file.tenant = controller::tenant_of(job_at(i));
      file.repository_id = repository;
      if (!store.publish_job(file)) std::abort();
    });
  }
  const Cost begin = cost_of(jobs, [&](int i) {
    if (!volume.prepare_attempt(job_at(i), 1, nullptr)) std::abort();
  });
  for (int i = 0; i < jobs; ++i) run_attempt(store, job_at(i));
  const Cost end = cost_of(jobs, [&](int i) {
    const job::Job job = job_at(i);
    if (!volume.read_attempt(job, 1).manifest) std::abort();
    volume.archive(job);
  });
  const Cost steps{.cpu = begin.cpu + end.cpu, .elapsed = begin.elapsed + end.elapsed};
  const auto per_job = [&](double seconds) { return 1e6 * seconds / jobs; };
  std::printf("%s: controller %.1f us CPU, %.1f us elapsed per job", by_rest ? "rest" : "kubectl", per_job(steps.cpu),
              per_job(steps.elapsed));
  if (by_rest) {
    std::printf("; publishing %.1f us CPU, %.1f us elapsed", per_job(publishing.cpu), per_job(publishing.elapsed));
  }
  std::printf("\n");
}

}  // namespace

int main(int count, char** arguments) {
  const int jobs = count == 3 ? std::atoi(arguments[2]) : 0;
  if (jobs < 1) {
    std::fprintf(stderr, "usage: job_volume FOLDER JOBS\n");
    return 2;
  }
  const artifacts::Store store(arguments[1]);
  const job::Job job = job_named("none", {}, true);
  artifacts::Staging staging = store.stage(controller::tenant_of(job));
  artifacts::sync_and_close(*staging.input().create_file("data.csv"));
  const std::string repository = store.publish_repository(std::move(staging), {}, base::SystemClock().now());
  measure(store, repository, jobs, true);
  measure(store, repository, jobs, false);
}

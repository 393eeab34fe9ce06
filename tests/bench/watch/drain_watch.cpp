// Drains a watch of Jobs with the Informer of the controller, and ends after a number of events:
//   drain_watch KUBECONFIG NAMESPACE EVENTS
// The watch begins at resourceVersion 0, so the API server sends each Job as an event first (Kubernetes API concepts,
// "Semantics for watch"). Ends with 1 if that takes longer than 120 s.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/metrics.hpp"
#include "job/job.hpp"
#include "kube/api/config.hpp"
#include "kube/cache/informer.hpp"
#include "kube/transport/rest_transport.hpp"

namespace {

using namespace vbrain;

// Answers the list with no Jobs, so that the watch has all of them. The watch goes to the API server.
class WatchOnly final : public kube::Transport {
 public:
  explicit WatchOnly(kube::Transport& transport) : transport_(transport) {}

  kube::KubeResult<kube::Response> call(const kube::Request& /*request*/, std::stop_token /*stop*/) override {
    return kube::Response{.status = 200, .body = R"({"metadata":{"resourceVersion":"0"},"items":[]})"};
  }

  kube::KubeResult<void> stream(const kube::Request& request, const kube::StreamOptions& options, const ChunkSink& sink,
                                std::stop_token stop) override {
    return transport_.stream(request, options, sink, std::move(stop));
  }

 private:
  kube::Transport& transport_;
};

void drain(const char* kubeconfig, const std::string& ns, unsigned long events) {
  const auto config = kube::load_kubeconfig(kubeconfig);
  if (!config) throw std::runtime_error(config.error());
  const auto transport = kube::make_rest_transport(*config);
  if (!transport) throw std::runtime_error(transport.error());
  WatchOnly watch(**transport);
  base::Metrics metrics;
  std::promise<void> drained;
  unsigned long seen = 0;
  kube::Informer<job::Job> jobs(watch, ns, "", metrics);
  jobs.add_handler([&](const kube::Change<job::Job>&) {
    if (++seen == events) drained.set_value();
  });
  jobs.start();
  if (drained.get_future().wait_for(std::chrono::seconds(120)) != std::future_status::ready) {
    throw std::runtime_error("there were fewer events within 120 s");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: drain_watch KUBECONFIG NAMESPACE EVENTS\n", stderr);
    return 2;
  }
  try {
    drain(argv[1], argv[2], std::strtoul(argv[3], nullptr, 10));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "drain_watch: %s\n", error.what());
    return 1;
  }
}

#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kube/api/api_client.hpp"
#include "kube/api/config.hpp"

namespace vbrain::testing {

// A real etcd and kube-apiserver in a folder of their own, below $VBRAIN_TEST_STATE, started by the script
// $VBRAIN_CONTROL_PLANE. They end with this process, however it ends: a child process waits for that. Throws
// std::runtime_error when something cannot be had.
class ControlPlane {
 public:
  // The one that all tests of the program share; started at the first call.
  static ControlPlane& shared();

  ControlPlane();
  ~ControlPlane();
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;

  // As cluster administrator.
  kube::Config config() const;
  std::filesystem::path kubeconfig() const { return state_ / "admin.kubeconfig"; }
  std::filesystem::path folder() const { return state_; }

  void stop_apiserver() const { script("stop-apiserver"); }
  void kill_apiserver() const { script("kill-apiserver"); }
  void start_apiserver() const { script("start-apiserver"); }
  // Everything in etcd up to now loses its history.
  void compact(const std::string& revision) const;

  // Creates what $VBRAIN_CRDS/<name>.yaml defines and waits until it is served. Again: nothing to do.
  void install_definition(kube::ApiClient& client, const std::string& name) const;

 private:
  void script(const std::string& command) const;
  void start_guard();

  std::filesystem::path script_;
  std::filesystem::path state_;
  int guard_pipe_ = -1;
  pid_t guard_ = -1;
};

// A Transport and ApiClient of the shared control plane, and a namespace of the test's own.
class Connection {
 public:
  Connection();
  explicit Connection(const kube::Config& config);

  kube::Transport& transport() { return *transport_; }
  kube::ApiClient& client() { return *client_; }
  // Made at the first call; unique.
  const std::string& ns();

 private:
  std::unique_ptr<kube::Transport> transport_;
  std::unique_ptr<kube::ApiClient> client_;
  std::string namespace_;
};

// Runs a program to its end; its exit code, or 128 + signal.
int run_program(const std::vector<std::string>& command);
pid_t start_program(const std::vector<std::string>& command);
int wait_for_program(pid_t pid);

nlohmann::json config_map(const std::string& name, const std::string& value);

}  // namespace vbrain::testing

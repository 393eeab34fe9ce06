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

// A real etcd and kube-apiserver with a folder below $VBRAIN_TEST_STATE, started by the script $VBRAIN_CONTROL_PLANE. A
// child process ends them when this process has ended for any reason. Throws std::runtime_error if the start fails.
class ControlPlane {
 public:
  // The instance that all tests of the program share; the first call starts it.
  static ControlPlane& shared();

  ControlPlane();
  ~ControlPlane();
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;

  // With the rights of a cluster administrator.
  kube::Config config() const;
  std::filesystem::path kubeconfig() const { return state_ / "admin.kubeconfig"; }
  std::filesystem::path folder() const { return state_; }

  void stop_apiserver() const { script("stop-apiserver"); }
  void kill_apiserver() const { script("kill-apiserver"); }
  void start_apiserver() const { script("start-apiserver"); }
  // Compacts etcd's history up to now.
  void compact(const std::string& revision) const;

  // Creates the definitions of $VBRAIN_CRDS/<name>.yaml and waits until they are served. Does nothing if they exist.
  void install_definition(kube::ApiClient& client, const std::string& name) const;

 private:
  void script(const std::string& command) const;
  void start_guard();

  std::filesystem::path script_;
  std::filesystem::path state_;
  int guard_pipe_ = -1;
  pid_t guard_ = -1;
};

// A Transport and an ApiClient of the shared control plane, and a namespace of this test.
class Connection {
 public:
  Connection();
  explicit Connection(const kube::Config& config);

  kube::Transport& transport() { return *transport_; }
  kube::ApiClient& client() { return *client_; }
  // Created at the first call; unique.
  const std::string& ns();

 private:
  std::unique_ptr<kube::Transport> transport_;
  std::unique_ptr<kube::ApiClient> client_;
  std::string namespace_;
};

// Runs a program to its end. Returns its exit code, or 128 + signal.
int run_program(const std::vector<std::string>& command);
pid_t start_program(const std::vector<std::string>& command);
int wait_for_program(pid_t pid);

nlohmann::json config_map(const std::string& name, const std::string& value);

}  // namespace vbrain::testing

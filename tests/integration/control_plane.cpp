#include "integration/control_plane.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "base/json/yaml.hpp"
#include "kube/transport/rest_transport.hpp"

extern char** environ;

namespace vbrain::testing {
namespace {

using nlohmann::json;

constexpr kube::ResourceType kDefinitions{"apiextensions.k8s.io", "v1", "customresourcedefinitions",
                                          "CustomResourceDefinition"};
constexpr kube::ResourceType kNamespaces{"", "v1", "namespaces", "Namespace"};

std::string need_env(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') throw std::runtime_error(std::string(name) + " is not set");
  return value;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const auto& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

pid_t start_program(const std::vector<std::string>& command) {
  pid_t pid = -1;
  const int failure = posix_spawnp(&pid, command.at(0).c_str(), nullptr, nullptr, pointers(command).data(), environ);
  if (failure != 0) throw std::runtime_error("cannot start " + command[0] + ": " + std::strerror(failure));
  return pid;
}

int wait_for_program(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) throw std::runtime_error("waitpid failed");
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int run_program(const std::vector<std::string>& command) {
  return wait_for_program(start_program(command));
}

ControlPlane& ControlPlane::shared() {
  static ControlPlane plane;
  return plane;
}

ControlPlane::ControlPlane() : script_(need_env("VBRAIN_CONTROL_PLANE")) {
  const std::filesystem::path base = need_env("VBRAIN_TEST_STATE");
  std::filesystem::create_directories(base);
  std::string pattern = (base / "integration-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a folder in " + base.string());
  state_ = pattern;
  start_guard();
  script("start");
}

ControlPlane::~ControlPlane() {
  close(guard_pipe_);
  waitpid(guard_, nullptr, 0);
}

// Ends the control plane when this process has ended: then the pipe closes. A signal to the whole process group
// (Ctrl-C) must not end this guard first.
void ControlPlane::start_guard() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
  const std::string stop = "trap '' INT TERM HUP; cat >/dev/null; \"$0\" stop --state \"$1\"; rm -rf \"$1\"";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
  const std::vector<std::string> command{"bash", "-c", stop, script_.string(), state_.string()};
  const int failure = posix_spawnp(&guard_, "bash", &actions, nullptr, pointers(command).data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[0]);
  guard_pipe_ = ends[1];
  if (failure != 0) throw std::runtime_error("cannot start the guard");
}

void ControlPlane::script(const std::string& command) const {
  const int code = run_program({script_.string(), command, "--state", state_.string()});
  if (code != 0) {
    throw std::runtime_error(script_.filename().string() + " " + command + " failed with " + std::to_string(code));
  }
}

kube::Config ControlPlane::config() const {
  auto config = kube::load_kubeconfig(kubeconfig());
  if (!config) throw std::runtime_error(config.error());
  config->user_agent = "vbrain-integration/1";
  return *config;
}

void ControlPlane::compact(const std::string& revision) const {
  const std::string ports = read_file(state_ / "ports.env");
  const std::size_t begin = ports.find("ETCD_PORT=") + 10;
  const std::string port = ports.substr(begin, ports.find('\n', begin) - begin);
  const std::string body = json{{"revision", revision}, {"physical", true}}.dump();
  const int code = run_program({"curl", "-sSf", "--noproxy", "*", "-o", "/dev/null", "--data", body,
                                "http://127.0.0.1:" + port + "/v3/kv/compaction"});
  if (code != 0) throw std::runtime_error("etcd was not compacted");
}

void ControlPlane::install_definition(kube::ApiClient& client, const std::string& name) const {
  const auto file = std::filesystem::path(need_env("VBRAIN_CRDS")) / (name + ".yaml");
  const auto body = base::parse_yaml(read_file(file));
  if (!body) throw std::runtime_error(file.string() + ": " + body.error());
  const auto created = client.create(kDefinitions, "", *body);
  if (!created && created.error().code != kube::ErrorCode::kAlreadyExists) {
    throw std::runtime_error(file.string() + ": " + created.error().message);
  }
  const std::string group = (*body)["spec"]["group"];
  const std::string version = (*body)["spec"]["versions"][0]["name"];
  const std::string plural = (*body)["spec"]["names"]["plural"];
  const kube::ResourceType type{group, version, plural, ""};
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!client.list(type, "default", {.limit = 1})) {
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error(name + " is not served");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

Connection::Connection() : Connection(ControlPlane::shared().config()) {}

Connection::Connection(const kube::Config& config) {
  auto transport = kube::make_rest_transport(config);
  if (!transport) throw std::runtime_error(transport.error());
  transport_ = std::move(*transport);
  client_ = std::make_unique<kube::ApiClient>(*transport_);
}

const std::string& Connection::ns() {
  static std::atomic<int> next{0};
  if (!namespace_.empty()) return namespace_;
  namespace_ = "test-" + std::to_string(++next);
  const auto made = client_->create(
      kNamespaces, "", {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", namespace_}}}});
  if (!made) throw std::runtime_error("namespace: " + made.error().message);
  return namespace_;
}

json config_map(const std::string& name, const std::string& value) {
  return {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", name}}}, {"data", {{"value", value}}}};
}

}  // namespace vbrain::testing

#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "artifacts/records/outcome.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::testing {

// Polls until the condition is true, for at most 20 s.
inline bool eventually(const std::function<bool()>& is_so) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// The current content of a file; nothing if it does not exist.
inline std::string text_so_far(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  return text.str();
}

// The folder of this test program's build.
inline std::filesystem::path build_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path();
}

// A job's container below a temporary folder, as the runner sees it, and the built program run in it.
class Sandbox {
 public:
  Sandbox() {
    for (const char* name : {"vbrain/attempt", "vbrain/work", "vbrain/input", "dev", "cgroup"}) {
      std::filesystem::create_directories(temp / name);
    }
    write_file(
        temp / "vbrain/job.json",
        R"({"format":1,"job_id":"job-1","organization_id":"acme","application_id":"Tutorial","client_id":"north",)"
        R"("repository_id":"202009231629398695","created_on":"2026-01-02T03:04:05.678Z","created_by":"ana",)"
        R"("params":{"a":10,"exact":20.50},"metadata":{"name":"x"},"inputFrom":"repository","input":[],"priority":0})");
  }

  std::string attempt(const std::string& name) const { return temp / ("vbrain/attempt/" + name); }
  std::string work(const std::string& name) const { return temp / ("vbrain/work/" + name); }
  bool sealed(const std::string& name) const { return std::filesystem::exists(attempt(name)); }

  // A running runner. Ends with the object.
  class Process {
   public:
    explicit Process(pid_t pid) : pid_(pid) {}
    Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
    ~Process() {
      if (pid_ > 0) {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
      }
    }
    pid_t pid() const { return pid_; }
    // The exit code, 128 + signal if killed.
    int wait() {
      int status = 0;
      waitpid(std::exchange(pid_, -1), &status, 0);
      return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    // Watches it until it ends: the highest memory use seen. wait4(2) would report at least the memory of this test
    // program, because the runner is forked from it.
    std::uint64_t peak_bytes() const {
      std::uint64_t peak = 0;
      for (;;) {
        std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
        std::string word;
        while (status >> word && word != "VmHWM:") continue;
        std::uint64_t kib = 0;
        if (!(status >> kib)) return peak;
        peak = kib * 1024;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }

   private:
    pid_t pid_;
  };

  // `before` precedes the runner's own arguments, such as {"unshare", …}. `runner` is a copy of the program elsewhere.
  Process start(const std::vector<std::string>& command, const std::map<std::string, std::string>& environment = {},
                const std::vector<std::string>& before = {}, const std::string& runner = {}) const {
    std::vector<std::string> words = before;
    const std::string program = runner.empty() ? (build_folder() / "bin/runner").string() : runner;
    words.push_back(program);
    words.insert(words.end(), options.begin(), options.end());
    for (const std::string& word :
         {std::string("--root"), temp.path(), std::string("--cgroup"), temp / "cgroup", std::string("--")}) {
      words.push_back(word);
    }
    words.insert(words.end(), command.begin(), command.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      setenv("VBRAIN_POD_UID", "pod-1", 1);
      setenv("CGROUP", (temp / "cgroup").c_str(), 1);
      for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
      const int out = open((temp / "stdout").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      const int err = open((temp / "stderr").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      dup2(out, STDOUT_FILENO);
      dup2(err, STDERR_FILENO);
      close_range(3, ~0U, 0);  // a container does not have the descriptors of this test program
      execvp(arguments[0], arguments.data());
      _exit(99);
    }
    return Process(pid);
  }

  int run(const std::vector<std::string>& command, const std::map<std::string, std::string>& environment = {}) const {
    return start(command, environment).wait();
  }
  int run_shell(const std::string& script, const std::map<std::string, std::string>& environment = {}) const {
    return run({"/bin/sh", "-c", script}, environment);
  }

  artifacts::Outcome reported() const {
    const auto outcome = artifacts::decode_outcome(read_file(temp / "dev/termination-log"));
    if (!outcome) throw std::runtime_error("no outcome: " + outcome.error());
    return *outcome;
  }

  TempDir temp;
  std::vector<std::string> options;  // of the runner; empty: the pod sets all variables
};

}  // namespace vbrain::testing

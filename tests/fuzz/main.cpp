// fuzz [--seconds N | --runs N] [--seed N] [target...]     N of each target; default 2 seconds
// fuzz --replay FILE target                                one input
// fuzz --list
//
// Runs every parser of untrusted input with mutated inputs. An input that crashes the parser, fails a check or takes
// longer than ten seconds is written to the working folder as crash-<target>, and the program ends.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

#include "base/log/log.hpp"
#include "fuzz/coverage.hpp"
#include "fuzz/fuzz.hpp"
#include "fuzz/mutate.hpp"

#if defined(__SANITIZE_ADDRESS__)
// An input of 32 KiB must not need more than half a gigabyte.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "handle_abort=1:max_allocation_size_mb=512:detect_leaks=0";
}
#endif

namespace vbrain::fuzz {
namespace {

constexpr unsigned kPatience = 10;  // seconds per input

std::string_view current_input;
std::string crash_file;

void keep_input() {
  const int fd = ::open(crash_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd >= 0 && ::write(fd, current_input.data(), current_input.size()) >= 0) ::close(fd);
  std::fprintf(stderr, "fuzz: the input is in %s\n", crash_file.c_str());
}

#if !defined(__SANITIZE_ADDRESS__)
void on_signal(int signal) {
  keep_input();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}
#endif

void watch_for_death() {
  std::signal(SIGALRM, [](int) {
    std::fprintf(stderr, "fuzz: an input takes longer than %u s\n", kPatience);
    std::abort();
  });
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_set_death_callback(keep_input);
#else
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, on_signal);
#endif
}

// A copy of exact size, so that the sanitizer detects a read beyond the end.
void run(const Target& target, std::string_view input) {
  const std::unique_ptr<char[]> copy(new char[input.size()]);
  std::memcpy(copy.get(), input.data(), input.size());
  current_input = {copy.get(), input.size()};
  alarm(kPatience);
  clear_coverage();
  target.run(current_input);
  alarm(0);
  current_input = {};
}

struct Budget {
  double seconds = 2;
  std::optional<std::uint64_t> runs;
  std::uint64_t seed = 1;
};

void fuzz(const Target& target, const Budget& budget) {
  using Clock = std::chrono::steady_clock;
  crash_file = std::string("crash-") + target.name;
  Mutator mutator(budget.seed);
  std::vector<std::string> corpus = target.seeds;
  if (corpus.empty()) corpus.emplace_back();
  forget_coverage();
  for (const std::string& seed : target.seeds) {
    run(target, seed);
    saw_something_new();
  }
  const auto end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(budget.seconds));
  std::uint64_t runs = 0;
  for (; budget.runs ? runs < *budget.runs : Clock::now() < end; ++runs) {
    // The newest inputs are chosen more often than old ones.
    const std::size_t newest = mutator.pick(2) * (corpus.size() - (corpus.size() + 3) / 4);
    const std::string& from = corpus[newest + mutator.pick(corpus.size() - newest)];
    const std::string& other = corpus[mutator.pick(corpus.size())];
    std::string input = mutator.mutate(from, other, target.words);
    run(target, input);
    if (saw_something_new()) corpus.push_back(std::move(input));
  }
  std::printf("%-16s %9llu runs %6zu kept %6u branches\n", target.name, static_cast<unsigned long long>(runs),
              corpus.size() - target.seeds.size(), branches_seen());
  std::fflush(stdout);
}

std::vector<Target> all_targets() {
  std::vector<Target> all;
  for (auto* list : {&archive_targets, &http_targets, &json_targets, &kube_targets, &request_targets, &runner_targets,
                     &schema_targets, &upload_targets, &webhook_targets}) {
    for (Target& target : list()) all.push_back(std::move(target));
  }
  return all;
}

int main_of(const std::vector<std::string>& arguments) {
  Budget budget;
  std::string replay;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const auto value = [&]() -> const std::string& { return arguments.at(++i); };
    if (argument == "--seconds") {
      budget.seconds = std::stod(value());
    } else if (argument == "--runs") {
      budget.runs = std::stoull(value());
    } else if (argument == "--seed") {
      budget.seed = std::stoull(value());
    } else if (argument == "--replay") {
      replay = value();
    } else if (argument == "--list") {
      for (const Target& target : all_targets()) std::puts(target.name);
      return 0;
    } else {
      names.push_back(argument);
    }
  }
  // Log lines about such inputs are not useful.
  base::set_log_level(base::LogLevel::kError);
  watch_for_death();
  std::size_t found = 0;
  for (const Target& target : all_targets()) {
    if (!names.empty() && std::ranges::find(names, target.name) == names.end()) continue;
    ++found;
    if (replay.empty()) {
      fuzz(target, budget);
      continue;
    }
    std::ostringstream bytes;
    bytes << std::ifstream(replay, std::ios::binary).rdbuf();
    crash_file = "/dev/null";
    run(target, bytes.str());
  }
  if (found < std::max<std::size_t>(names.size(), 1)) {
    std::fputs("fuzz: no such target; see --list\n", stderr);
    return 2;
  }
  return 0;
}

}  // namespace

void require(bool held, const char* promise) {
  if (held) return;
  std::fprintf(stderr, "fuzz: not held: %s\n", promise);
  std::abort();
}

}  // namespace vbrain::fuzz

int main(int argc, char** argv) {
  try {
    return vbrain::fuzz::main_of({argv + 1, argv + argc});
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "fuzz: %s\n", problem.what());
    std::abort();
  }
}

// fuzz --list                      names of the targets
// fuzz --replay FILE TARGET        one input
// fuzz --write FOLDER TARGET       the target's seeds as files in FOLDER/seeds, its words as libFuzzer's FOLDER/words
// fuzz TARGET [libFuzzer's options and folders]      only in a build by clang with the preset `fuzz`
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "base/log/log.hpp"
#include "fuzz/fuzz.hpp"

#if defined(VBRAIN_LIBFUZZER)
extern "C" int LLVMFuzzerRunDriver(int* argc, char*** argv, int (*run)(const std::uint8_t* data, std::size_t size));
#endif

namespace vbrain::fuzz {
namespace {

constexpr const char* kUsage =
    "usage: fuzz --list | --replay FILE TARGET | --write FOLDER TARGET | TARGET [libFuzzer's options and folders]";

Target target_called(std::string_view name) {
  for (Target& target : all_targets()) {
    if (target.name == name) return std::move(target);
  }
  throw std::runtime_error("no such target: " + std::string(name) + "; see --list");
}

void write(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("can't write " + path.string());
}

// A line of a dictionary; see https://llvm.org/docs/LibFuzzer.html#dictionaries.
std::string dictionary_line(std::string_view word) {
  std::string line = "\"";
  for (const unsigned char c : word) {
    char code[5];
    std::snprintf(code, sizeof code, "\\x%02x", c);
    line += code;
  }
  return line + "\"\n";
}

void write_first_inputs(const std::filesystem::path& folder, const Target& target) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder / "seeds");
  std::size_t number = 0;
  for (const std::string& seed : target.seeds) write(folder / "seeds" / std::to_string(number++), seed);
  std::string lines;
  for (const std::string& word : target.words) lines += dictionary_line(word);
  write(folder / "words", lines);
}

void replay(const std::string& path, const Target& target) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  if (!file.is_open() || file.bad()) throw std::runtime_error("can't read " + path);
  run_copy(target, bytes.str());
}

#if defined(VBRAIN_LIBFUZZER)
// libFuzzer starts the program again to merge folders or to make an input smaller, with its own options only.
constexpr const char* kTargetVariable = "VBRAIN_FUZZ_TARGET";

Target chosen;

// An exception must end the program here: libFuzzer would not store the input of one that reaches main().
int run_chosen(const std::uint8_t* data, std::size_t size) noexcept {
  chosen.run({reinterpret_cast<const char*>(data), size});  // a copy of exact size already
  return 0;
}

int run_libfuzzer(int argc, char** argv) {
  const char* outer = std::getenv(kTargetVariable);
  const std::string name = outer ? outer : argv[1];
  chosen = target_called(name);
  if (!outer) {
    ::setenv(kTargetVariable, name.c_str(), 1);
    argv[1] = argv[0];
    ++argv;
    --argc;
  }
  return LLVMFuzzerRunDriver(&argc, &argv, &run_chosen);
}
#endif

int main_of(int argc, char** argv) {
  // Log lines about such inputs are not useful.
  base::set_log_level(base::LogLevel::kError);
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "--list") {
    for (const Target& target : all_targets()) std::puts(target.name);
    return 0;
  }
  if (command == "--replay" && argc == 4) {
    replay(argv[2], target_called(argv[3]));
    return 0;
  }
  if (command == "--write" && argc == 4) {
    write_first_inputs(argv[2], target_called(argv[3]));
    return 0;
  }
#if defined(VBRAIN_LIBFUZZER)
  if (!command.empty()) return run_libfuzzer(argc, argv);
#endif
  std::fprintf(stderr, "%s\n", kUsage);
  return 2;
}

}  // namespace
}  // namespace vbrain::fuzz

int main(int argc, char** argv) {
  try {
    return vbrain::fuzz::main_of(argc, argv);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "fuzz: %s\n", problem.what());
    return 2;
  }
}

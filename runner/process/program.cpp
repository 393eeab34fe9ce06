#include "runner/process/program.hpp"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "artifacts/archive/utf8.hpp"
#include "base/files/fd.hpp"
#include "base/files/io.hpp"

namespace vbrain::runner {
namespace {

constexpr std::size_t kHead = 4096;
constexpr std::size_t kShebang = 255;  // the kernel reads so many bytes of the first line (BINPRM_BUF_SIZE)
constexpr int kInterpreters = 4;       // the kernel follows so many scripts whose interpreter is a script
constexpr const char* kLineEndRemedy = "save the file with LF (dos2unix; in Git: eol=lf)";

#if defined(__x86_64__)
constexpr unsigned kOwnMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kOwnMachine = EM_AARCH64;
#else
#error "add the machine"
#endif

std::string machine_name(unsigned machine) {
  // The names of Kubernetes' label kubernetes.io/arch.
  struct Known {
    unsigned machine;
    const char* name;
  };
  constexpr std::array<Known, 7> kKnown = {{{EM_X86_64, "amd64"},
                                            {EM_AARCH64, "arm64"},
                                            {EM_ARM, "arm"},
                                            {EM_386, "386"},
                                            {EM_PPC64, "ppc64le"},
                                            {EM_S390, "s390x"},
                                            {EM_RISCV, "riscv64"}}};
  const auto* found = std::ranges::find(kKnown, machine, &Known::machine);
  return found != kKnown.end() ? found->name : "machine " + std::to_string(machine);
}

std::string shown_path(std::string_view path) {
  return artifacts::printable(path, 200);
}

bool exists(const std::string& path) {
  struct stat found {};
  return stat(path.c_str(), &found) == 0;
}

// The fields of an ELF header that are needed here, of either word size and byte order.
class Elf {
 public:
  explicit Elf(std::string_view head) : head_(head) {}

  bool is_complete() const { return head_.size() >= (is_wide() ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr)); }
  bool is_program() const { return number(16, 2) == ET_EXEC || number(16, 2) == ET_DYN; }
  unsigned machine() const { return static_cast<unsigned>(number(18, 2)); }

  // The path of the dynamic loader; empty if there is none.
  std::string loader(int fd) const {
    const std::uint64_t table = is_wide() ? number(32, 8) : number(28, 4);
    const std::uint64_t size = number(is_wide() ? 54 : 42, 2);
    const std::uint64_t count = std::min<std::uint64_t>(number(is_wide() ? 56 : 44, 2), 64);
    for (std::uint64_t i = 0; i < count; ++i) {
      std::array<char, 56> bytes{};
      const std::size_t wanted = is_wide() ? 56 : 32;
      if (base::read_full_at(fd, std::span(bytes).first(wanted), table + i * size) != static_cast<ssize_t>(wanted)) {
        return {};
      }
      const Elf header(*this, {bytes.data(), wanted});
      if (header.number(0, 4) != PT_INTERP) continue;
      std::string path(static_cast<std::size_t>(
                           std::min<std::uint64_t>(is_wide() ? header.number(32, 8) : header.number(16, 4), kShebang)),
                       '\0');
      base::read_full_at(fd, path, is_wide() ? header.number(8, 8) : header.number(4, 4));
      return path.substr(0, path.find('\0'));
    }
    return {};
  }

 private:
  Elf(const Elf& file, std::string_view bytes) : head_(bytes), wide_(file.is_wide()), big_(file.is_big()) {}

  bool is_wide() const { return wide_.value_or(head_.size() > EI_CLASS && head_[EI_CLASS] == ELFCLASS64); }
  bool is_big() const { return big_.value_or(head_.size() > EI_DATA && head_[EI_DATA] == ELFDATA2MSB); }
  std::uint64_t number(std::size_t at, std::size_t size) const {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size && at + i < head_.size(); ++i) {
      const std::uint64_t byte = static_cast<unsigned char>(head_[at + i]);
      value |= byte << (8 * (is_big() ? size - 1 - i : i));
    }
    return value;
  }

  std::string_view head_;
  std::optional<bool> wide_;
  std::optional<bool> big_;
};

// The line behind "#!", without its end.
struct Shebang {
  std::string interpreter{};
  std::string argument{};
  bool crlf = false;
};

std::optional<Shebang> read_shebang(std::string_view head) {
  if (!head.starts_with("#!")) return std::nullopt;
  std::string_view line = head.substr(2, head.find('\n') - 2);
  Shebang shebang;
  shebang.crlf = line.ends_with('\r');
  if (shebang.crlf) line.remove_suffix(1);
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
  shebang.interpreter = line.substr(0, end);
  shebang.argument = line.substr(end);
  return shebang;
}

std::string wrong_machine(unsigned machine) {
  return "is built for " + machine_name(machine) + ", and the node is " + machine_name(kOwnMachine) +
         "; use an image for this architecture, or a nodeSelector for kubernetes.io/arch";
}

struct Magic {
  std::string_view bytes;
  const char* text;
};

constexpr std::array<Magic, 9> kMagics = {{
    {"MZ", "is a Windows program; build it for Linux"},
    {"\xCF\xFA\xED\xFE", "is a macOS program; build it for Linux"},
    {"\xCE\xFA\xED\xFE", "is a macOS program; build it for Linux"},
    {"\xCA\xFE\xBA\xBE", "is a Java class or a macOS program; start a class with java"},
    {std::string_view("\0asm", 4), "is WebAssembly; start it with a runtime for it"},
    {"PK\x03\x04", "is a ZIP or JAR file; start a JAR file with java -jar"},
    {"\x1F\x8B", "is a gzip file; unpack it when the image is built"},
    {"\xEF\xBB\xBF", "begins with a byte order mark; save it without one"},
    {"\xFF\xFE", "is UTF-16; save it as UTF-8"},
}};

const Magic* find_magic(std::string_view head) {
  const auto* found = std::ranges::find_if(kMagics, [&](const Magic& magic) { return head.starts_with(magic.bytes); });
  return found != kMagics.end() ? found : nullptr;
}

std::string explain_file(const std::string& path, int error, int interpreters);

std::string explain_elf(const std::string& path, std::string_view head, int error) {
  const Elf elf(head);
  if (!elf.is_complete()) return "is an incomplete program";
  if (!elf.is_program()) return "is an object file, not a program";
  const base::Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  const std::string loader = fd ? elf.loader(fd.get()) : std::string();
  if (error != ENOEXEC && !loader.empty() && !exists(loader)) {
    return "needs the loader " + shown_path(loader) +
           ", which the image does not have; build the program for the image's C library, or link it statically";
  }
  if (elf.machine() != kOwnMachine) return wrong_machine(elf.machine());
  if (!loader.empty() && access(loader.c_str(), X_OK) != 0) return "has a loader that is not executable: " + loader;
  return {};
}

std::string explain_script(const Shebang& script, std::string_view head, int error, int interpreters) {
  const std::string interpreter = shown_path(script.interpreter);
  if (script.crlf) return std::string("has a first line that ends with CR LF; ") + kLineEndRemedy;
  if (script.interpreter.empty()) return "names no interpreter behind #!";
  if (head.find('\n') > kShebang) return "has a first line of more than 255 bytes";
  if (!exists(script.interpreter)) {
    return "needs the interpreter " + interpreter +
           ", which the image does not have; install it or change the first line";
  }
  const std::string why = interpreters > 0 ? explain_file(script.interpreter, error, interpreters - 1) : std::string();
  return why.empty() ? why : "has the interpreter " + interpreter + ", which " + why;
}

std::string explain_no_access(const std::string& path, const struct stat& found) {
  if (S_ISDIR(found.st_mode)) return "is a folder";
  if (!S_ISREG(found.st_mode)) return "is not a regular file";
  if ((found.st_mode & 0111) == 0) return "is not executable; chmod +x it when the image is built";
  if (access(path.c_str(), X_OK) != 0) {
    return "may not be executed by user " + std::to_string(geteuid()) + "; chmod a+rx it, or set runAsUser";
  }
  struct statvfs volume {};
  if (statvfs(path.c_str(), &volume) == 0 && (volume.f_flag & ST_NOEXEC) != 0) {
    return "is on a volume that is mounted noexec";
  }
  return {};
}

// A predicate for the file, or nothing.
std::string explain_file(const std::string& path, int error, int interpreters) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) return {};
  if (error == EACCES) {
    if (std::string why = explain_no_access(path, found); !why.empty()) return why;
  }
  const std::string head = read_head(path);
  if (const auto script = read_shebang(head)) return explain_script(*script, head, error, interpreters);
  if (head.starts_with("\x7F"
                       "ELF"))
    return explain_elf(path, head, error);
  if (error != ENOEXEC) return {};
  if (found.st_size == 0) return "is empty";
  if (const Magic* magic = find_magic(head)) return magic->text;
  if (is_for_shell(head)) return "has no #! line, and the image has no /bin/sh";
  return "is not a program that Linux can start";
}

std::string not_found(const std::string& command) {
  std::string sentence = "command not found: " + shown_path(command);
  if (command.find(' ') != command.npos) {
    return sentence + "; it is one word with blanks: make each argument an item of its own, or use sh -c";
  }
  if (command.find('/') != command.npos) return sentence + "; the image has no such file";
  const char* path = std::getenv("PATH");
  return sentence + "; it is in no folder of PATH (" + shown_path(path == nullptr ? "not set" : path) + ")";
}

}  // namespace

std::vector<std::string> find_candidates(const std::string& command) {
  if (command.find('/') != command.npos) return {command};
  const char* variable = std::getenv("PATH");
  std::string_view path = variable == nullptr ? "/bin:/usr/bin" : variable;
  std::vector<std::string> candidates;
  for (;;) {
    const std::size_t end = std::min(path.find(':'), path.size());
    const std::string folder(path.substr(0, end));
    candidates.push_back(folder.empty() ? command : folder + "/" + command);
    if (end == path.size()) return candidates;
    path.remove_prefix(end + 1);
  }
}

bool is_for_shell(std::string_view head) {
  if (head.empty() || head.starts_with("#!") ||
      head.starts_with("\x7F"
                       "ELF") ||
      find_magic(head) != nullptr)
    return false;
  return head.substr(0, 256).find('\0') == head.npos;
}

std::string read_head(const std::string& path) {
  std::string head(kHead, '\0');
  const base::Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  const ssize_t got = fd ? base::read_full_at(fd.get(), head, 0) : 0;
  head.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return head;
}

std::optional<std::string> find_start_fault(const std::string& command) {
  for (const std::string& path : find_candidates(command)) {
    if (access(path.c_str(), X_OK) != 0) continue;
    const auto script = read_shebang(read_head(path));
    const bool for_env = script && (script->interpreter == "env" || script->interpreter.ends_with("/env"));
    if (!for_env || !script->crlf) return std::nullopt;
    return shown_path(command) + " has a first line that ends with CR LF; " + kLineEndRemedy;
  }
  return std::nullopt;
}

std::string explain_start_failure(const std::string& command, int error) {
  if (error == E2BIG) return shown_path(command) + ": its arguments and environment are longer than the kernel allows";
  const auto candidates = find_candidates(command);
  const auto found = std::ranges::find_if(candidates, exists);
  if (found == candidates.end()) {
    if (error == ENOENT || error == ENOTDIR) return not_found(command);
  } else if (const std::string why = explain_file(*found, error, kInterpreters); !why.empty()) {
    return shown_path(command) + " " + why;
  }
  return shown_path(command) + ": " + std::generic_category().message(error);
}

}  // namespace vbrain::runner

#include "runner/process/program.hpp"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "runner/settings.hpp"
#include "unit/runner/sandbox.hpp"

namespace vbrain::runner {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using vbrain::testing::read_file;
using vbrain::testing::Sandbox;
using vbrain::testing::TempDir;
using vbrain::testing::write_file;
using Kind = artifacts::Outcome::Kind;

// An ELF file with no more than its headers.
std::string elf_of(Elf64_Half machine, const std::string& loader = {}, Elf64_Half type = ET_DYN) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = type;
  header.e_machine = machine;
  header.e_version = EV_CURRENT;
  header.e_ehsize = sizeof header;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = loader.empty() ? 0 : 1;
  Elf64_Phdr segment{};
  segment.p_type = PT_INTERP;
  segment.p_offset = sizeof header + sizeof segment;
  segment.p_filesz = loader.size() + 1;
  std::string file(reinterpret_cast<const char*>(&header), sizeof header);
  if (loader.empty()) return file + std::string(200, '\0');
  file.append(reinterpret_cast<const char*>(&segment), sizeof segment);
  return file + loader + std::string(200, '\0');
}

#if defined(__x86_64__)
constexpr Elf64_Half kOwn = EM_X86_64;
#else
constexpr Elf64_Half kOwn = EM_AARCH64;
#endif
constexpr Elf64_Half kUnknown = 0xFEED;  // no emulator is registered for it

struct StartCase {
  std::string what;
  std::string content;
  std::string want;  // behind the path
  mode_t mode = 0755;
};

TEST(Program, TheReportNamesWhyACommandDidNotStart) {
  const std::vector<StartCase> cases = {
      {"other architecture", elf_of(kUnknown), " is built for machine 65261, and the node is "},
      {"other architecture with a loader", elf_of(kUnknown, "/bin/sh"),
       " is built for machine 65261, and the node is "},
      {"loader is missing", elf_of(kOwn, "/lib/ld-none.so.1"),
       " needs the loader /lib/ld-none.so.1, which the image does not have; "},
      {"object file", elf_of(kOwn, "", ET_REL), " is an object file, not a program"},
      {"cut program", elf_of(kOwn).substr(0, 30), " is an incomplete program"},
      {"interpreter is missing", "#!/opt/none/python3 -u\nprint(1)\n",
       " needs the interpreter /opt/none/python3, which the image does not have; "},
      {"CRLF", "#!/bin/sh\r\necho x\r\n", " has a first line that ends with CR LF; save the file with LF"},
      {"CRLF behind an argument", "#!/opt/none/sh -e\r\necho x\r\n", " has a first line that ends with CR LF; "},
      {"CRLF behind env", "#!/usr/bin/env sh\r\necho x\r\n", " has a first line that ends with CR LF; "},
      {"no interpreter", "#!\necho x\n", " names no interpreter behind #!"},
      {"byte order mark", "\xEF\xBB\xBF#!/bin/sh\necho x\n", " begins with a byte order mark; "},
      {"UTF-16", std::string("\xFF\xFE#\0!\0", 6), " is UTF-16; save it as UTF-8"},
      {"Windows", std::string("MZ\x90\0\x03\0", 6), " is a Windows program; build it for Linux"},
      {"macOS", std::string("\xCF\xFA\xED\xFE\x07\0\0\x01", 8), " is a macOS program; build it for Linux"},
      {"JAR", "PK\x03\x04", " is a ZIP or JAR file; start a JAR file with java -jar"},
      {"other binary", std::string("\x01\x02\0\x03", 4), " is not a program that Linux can start"},
      {"empty", "", " is empty"},
      {"not executable", "#!/bin/sh\n", " is not executable; chmod +x it when the image is built", 0644},
      {"interpreter is not executable", "#!/etc/passwd\n",
       " has the interpreter /etc/passwd, which is not executable; "},
  };
  for (const StartCase& c : cases) {
    const Sandbox box;
    const std::string path = box.temp / "command";
    write_file(path, c.content);
    ASSERT_EQ(chmod(path.c_str(), c.mode), 0);
    EXPECT_EQ(box.run({path}), kExecFailed) << c.what;
    EXPECT_EQ(box.reported().kind, Kind::kExecFailed) << c.what;
    EXPECT_THAT(box.reported().message, ::testing::StartsWith(path + c.want)) << c.what;
    EXPECT_EQ(read_file(box.attempt("logs/stderr.log")), "") << c.what << ": nothing runs it";
  }
}

TEST(Program, TheReportNamesTheArchitectures) {
  const TempDir temp;
  write_file(temp / "arm", elf_of(kOwn == EM_AARCH64 ? EM_X86_64 : EM_AARCH64));
  EXPECT_THAT(explain_start_failure(temp / "arm", ENOEXEC),
              HasSubstr(kOwn == EM_AARCH64 ? "is built for amd64, and the node is arm64; "
                                           : "is built for arm64, and the node is amd64; "));
  write_file(temp / "script", "#!" + (temp / "arm") + "\n");
  EXPECT_THAT(explain_start_failure(temp / "script", ENOEXEC), HasSubstr(", which is built for "));
}

TEST(Program, NamesThatAreNotThere) {
  EXPECT_THAT(explain_start_failure("python3 -u app.py", ENOENT), HasSubstr("it is one word with blanks"));
  EXPECT_EQ(explain_start_failure("/opt/none", ENOENT), "command not found: /opt/none; the image has no such file");
  EXPECT_THAT(explain_start_failure("no-such", ENOENT), HasSubstr("it is in no folder of PATH ("));
  EXPECT_EQ(explain_start_failure("/etc", EACCES), "/etc is a folder");
  EXPECT_THAT(explain_start_failure("true", E2BIG), HasSubstr("longer than the kernel allows"));
}

TEST(Program, TextWithoutAFirstLineIsRunByTheShell) {
  const Sandbox box;
  write_file(box.temp / "bin/script", "echo \"$0 $1\"\nexit 7\n");
  ASSERT_EQ(chmod((box.temp / "bin/script").c_str(), 0755), 0);
  const std::string path = (box.temp / "none") + ":" + (box.temp / "bin") + ":" + std::getenv("PATH");
  EXPECT_EQ(box.run({"script", "word"}, {{"PATH", path}}), 7);
  EXPECT_EQ(read_file(box.attempt("logs/stdout.log")), (box.temp / "bin/script") + " word\n");
}

}  // namespace
}  // namespace vbrain::runner

#include "base/files/text_file.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "base/files/fd.hpp"
#include "base/files/io.hpp"

namespace vbrain::base {
namespace {

constexpr std::size_t kMaxFile = 1u << 20;

}  // namespace

Result<std::string, std::string> read_text_file(const std::filesystem::path& path) {
  const auto fail = [&](const char* what) {
    return Unexpected<std::string>(std::string(what) + " " + path.string() + ": " + std::strerror(errno));
  };
  const Fd file(without_eintr([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
  if (!file) return fail("cannot open");
  std::string text(kMaxFile + 1, '\0');
  const ssize_t got = read_full(file.get(), text);
  if (got < 0) return fail("cannot read");
  text.resize(static_cast<std::size_t>(got));
  if (text.size() > kMaxFile) return Unexpected<std::string>(path.string() + " is larger than 1 MiB");
  return text;
}

}  // namespace vbrain::base

#include "base/files/io.hpp"

#include <unistd.h>

namespace vbrain::base {
namespace {

// Calls `read(rest, bytes so far)` until `to` is full, the file ends or a call fails.
template <class Read>
ssize_t repeat(std::span<char> to, const Read& read) {
  std::size_t done = 0;
  while (done < to.size()) {
    const ssize_t got = read(to.subspan(done), done);
    if (got < 0) return -1;
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return static_cast<ssize_t>(done);
}

}  // namespace

ssize_t read_some(int fd, std::span<char> to) {
  return without_eintr([&] { return ::read(fd, to.data(), to.size()); });
}

ssize_t read_some_at(int fd, std::span<char> to, std::uint64_t offset) {
  return without_eintr([&] { return ::pread(fd, to.data(), to.size(), static_cast<off_t>(offset)); });
}

ssize_t read_full(int fd, std::span<char> to) {
  return repeat(to, [&](std::span<char> rest, std::size_t) { return read_some(fd, rest); });
}

ssize_t read_full_at(int fd, std::span<char> to, std::uint64_t offset) {
  return repeat(to, [&](std::span<char> rest, std::size_t done) { return read_some_at(fd, rest, offset + done); });
}

bool write_full(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = without_eintr([&] { return ::write(fd, bytes.data(), bytes.size()); });
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace vbrain::base

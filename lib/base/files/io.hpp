#pragma once

#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

// System calls on file descriptors that go on after a signal (EINTR). Like the calls themselves, all return -1 and
// leave the cause in errno when they fail: each caller has its own way to report it. Thread-safe.
namespace vbrain::base {

// Repeats a system call that returns -1 on failure while a signal interrupts it.
template <class Call>
auto without_eintr(const Call& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// One read(2) or pread(2): at most `to.size()` bytes, 0 at the end of the file.
ssize_t read_some(int fd, std::span<char> to);
ssize_t read_some_at(int fd, std::span<char> to, std::uint64_t offset);

// Reads until `to` is full or the file ends; returns the number of bytes read.
ssize_t read_full(int fd, std::span<char> to);
ssize_t read_full_at(int fd, std::span<char> to, std::uint64_t offset);

// Writes all of `bytes`. False with errno set when a write(2) fails; what was written before that stays written.
bool write_full(int fd, std::string_view bytes);

}  // namespace vbrain::base

#include "runner/log_copy.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

namespace vbrain::runner {
namespace {

constexpr std::size_t kBlock = 64U << 10;
// A pipe that polls writable takes this much without blocking (pipe(7), PIPE_BUF).
constexpr std::size_t kPiece = 4096;

// File systems whose other clients see our writes only after they are sent to the server.
bool is_shared_file_system(int fd) {
  struct statfs found {};
  if (fstatfs(fd, &found) != 0) return false;
  constexpr std::array<unsigned long, 6> kShared = {
      0x6969,      // NFS
      0x65735546,  // FUSE
      0xFF534D42,  // CIFS
      0xFE534D42,  // SMB2
      0x00C36400,  // Ceph
      0x01021997,  // 9p
  };
  return std::find(kShared.begin(), kShared.end(), static_cast<unsigned long>(found.f_type) & 0xFFFFFFFF) !=
         kShared.end();
}

}  // namespace

LogCopy::LogCopy(artifacts::Fd pipe, artifacts::Fd file, const Options& options)
    : options_(options),
      pipe_(std::move(pipe)),
      file_(std::move(file)),
      stop_(eventfd(0, EFD_CLOEXEC)),
      shared_(is_shared_file_system(file_.get())),
      console_open_(options.console >= 0),
      block_(kBlock, '\0') {
  fcntl(pipe_.get(), F_SETFL, O_NONBLOCK);
  thread_ = std::thread([this] { run(); });
}

LogCopy::~LogCopy() {
  if (thread_.joinable()) finish();
}

LogCopy::End LogCopy::finish() {
  const std::uint64_t one = 1;
  static_cast<void>(!write(stop_.get(), &one, sizeof one));
  thread_.join();
  // An empty file has nothing but its name, which is its folder's.
  if (end_.bytes > 0 && fsync(file_.get()) != 0 && end_.error == 0) end_.error = errno;
  if (close(file_.release()) != 0 && end_.error == 0) end_.error = errno;
  return end_;
}

void LogCopy::run() {
  for (;;) {
    std::array<pollfd, 2> waiting = {pollfd{pipe_.get(), POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
    const int timeout = shared_ && dirty_ ? static_cast<int>(options_.flush_every.count()) : -1;
    if (poll(waiting.data(), waiting.size(), timeout) < 0 && errno != EINTR) return;
    const bool stopping = waiting[1].revents != 0;
    if (stopping) {
      while (take()) continue;
      return;
    }
    if (waiting[0].revents != 0 && !take()) return;
    flush_if_due();
  }
}

// Moves one block. False at the end of the pipe, or if it is empty.
bool LogCopy::take() {
  const ssize_t got = read(pipe_.get(), block_.data(), block_.size());
  if (got < 0 && errno == EINTR) return true;
  if (got <= 0) return false;
  const std::string_view bytes(block_.data(), static_cast<std::size_t>(got));
  keep(bytes);
  show(bytes);
  return true;
}

void LogCopy::keep(std::string_view bytes) {
  // Once a write has failed the file stays as it is: a hole in the middle would be worse than a cut.
  if (end_.error != 0 || capped_) return;
  std::string last;
  if (bytes.size() > options_.limit_bytes - end_.bytes) {
    capped_ = true;
    last = std::string(bytes.substr(0, options_.limit_bytes - end_.bytes)) + "\n[log limit of " +
           std::to_string(options_.limit_bytes) + " bytes reached, the rest is not kept]\n";
    bytes = last;
  }
  try {
    artifacts::write_all(file_.get(), bytes);
    end_.bytes += bytes.size();
    dirty_ = true;
  } catch (const artifacts::VolumeError& error) {
    end_.error = error.code().value();
  }
}

void LogCopy::show(std::string_view bytes) {
  while (!bytes.empty() && console_open_) {
    pollfd console{options_.console, POLLOUT, 0};
    const auto patience = console_stalled_ ? 0 : options_.console_patience.count();
    const int ready = poll(&console, 1, static_cast<int>(patience));
    if (ready < 0 && errno == EINTR) continue;
    console_stalled_ = ready <= 0;
    if (console_stalled_) return;
    const ssize_t written = write(options_.console, bytes.data(), std::min(bytes.size(), kPiece));
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written < 0) console_open_ = false;
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void LogCopy::flush_if_due() {
  const auto now = std::chrono::steady_clock::now();
  if (!shared_ || !dirty_ || now - flushed_ < options_.flush_every) return;
  if (fdatasync(file_.get()) != 0 && end_.error == 0) end_.error = errno;
  flushed_ = now;
  dirty_ = false;
}

}  // namespace vbrain::runner

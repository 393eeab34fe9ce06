#include "runner/logs/log_copy.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <system_error>

#include "base/files/io.hpp"
#include "runner/logs/kept_end.hpp"
#include "runner/logs/shared_file_system.hpp"

namespace vbrain::runner {
namespace {

constexpr std::size_t kBlock = 64U << 10;
// A pipe that poll(2) reports as writable takes this much without blocking (pipe(7), PIPE_BUF).
constexpr std::size_t kPiece = 4096;

}  // namespace

LogCopy::LogCopy(artifacts::Fd pipe, artifacts::Fd file, const Options& options)
    : options_(options),
      pipe_(std::move(pipe)),
      file_(std::move(file)),
      stop_(eventfd(0, EFD_CLOEXEC)),
      shared_(is_on_shared_file_system(file_.get())),
      console_open_(options.console >= 0),
      head_limit_(options.limit_bytes - end_bytes_of(options.limit_bytes)),
      block_(kBlock, '\0'),
      tail_(options.tail_bytes),
      last_(static_cast<std::size_t>(options.limit_bytes - head_limit_)) {
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
  failed_ = {};
  if (cut_dirty_ || end_in_file_ > 0) write_whole_end(last_.text());
  close_gap();
  // An empty file has only its name, which an fsync of its folder makes durable.
  if (end_.bytes > 0 && fsync(file_.get()) != 0 && end_.error == 0) end_.error = errno;
  if (close(file_.release()) != 0 && end_.error == 0) end_.error = errno;
  end_.tail = tail_.text();
  return end_;
}

void LogCopy::run() {
  for (;;) {
    std::array<pollfd, 2> waiting = {pollfd{pipe_.get(), POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
    const int timeout = (shared_ && dirty_) || cut_dirty_ ? static_cast<int>(options_.flush_every.count()) : -1;
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
  if (options_.tail_bytes > 0) tail_.add(bytes);
  show(bytes);
  return true;
}

// Bytes that cannot be written are lost. Later writes are tried, because a volume may be full only for a moment. The
// first write that succeeds puts a line before its bytes that says how many are missing.
void LogCopy::keep(std::string_view bytes) {
  if (seen_ < head_limit_ && seen_ + bytes.size() >= head_limit_) {
    // The place in the file where the end will stand, if the limit is reached.
    const auto head = static_cast<std::size_t>(head_limit_ - seen_);
    store(bytes.substr(0, head));
    seen_ += head;
    bytes.remove_prefix(head);
    head_end_ = lseek(file_.get(), 0, SEEK_CUR);
    head_bytes_ = end_.bytes;
  }
  if (bytes.empty()) return;
  seen_ += bytes.size();
  if (seen_ > head_limit_) last_.add(bytes);
  if (seen_ <= options_.limit_bytes) return store(bytes);
  end_fresh_ += bytes.size();
  cut_dirty_ = true;
}

void LogCopy::store(std::string_view bytes) {
  const std::size_t kept = close_gap() ? append(bytes) : 0;
  end_.bytes += kept;
  end_.lost += bytes.size() - kept;
  gap_ += bytes.size() - kept;
}

// Brings the end in the file up to date. Most times it appends what is new.
void LogCopy::follow_end() {
  if (head_end_ < 0) return;
  const std::string last = last_.text();
  const EndStep step = next_end_step(end_in_file_, end_fresh_, last.size());
  const std::string_view bytes = std::string_view(last).substr(last.size() - step.bytes);
  if (step.anew) return write_whole_end(bytes);
  if (append(bytes) < bytes.size()) {
    end_in_file_ = 0;  // the file may have a part: the next time all is written anew
    return;
  }
  note_end(end_in_file_ + bytes.size());
}

// Replaces what stands behind the head by a line that says how much is missing, and by these last bytes.
void LogCopy::write_whole_end(std::string_view last) {
  if (head_end_ < 0) return;
  const std::string text = left_out_line(options_.limit_bytes, seen_ - head_limit_ - last.size()).append(last);
  gap_ = 0;  // it lies in what is replaced, or is told by End::lost
  const bool written = lseek(file_.get(), head_end_, SEEK_SET) == head_end_ && append(text) == text.size() &&
                       ftruncate(file_.get(), head_end_ + static_cast<off_t>(text.size())) == 0;
  if (written) {
    note_end(last.size());
  } else {
    cut_dirty_ = true;
    end_in_file_ = 0;
  }
}

void LogCopy::note_end(std::uint64_t bytes) {
  end_in_file_ = bytes;
  end_fresh_ = 0;
  end_.bytes = head_bytes_ + bytes;
  cut_dirty_ = false;
}

// Writes the line about missing bytes, if there are any. False if the file still cannot be written.
bool LogCopy::close_gap() {
  if (gap_ == 0) return true;
  if (std::chrono::steady_clock::now() - failed_ < options_.retry_after) return false;
  const std::string line =
      "\n[" + std::to_string(gap_) + " bytes are missing here: " + std::generic_category().message(end_.error) + "]\n";
  if (append(line) < line.size()) return false;
  gap_ = 0;
  return true;
}

// Returns how many of the bytes are written.
std::size_t LogCopy::append(std::string_view bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t written =
        base::without_eintr([&] { return write(file_.get(), bytes.data() + done, bytes.size() - done); });
    if (written < 0) {
      if (end_.error == 0) end_.error = errno;
      failed_ = std::chrono::steady_clock::now();
      break;
    }
    done += static_cast<std::size_t>(written);
    dirty_ = true;
  }
  return done;
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
  if (now - flushed_ < options_.flush_every) return;
  if (cut_dirty_) {
    follow_end();
    flushed_ = now;
  }
  if (!shared_ || !dirty_) return;
  if (fdatasync(file_.get()) != 0 && end_.error == 0) end_.error = errno;
  flushed_ = now;
  dirty_ = false;
}

}  // namespace vbrain::runner

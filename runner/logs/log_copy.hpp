#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include "artifacts/files/safe_open.hpp"
#include "runner/logs/tail.hpp"

namespace vbrain::runner {

// Copies what an application writes to stdout or stderr into a log file and to the runner's own stream, at once. It has
// a thread, so that a volume that hangs delays neither the forwarding of signals nor the reaping of processes. Memory:
// one block of 64 KiB, and 256 KiB when the log nears its limit. An application that writes faster than the volume is
// blocked, as on any pipe.
class LogCopy {
 public:
  struct Options {
    std::uint64_t limit_bytes =
        UINT64_MAX;    // of the file. Beyond it the middle is left out, and a line there says how much
    int console = -1;  // our own stdout or stderr, or -1
    // The longest wait for a console that is not read. After it these bytes are written only to the file.
    std::chrono::milliseconds console_patience{1'000};
    // On a network file system: the time between two calls of fdatasync(2), which make written bytes visible to other
    // machines.
    std::chrono::milliseconds flush_every{1'000};
    // The pause after a failed write before the next one is tried.
    std::chrono::milliseconds retry_after{1'000};
    std::size_t tail_bytes = 0;  // how many of the last bytes finish() returns
  };

  LogCopy(artifacts::Fd pipe, artifacts::Fd file, const Options& options);
  LogCopy(LogCopy&&) = delete;
  ~LogCopy();

  struct End {
    std::uint64_t bytes = 0;  // of the application's output, in the file
    std::uint64_t lost = 0;   // could not be written; a line in the file says how many are missing there
    int error = 0;            // errno of the first write or fsync that failed
    std::string tail{};       // the last bytes that the application wrote
  };
  // Copies what is left in the pipe, even if its other end is still open somewhere, and fsyncs the file. Call once,
  // when all processes of the application are dead.
  End finish();

 private:
  void run();
  bool take();
  void keep(std::string_view bytes);
  void store(std::string_view bytes);
  void follow_end();
  void write_whole_end(std::string_view last);
  void note_end(std::uint64_t bytes);
  std::size_t append(std::string_view bytes);
  bool close_gap();
  void show(std::string_view bytes);
  void flush_if_due();

  const Options options_;
  artifacts::Fd pipe_;
  artifacts::Fd file_;
  artifacts::Fd stop_;  // an eventfd
  bool shared_ = false;
  bool dirty_ = false;
  bool console_stalled_ = false;
  bool console_open_ = true;
  std::chrono::steady_clock::time_point flushed_;
  const std::uint64_t head_limit_;
  std::string block_;
  Tail tail_;
  Tail last_;                      // what comes behind the head
  std::uint64_t seen_ = 0;         // bytes of the application
  off_t head_end_ = -1;            // in the file, once the head is complete
  std::uint64_t head_bytes_ = 0;   // of the application, in the file before head_end_
  bool cut_dirty_ = false;         // the limit is exceeded, and the file lacks the last bytes
  std::uint64_t end_in_file_ = 0;  // bytes behind the line that says how much is left out
  std::uint64_t end_fresh_ = 0;    // bytes that came after those, while the limit is exceeded
  std::uint64_t gap_ = 0;          // bytes lost since the last successful write
  std::chrono::steady_clock::time_point failed_;
  End end_;
  std::thread thread_;
};

}  // namespace vbrain::runner

#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include "artifacts/store/safe_open.hpp"

namespace vbrain::runner {

// Copies what an application writes to one of its streams into a log file and to one of our own streams, at once, in a
// thread of its own, so that a volume that hangs stops neither signals nor reaping. Memory: one block of 64 KiB; who
// writes faster than the volume takes waits, as at any pipe.
class LogCopy {
 public:
  struct Options {
    std::uint64_t limit_bytes = UINT64_MAX;  // of the file; then a last line says so, and the console goes on alone
    int console = -1;                        // our own stdout or stderr, or -1
    // How long the console may refuse bytes before they are dropped for it; the file gets them all the same.
    std::chrono::milliseconds console_patience{1'000};
    // On a file system of other machines too, how often what was written is made visible to them (close-to-open).
    std::chrono::milliseconds flush_every{1'000};
    // How long the file is left alone after a write to it failed.
    std::chrono::milliseconds retry_after{1'000};
  };

  LogCopy(artifacts::Fd pipe, artifacts::Fd file, const Options& options);
  LogCopy(LogCopy&&) = delete;
  ~LogCopy();

  struct End {
    std::uint64_t bytes = 0;  // of the application, in the file
    std::uint64_t lost = 0;   // which the file lacks since it could not be written; a line in their place says so
    int error = 0;            // errno of the first write or fsync that failed
  };
  // Takes what is left in the pipe, also if somebody still holds its other end, and fsyncs the file. Call once, when
  // all who write are dead.
  End finish();

 private:
  void run();
  bool take();
  void keep(std::string_view bytes);
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
  bool capped_ = false;
  std::chrono::steady_clock::time_point flushed_;
  std::string block_;
  std::uint64_t gap_ = 0;  // bytes lost since the last that the file has
  std::chrono::steady_clock::time_point failed_;
  End end_;
  std::thread thread_;
};

}  // namespace vbrain::runner

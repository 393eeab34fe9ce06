#pragma once

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace vbrain::base {

// While one lives, log() puts its lines into a queue and a thread of the LogWriter's own writes them, one write(2) per
// line. So a reader of stderr that stops reading stops no thread of the program. A line that finds no room in the queue
// is dropped; when the queue moves again, a line says how many were.
//
// A crash (SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE with the default action) waits up to half a second for the queue
// to become empty. At most one LogWriter lives at a time. Programs that fork should have none: the child has no such
// thread.
class LogWriter {
 public:
  // `fd` stays the caller's. `max_bytes`: of the lines in the queue.
  explicit LogWriter(int fd = STDERR_FILENO, std::size_t max_bytes = 4U << 20);
  // Waits up to two seconds until the queue is empty. What is left then is lost.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;
};

// Waits until what was logged before is written, `patience` at most. True if it is. For a program that is about to end
// with _Exit(). Thread-safe.
bool flush_log(std::chrono::milliseconds patience);

// Lines that were dropped since the program began. Thread-safe.
std::uint64_t dropped_log_lines();

}  // namespace vbrain::base

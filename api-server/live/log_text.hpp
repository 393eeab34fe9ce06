#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vbrain::api {

enum class LogStream : std::size_t { kStdout, kStderr };

// Of both streams of one attempt.
using LogSizes = std::array<std::uint64_t, 2>;

// What is known of the logs of a job.
struct LogsSeen {
  bool exists = true;              // the job
  bool ended = false;              // nothing more will be written
  std::vector<int> attempts = {};  // the numbers of those that have a folder, ascending
  LogSizes sizes = {};             // of the last attempt
};

// The log files of a job. Its functions may block and throw VolumeError.
class LogFiles {
 public:
  virtual ~LogFiles() = default;
  // Zero if there is no such file.
  virtual std::uint64_t size(int attempt, LogStream which) = 0;
  // Bytes from `from` on, at most `most`; fewer only at the end of the file.
  virtual std::string read(int attempt, LogStream which, std::uint64_t from, std::size_t most) = 0;
};

// What a client wants of the logs.
struct LogWish {
  bool follow = true;
  bool out = true;  // stdout
  bool err = false;
  std::string file = {};  // instead of the streams: a file in logs/ of the attempts, which then counts as stdout
  std::optional<std::uint64_t> tail = {};  // begin with so many lines of the last attempt
};

// The text of a job's logs, from the beginning or from its last lines on, as it grows. The attempts follow each other;
// before each but the first one stands the line `==> attempt <n> <==`. Of one stream it is the same text whenever it is
// read. Both streams of an attempt that is over: first stdout, then stderr; of one under way: whole lines, as they are
// found. Blocks as LogFiles does. Not thread-safe.
class LogText {
 public:
  static constexpr std::size_t kPiece = 16 * 1024;
  // Where the search for the last lines ends.
  static constexpr std::uint64_t kMostTail = 16U << 20;
  static constexpr std::uint64_t kNearTail = 256U << 10;

  explicit LogText(const LogWish& wish) : wish_(wish) {}

  enum class Then {
    kMore,    // there may be more at once
    kWait,    // when the logs have grown
    kEnd,     // that was all
    kFar,     // kNear only: the last lines were not found near the end; ask again with kAll
    kBroken,  // the file was written anew: what was read is not what stands there now
  };
  struct Piece {
    std::string text = {};  // a little more than kPiece at most
    Then then = Then::kMore;
  };
  // How far the search for the last lines may go: kNearTail of each stream, or kMostTail, which may take long.
  enum class Reach { kNear, kAll };
  // What comes next. `seen` is newer than the last one.
  Piece next(const LogsSeen& seen, LogFiles& files, Reach reach = Reach::kAll);
  // Whether next() would wait, as far as the sizes tell.
  bool waits(const LogsSeen& seen) const;

 private:
  // In one file.
  struct Place {
    std::uint64_t offset = 0;
    std::string before = {};  // the bytes before it, to notice that the file was written anew
  };

  std::vector<LogStream> wanted() const;
  bool begin(const LogsSeen& seen, LogFiles& files, Reach reach);
  bool take(LogStream which, bool closed, LogFiles& files, std::string& text);
  void begin_attempt(int attempt, std::string& text);
  void append(std::string& text, std::string_view bytes);

  const LogWish wish_;
  int attempt_ = 0;  // 0: not begun
  std::array<Place, 2> places_;
  std::optional<LogSizes> until_;  // without following: where the last attempt ends
  int last_attempt_ = 0;           // of until_
  LogStream last_stream_ = LogStream::kStdout;
  char last_byte_ = '\n';
  bool broken_ = false;
};

// The offset after which a file of `size` bytes has `lines` lines more; a line break at the end begins no line. At most
// LogText::kMostTail bytes before the end. Nothing if that takes reading more than `most` bytes and a block.
std::optional<std::uint64_t> offset_of_last_lines(LogFiles& files, int attempt, LogStream which, std::uint64_t lines,
                                                  std::uint64_t most);

}  // namespace vbrain::api

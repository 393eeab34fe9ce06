#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "api-server/transfer/part_head.hpp"

namespace vbrain::api {

struct MultipartLimits {
  std::size_t parts = 16;
  std::size_t part_head_bytes = 8 * 1024;
};

// Reads a multipart/form-data body from pieces of any size: feed() a piece, then take events with next() until it
// says kNeedMore. Holds at most one piece and one part's head. What is before the first boundary, blanks behind a
// boundary, and what is after the last are ignored (RFC 2046 section 5.1.1). Not thread-safe; no I/O.
class MultipartReader {
 public:
  struct Event {
    enum class Kind {
      kNeedMore,
      kPart,  // `head`: a part begins
      kData,  // `data`: some of its bytes, valid until feed()
      kPartEnd,
      kError,  // `error`, valid as long as the reader; every later event is the same
    };
    Kind kind = Kind::kNeedMore;
    PartHead head = {};
    std::string_view data = {};
    std::string_view error = {};
  };

  explicit MultipartReader(std::string_view boundary, const MultipartLimits& limits = {});

  void feed(std::string_view piece);
  Event next();
  // After the end of the body: what is missing, as constant text. Empty: the closing boundary was read.
  std::string_view missing() const;

 private:
  enum class State { kStart, kBoundary, kHead, kData, kEnd, kFailed };

  std::string_view rest() const { return std::string_view(pending_).substr(begin_); }
  Event fail(std::string_view why);
  std::optional<Event> read_start();
  std::optional<Event> read_boundary_end();
  std::optional<Event> read_head();
  std::optional<Event> read_data();
  std::optional<Event> read_epilogue();

  const std::string delimiter_;  // "\r\n--boundary"
  const MultipartLimits limits_;
  State state_ = State::kStart;
  std::size_t parts_ = 0;
  std::string error_;
  std::string pending_ = "\r\n";  // the first boundary needs no line end before it
  std::size_t begin_ = 0;
};

}  // namespace vbrain::api

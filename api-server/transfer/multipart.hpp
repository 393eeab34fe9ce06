#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace vbrain::api {

// A header value with parameters: `form-data; name="a"; filename*=UTF-8''b`.
struct ParameterizedValue {
  std::string value;                                            // lower case
  std::vector<std::pair<std::string, std::string>> parameters;  // names lower case, each once

  const std::string* find(std::string_view name) const;
};

// Parses such a value; nothing if it is malformed or names a parameter twice. In quoted strings only \" and \\ are
// escapes, as browsers and curl write them; other backslashes stay.
std::optional<ParameterizedValue> parse_parameterized(std::string_view text);

// The boundary of a `multipart/form-data` media type: 1 to 70 characters of RFC 2046 section 5.1.1. Nothing otherwise.
std::optional<std::string> boundary_of(const ParameterizedValue& content_type);

struct MultipartLimits {
  std::size_t parts = 16;
  std::size_t part_head_bytes = 8 * 1024;
};

// The head of one part (RFC 7578). `filename` is the name as sent; when `filename*` (RFC 8187, UTF-8 only) is there
// too, both must be the same name.
struct PartHead {
  std::string name;
  std::optional<std::string> filename;
};

// Reads a multipart/form-data body from pieces of any size: feed() a piece, then take events with next() until it
// says kNeedMore. Holds at most one piece and one part's head. Strict: nothing before the first boundary, nothing
// after the last. Not thread-safe; no I/O.
class MultipartReader {
 public:
  struct Event {
    enum class Kind {
      kNeedMore,
      kPart,  // `head`: a part begins
      kData,  // `data`: some of its bytes, valid until feed()
      kPartEnd,
      kError,  // `error`: constant text; every later event is the same
    };
    Kind kind = Kind::kNeedMore;
    PartHead head = {};
    std::string_view data = {};
    std::string_view error = {};
  };

  explicit MultipartReader(std::string_view boundary, const MultipartLimits& limits = {});

  void feed(std::string_view piece);
  Event next();
  // True once the closing boundary was read and nothing follows it.
  bool complete() const { return state_ == State::kEnd && begin_ == pending_.size(); }

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
  bool epilogue_line_ = false;
  std::string_view error_;
  std::string pending_;
  std::size_t begin_ = 0;
};

}  // namespace vbrain::api

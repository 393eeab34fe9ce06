#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace vbrain::artifacts {

// Decides whether bytes that arrive piece by piece are one JSON text (RFC 8259) in UTF-8, in constant memory: for files
// of any size, and inside a job's container, where a tree of 16 MiB of JSON could cost the application's whole memory.
// Beyond the grammar it refuses nesting over `depth` and numbers that do not fit a double. Duplicate keys pass.
class JsonCheck {
 public:
  explicit JsonCheck(std::size_t depth = 64) : limit_(depth) {}

  // False from the first wrong byte on.
  bool feed(std::string_view bytes);
  // True if all was fed and it is one complete value.
  bool finish();
  // It was refused for its nesting alone.
  bool too_deep() const { return too_deep_; }

 private:
  enum class State {
    kValue,
    kFirstElement,
    kFirstKey,
    kKey,
    kColon,
    kAfter,
    kString,
    kEscape,
    kHex,
    kNumber,
    kWord,
    kBad
  };

  bool step(char c);
  bool start_value(char c);
  bool open(char c);
  bool close(char c);
  bool end_value();
  bool in_string(char c);
  bool number_is_good() const;

  std::size_t limit_;
  State state_ = State::kValue;
  std::vector<bool> objects_;  // one per open bracket: whether it is an object
  bool too_deep_ = false;
  bool done_ = false;  // the outermost value is complete
  bool key_ = false;   // the string is a key
  std::string token_;  // of a number or word
  int hex_left_ = 0;
  std::string sequence_;  // a UTF-8 sequence that is not complete yet
  std::size_t sequence_size_ = 0;
};

}  // namespace vbrain::artifacts

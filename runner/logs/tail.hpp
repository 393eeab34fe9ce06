#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vbrain::runner {

// The last bytes of a stream, in memory of a fixed size that is taken when the first byte comes.
class Tail {
 public:
  explicit Tail(std::size_t capacity) : capacity_(capacity) {}

  void add(std::string_view bytes);
  std::string text() const;

 private:
  std::size_t capacity_;
  std::string ring_;
  std::size_t begin_ = 0;  // of the oldest byte, once the ring is full
};

// The last lines of what an application wrote, as one line of at most `limit` bytes of UTF-8: lines are joined by
// " | ", and escape sequences of terminals (ECMA-48), control characters, empty lines and the overwritten states of
// progress bars are dropped. Bytes that are not UTF-8 become U+FFFD. A last line that is too long is cut at its end.
std::string clean_tail(std::string_view text, std::size_t limit);

}  // namespace vbrain::runner

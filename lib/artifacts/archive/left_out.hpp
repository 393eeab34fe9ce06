#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace vbrain::artifacts {

// The list of files that were left out of a job's logs or output, with reasons, as a text in the logs. Not thread-safe.
class LeftOut {
 public:
  static constexpr std::size_t kLines = 100;  // of the text; then the last line gives the number of further ones

  // The text begins with `who`: "The runner". `what` is incomplete: "the logs".
  explicit LeftOut(std::string_view who, std::string_view what = "the logs") : who_(who), what_(what) {}

  // `name` comes from an application and may contain any bytes. `reason` is a few words, such as "Permission denied".
  void add(std::string_view name, std::string_view reason);

  bool empty() const { return total_ == 0; }
  std::size_t total() const { return total_; }
  // The first file that was left out and its reason; empty if there is none.
  std::string first() const { return lines_.empty() ? "" : lines_.front(); }
  // UTF-8, one line per file.
  std::string text() const;

 private:
  std::string who_;
  std::string what_;
  std::vector<std::string> lines_;
  std::size_t total_ = 0;
};

}  // namespace vbrain::artifacts

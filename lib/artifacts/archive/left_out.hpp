#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace vbrain::artifacts {

// What was left out of a job's logs, and why, as a text for whoever looks for it there. Not thread-safe.
class LeftOut {
 public:
  static constexpr std::size_t kLines = 100;  // of the text; then the last line says how many more there are

  // `who` begins the text: "The runner".
  explicit LeftOut(std::string_view who) : who_(who) {}

  // `name` comes from an application and may hold any bytes. `reason` is a few words, as "Permission denied".
  void add(std::string_view name, std::string_view reason);

  bool empty() const { return total_ == 0; }
  // The first thing that was left out and its reason; empty if nothing was.
  std::string first() const { return lines_.empty() ? "" : lines_.front(); }
  // UTF-8, one line for each.
  std::string text() const;

 private:
  std::string who_;
  std::vector<std::string> lines_;
  std::size_t total_ = 0;
};

}  // namespace vbrain::artifacts

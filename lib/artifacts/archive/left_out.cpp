#include "artifacts/archive/left_out.hpp"

#include "artifacts/archive/utf8.hpp"

namespace vbrain::artifacts {
namespace {

constexpr std::size_t kShownName = 300;
constexpr std::size_t kShownReason = 200;

}  // namespace

void LeftOut::add(std::string_view name, std::string_view reason) {
  ++total_;
  if (lines_.size() == kLines) return;
  lines_.push_back(printable(name, kShownName) + ": " + printable(reason, kShownReason));
}

std::string LeftOut::text() const {
  std::string text = who_ + " has left these out of " + what_ + ":\n";
  for (const std::string& line : lines_) text += line + "\n";
  if (total_ > lines_.size()) text += "and " + std::to_string(total_ - lines_.size()) + " more\n";
  return text;
}

}  // namespace vbrain::artifacts

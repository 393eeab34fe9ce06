#include "controller/planning/wording.hpp"

#include <cstring>

#include "job/job.hpp"

namespace vbrain::controller {
namespace {

constexpr std::size_t kMessageLimit = 1024;
constexpr std::size_t kReasonLimit = 128;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_word_part(char c) {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
}
bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

}  // namespace

std::string clean_message(std::string_view text) {
  std::size_t length = std::min(text.size(), kMessageLimit);
  while (length > 0 && length < text.size() && is_continuation(text[length])) --length;
  std::string clean(text.substr(0, length));
  for (char& c : clean) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return clean;
}

std::string last_lines(std::string_view text) {
  constexpr std::size_t kLimit = 512;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  if (text.size() > kLimit) {
    text.remove_prefix(text.size() - kLimit);
    // Begins with a whole line if there is one, and never within a character.
    const auto line = text.find('\n');
    if (line != std::string_view::npos) text.remove_prefix(line + 1);
    while (!text.empty() && is_continuation(text.front())) text.remove_prefix(1);
  }
  return clean_message(text);
}

std::string clean_reason(std::string_view reason, std::string_view fallback) {
  bool fits =
      !reason.empty() && reason.size() <= kReasonLimit && is_letter(reason.front()) && is_word_part(reason.back());
  for (const char c : reason) fits = fits && (is_word_part(c) || c == ',' || c == ':');
  // The kubelet's word for a resource that a node lacks has the resource's name, which may have any form.
  if (!fits && reason.starts_with("OutOf")) return "OutOfResource";
  return std::string(fits ? reason : fallback);
}

std::string signal_text(int signal) {
  std::string text = "signal " + std::to_string(signal);
  if (const char* name = sigabbrev_np(signal)) text += std::string(" (SIG") + name + ")";
  return text;
}

std::string duration_text(std::chrono::milliseconds duration) {
  std::string text = job::format_duration(duration);
  // "1.2s" becomes "1.2 s" in a sentence; longer durations have several units.
  if (duration < std::chrono::minutes(1) && !text.empty() && text.back() == 's') text.insert(text.size() - 1, " ");
  return text;
}

}  // namespace vbrain::controller

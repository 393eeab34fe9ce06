#include "api-server/live/log_text.hpp"

#include <algorithm>

namespace vbrain::api {
namespace {

constexpr std::size_t kCompared = 64;
constexpr std::size_t kBlock = 64 * 1024;

std::size_t index_of(LogStream which) {
  return static_cast<std::size_t>(which);
}

}  // namespace

std::optional<std::uint64_t> offset_of_last_lines(LogFiles& files, int attempt, LogStream which, std::uint64_t lines,
                                                  std::uint64_t most) {
  const std::uint64_t size = files.size(attempt, which);
  if (lines == 0) return size;
  std::uint64_t end = size;
  std::uint64_t found = 0;
  while (end > 0 && size - end < LogText::kMostTail) {
    if (size - end >= most) return std::nullopt;
    const std::uint64_t begin = end > kBlock ? end - kBlock : 0;
    const std::string block = files.read(attempt, which, begin, static_cast<std::size_t>(end - begin));
    for (std::size_t i = block.size(); i-- > 0;) {
      if (block[i] != '\n' || begin + i + 1 == size) continue;
      if (++found == lines) return begin + i + 1;
    }
    end = begin;
  }
  return end;
}

std::vector<LogStream> LogText::wanted() const {
  std::vector<LogStream> streams;
  if (wish_.out) streams.push_back(LogStream::kStdout);
  if (wish_.err) streams.push_back(LogStream::kStderr);
  return streams;
}

// False, with nothing begun: the last lines are farther away than `reach`.
bool LogText::begin(const LogsSeen& seen, LogFiles& files, Reach reach) {
  const int attempt = wish_.tail ? seen.attempts.back() : seen.attempts.front();
  if (wish_.tail) {
    for (const LogStream which : wanted()) {
      const std::uint64_t most = reach == Reach::kNear ? kNearTail : kMostTail;
      const auto offset = offset_of_last_lines(files, attempt, which, *wish_.tail, most);
      if (!offset) return false;
      places_[index_of(which)].offset = *offset;
    }
  }
  if (!wish_.follow) {
    last_attempt_ = seen.attempts.back();
    until_ = seen.sizes;
  }
  attempt_ = attempt;
  return true;
}

bool LogText::waits(const LogsSeen& seen) const {
  if (seen.ended || !wish_.follow) return false;
  if (seen.attempts.empty()) return true;
  if (attempt_ != seen.attempts.back()) return false;
  return std::ranges::all_of(
      wanted(), [&](LogStream which) { return places_[index_of(which)].offset == seen.sizes[index_of(which)]; });
}

LogText::Piece LogText::next(const LogsSeen& seen, LogFiles& files, Reach reach) {
  const bool complete = seen.ended || !wish_.follow;
  Piece piece;
  if (seen.attempts.empty()) {
    piece.then = complete ? Then::kEnd : Then::kWait;
    return piece;
  }
  if (attempt_ == 0 && !begin(seen, files, reach)) {
    piece.then = Then::kFar;
    return piece;
  }
  const int last = until_ ? last_attempt_ : seen.attempts.back();
  while (piece.text.size() < kPiece) {
    const bool closed = attempt_ < last || complete;
    if (wish_.out && wish_.err && !closed && piece.text.size() > kPiece / 2) break;
    bool got = false;
    for (const LogStream which : wanted()) {
      got = take(which, closed, files, piece.text) || got;
      if (broken_) {
        piece.then = Then::kBroken;
        return piece;
      }
      if (piece.text.size() >= kPiece || (got && closed)) break;
    }
    if (got) continue;
    if (!closed || attempt_ >= last) {
      piece.then = closed ? Then::kEnd : Then::kWait;
      return piece;
    }
    begin_attempt(*std::ranges::upper_bound(seen.attempts, attempt_), piece.text);
  }
  return piece;
}

// Appends what comes next of one stream of the attempt. `closed`: the attempt is over. False if there is nothing.
bool LogText::take(LogStream which, bool closed, LogFiles& files, std::string& text) {
  Place& place = places_[index_of(which)];
  // While both grow, each has half of a piece, so that a flood of one does not keep the other back.
  const bool shared = wish_.out && wish_.err && !closed;
  const std::size_t room = shared ? std::min(kPiece - text.size(), kPiece / 2) : kPiece - text.size();
  std::size_t most = room;
  if (until_ && attempt_ == last_attempt_) {
    const std::uint64_t until = (*until_)[index_of(which)];
    most = static_cast<std::size_t>(std::min<std::uint64_t>(most, until - std::min(until, place.offset)));
  }
  if (most == 0) return false;
  const std::size_t known = place.before.size();
  std::string read = files.read(attempt_, which, place.offset - known, known + most);
  if (!read.starts_with(place.before)) {
    broken_ = true;
    return false;
  }
  std::string_view bytes = std::string_view(read).substr(known);
  if (shared) {
    // Of both only whole lines, unless a line is longer than half a piece.
    const std::size_t line_end = bytes.rfind('\n');
    const bool is_long = bytes.size() == most && (most < room || most == kPiece / 2);
    if (line_end != std::string_view::npos || !is_long) bytes = bytes.substr(0, line_end + 1);
  }
  if (bytes.empty()) return false;
  if (which != last_stream_ && last_byte_ != '\n') append(text, "\n");
  last_stream_ = which;
  append(text, bytes);
  place.offset += bytes.size();
  read.resize(known + bytes.size());
  place.before = read.substr(read.size() - std::min(read.size(), kCompared));
  return true;
}

void LogText::begin_attempt(int attempt, std::string& text) {
  attempt_ = attempt;
  places_ = {};
  append(text, (last_byte_ == '\n' ? "" : "\n") + ("==> attempt " + std::to_string(attempt)) + " <==\n");
}

void LogText::append(std::string& text, std::string_view bytes) {
  text.append(bytes);
  last_byte_ = bytes.back();
}

}  // namespace vbrain::api

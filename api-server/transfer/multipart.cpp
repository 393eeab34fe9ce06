#include "api-server/transfer/multipart.hpp"

#include <algorithm>

namespace vbrain::api {

using Event = MultipartReader::Event;

MultipartReader::MultipartReader(std::string_view boundary, const MultipartLimits& limits)
    : delimiter_("\r\n--" + std::string(boundary)), limits_(limits) {}

void MultipartReader::feed(std::string_view piece) {
  pending_.erase(0, begin_);
  begin_ = 0;
  pending_.append(piece);
}

Event MultipartReader::next() {
  for (;;) {
    std::optional<Event> event;
    switch (state_) {
      case State::kStart:
        event = read_start();
        break;
      case State::kBoundary:
        event = read_boundary_end();
        break;
      case State::kHead:
        event = read_head();
        break;
      case State::kData:
        event = read_data();
        break;
      case State::kEnd:
        event = read_epilogue();
        break;
      case State::kFailed:
        event = fail({});
        break;
    }
    if (event) return *event;
  }
}

Event MultipartReader::fail(std::string_view why) {
  if (state_ != State::kFailed) error_ = "part " + std::to_string(std::max<std::size_t>(parts_, 1)) + ": ";
  if (state_ != State::kFailed) error_ += why;
  state_ = State::kFailed;
  return {.kind = Event::Kind::kError, .error = error_};
}

std::string_view MultipartReader::missing() const {
  if (state_ == State::kEnd) return {};
  return state_ == State::kStart ? "the boundary that Content-Type names is not in the body; let the HTTP library set "
                                   "Content-Type together with the body"
                                 : "the last boundary is missing: the body was cut short; send it again";
}

std::optional<Event> MultipartReader::read_start() {
  const std::string_view have = rest();
  const auto first = have.find(delimiter_);
  if (first == std::string_view::npos) {
    // The last bytes may be the beginning of a delimiter.
    begin_ += have.size() - std::min(have.size(), delimiter_.size() - 1);
    return Event{};
  }
  begin_ += first + delimiter_.size();
  state_ = State::kBoundary;
  return std::nullopt;
}

// After a boundary: CRLF begins a part, "--" ends the body.
std::optional<Event> MultipartReader::read_boundary_end() {
  begin_ += std::min(rest().find_first_not_of(" \t"), rest().size());
  const std::string_view have = rest();
  if (have.size() < 2) return Event{};
  if (have.starts_with("--")) {
    state_ = State::kEnd;
    return std::nullopt;
  }
  if (!have.starts_with("\r\n")) return fail("the line of a boundary has more than the boundary; end it with CRLF");
  if (++parts_ > limits_.parts) return fail("too many parts; send file, params and metadata once each");
  begin_ += 2;
  state_ = State::kHead;
  return std::nullopt;
}

std::optional<Event> MultipartReader::read_head() {
  const std::string_view have = rest();
  const auto end = have.find("\r\n\r\n");
  if (std::min(end, have.size()) > limits_.part_head_bytes)
    return fail("the head of a part is too large; shorten the file name");
  if (end == std::string_view::npos) return Event{};
  auto head = parse_part_head(have.substr(0, end));
  if (!head) return fail(head.error());
  begin_ += end + 4;
  state_ = State::kData;
  return Event{.kind = Event::Kind::kPart, .head = std::move(*head)};
}

std::optional<Event> MultipartReader::read_data() {
  const std::string_view have = rest();
  const auto end = have.find(delimiter_);
  if (end == 0) {
    begin_ += delimiter_.size();
    state_ = State::kBoundary;
    return Event{.kind = Event::Kind::kPartEnd};
  }
  std::size_t safe = end;
  if (end == std::string_view::npos) {
    // The last bytes may be the beginning of a delimiter. They wait for the next piece.
    safe = have.size() - std::min(have.size(), delimiter_.size() - 1);
    if (safe == 0) return Event{};
  }
  begin_ += safe;
  return Event{.kind = Event::Kind::kData, .data = have.substr(0, safe)};
}

std::optional<Event> MultipartReader::read_epilogue() {
  begin_ = pending_.size();
  return Event{};
}

}  // namespace vbrain::api

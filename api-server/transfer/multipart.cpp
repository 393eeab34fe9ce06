#include "api-server/transfer/multipart.hpp"

#include <algorithm>

#include "base/percent.hpp"
#include "http/grammar.hpp"
#include "http/message.hpp"

namespace vbrain::api {
namespace {

using Event = MultipartReader::Event;

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return result;
}

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
}

std::string_view take_token(std::string_view& text) {
  const auto end = std::ranges::find_if_not(text, http::is_token_char);
  const std::string_view token = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(token.size());
  return token;
}

std::optional<std::string> take_quoted(std::string_view& text) {
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return value;
    }
    const bool escape = text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\');
    value += text[escape ? ++i : i];
  }
  return std::nullopt;
}

// RFC 8187 section 3.2.1: UTF-8'language'percent-encoded.
std::optional<std::string> decode_extended(std::string_view text) {
  const auto first = text.find('\'');
  const auto second = first == std::string_view::npos ? first : text.find('\'', first + 1);
  if (second == std::string_view::npos || !http::equal_ignoring_case(text.substr(0, first), "utf-8"))
    return std::nullopt;
  return base::percent_decode(text.substr(second + 1));
}

// A part's head, without the empty line. An error is constant text.
Result<PartHead, std::string_view> parse_part_head(std::string_view text) {
  using Error = Unexpected<std::string_view>;
  std::optional<ParameterizedValue> disposition;
  while (!text.empty()) {
    const auto end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
    const bool clean = std::ranges::none_of(line, [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
    const auto colon = line.find(':');
    if (!clean || colon == std::string_view::npos || !std::ranges::all_of(line.substr(0, colon), http::is_token_char)) {
      return Error("malformed head of a part");
    }
    const std::string_view name = line.substr(0, colon);
    if (http::equal_ignoring_case(name, "content-disposition")) {
      if (disposition) return Error("a part with two Content-Disposition");
      disposition = parse_parameterized(line.substr(colon + 1));
      if (!disposition) return Error("malformed Content-Disposition");
    } else if (http::equal_ignoring_case(name, "content-transfer-encoding")) {
      const std::string encoding = parse_parameterized(line.substr(colon + 1)).value_or(ParameterizedValue{}).value;
      if (encoding != "binary" && encoding != "8bit" && encoding != "7bit") return Error("an encoded part");
    }
  }
  if (!disposition || disposition->value != "form-data") return Error("a part without form-data");
  const std::string* name = disposition->find("name");
  if (name == nullptr) return Error("a part without a name");
  PartHead head{*name, std::nullopt};
  if (const std::string* plain = disposition->find("filename")) head.filename = *plain;
  if (const std::string* extended = disposition->find("filename*")) {
    auto decoded = decode_extended(*extended);
    if (!decoded) return Error("malformed filename*");
    if (head.filename && *head.filename != *decoded) return Error("filename and filename* differ");
    head.filename = std::move(decoded);
  }
  return head;
}

}  // namespace

const std::string* ParameterizedValue::find(std::string_view name) const {
  const auto found = std::ranges::find(parameters, name, &std::pair<std::string, std::string>::first);
  return found == parameters.end() ? nullptr : &found->second;
}

std::optional<ParameterizedValue> parse_parameterized(std::string_view text) {
  ParameterizedValue result;
  skip_blanks(text);
  const auto value_end = std::min(text.find(';'), text.size());
  std::string_view value = text.substr(0, value_end);
  value = value.substr(0, value.find_last_not_of(" \t") + 1);
  const bool plain = std::ranges::all_of(value, [](char c) { return http::is_token_char(c) || c == '/'; });
  if (value.empty() || !plain) return std::nullopt;
  result.value = lower(value);
  text.remove_prefix(value_end);
  for (;;) {
    skip_blanks(text);
    if (text.empty()) return result;
    if (text.front() != ';') return std::nullopt;
    text.remove_prefix(1);
    skip_blanks(text);
    if (text.empty()) return result;
    std::string name = lower(take_token(text));
    if (name.empty() || !text.starts_with('=') || result.find(name) != nullptr) return std::nullopt;
    text.remove_prefix(1);
    if (text.starts_with('"')) {
      auto quoted = take_quoted(text);
      if (!quoted) return std::nullopt;
      result.parameters.emplace_back(std::move(name), std::move(*quoted));
    } else {
      const std::string_view token = take_token(text);
      if (token.empty()) return std::nullopt;
      result.parameters.emplace_back(std::move(name), token);
    }
  }
}

std::optional<std::string> boundary_of(const ParameterizedValue& content_type) {
  if (content_type.value != "multipart/form-data") return std::nullopt;
  const std::string* boundary = content_type.find("boundary");
  if (boundary == nullptr || boundary->empty() || boundary->size() > 70 || boundary->ends_with(' ')) {
    return std::nullopt;
  }
  const bool allowed = std::ranges::all_of(*boundary, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
  });
  if (!allowed) return std::nullopt;
  return *boundary;
}

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
        event = fail(error_);
        break;
    }
    if (event) return *event;
  }
}

Event MultipartReader::fail(std::string_view why) {
  state_ = State::kFailed;
  error_ = why;
  return {.kind = Event::Kind::kError, .error = why};
}

std::optional<Event> MultipartReader::read_start() {
  const std::string_view have = rest();
  // Some clients write a line end before the first boundary too: an empty preamble (RFC 2046 section 5.1.1).
  const std::string_view first = std::string_view(delimiter_).substr(have.starts_with('\r') ? 0 : 2);
  if (!first.starts_with(have.substr(0, first.size()))) return fail("the body does not begin with the boundary");
  if (have.size() < first.size()) return Event{};
  begin_ += first.size();
  state_ = State::kBoundary;
  return std::nullopt;
}

// After a boundary: CRLF begins a part, "--" ends the body.
std::optional<Event> MultipartReader::read_boundary_end() {
  const std::string_view have = rest();
  if (have.size() < 2) return Event{};
  if (have.starts_with("--")) {
    begin_ += 2;
    state_ = State::kEnd;
    return std::nullopt;
  }
  if (!have.starts_with("\r\n")) return fail("malformed boundary");
  if (++parts_ > limits_.parts) return fail("too many parts");
  begin_ += 2;
  state_ = State::kHead;
  return std::nullopt;
}

std::optional<Event> MultipartReader::read_head() {
  const std::string_view have = rest();
  const auto end = have.find("\r\n\r\n");
  if (std::min(end, have.size()) > limits_.part_head_bytes) return fail("the head of a part is too large");
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
  const std::string_view have = rest();
  if (have.empty()) return Event{};
  if (epilogue_line_ || !std::string_view("\r\n").starts_with(have)) return fail("bytes after the last boundary");
  if (have.size() == 2) {
    begin_ += 2;
    epilogue_line_ = true;
  }
  return Event{};
}

}  // namespace vbrain::api

#include "http/message/head_check.hpp"

#include <algorithm>
#include <array>

#include "http/message/grammar.hpp"
#include "http/message/message.hpp"

namespace vbrain::http {
namespace {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// A field's value: visible characters, space, tab and bytes from 0x80 on, which the handler decodes.
bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7f); });
}

// Removes the next line from `rest` and returns it without its CRLF. Nothing if it does not end in CRLF.
std::optional<std::string_view> take_line(std::string_view& rest) {
  const auto end = rest.find_first_of("\r\n");
  if (end == std::string_view::npos || rest.substr(end, 2) != "\r\n") return std::nullopt;
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 2);
  return line;
}

bool is_host(std::string_view text) {
  static constexpr CharSet kHostChars('!', '~', "/?#@\\\"<>{}|^`");
  return kHostChars.contains_all(text);
}

std::optional<HeadProblem> check_target(std::string_view target) {
  static constexpr CharSet kTargetChars('!', '~', "#\\\"<>");
  if (!kTargetChars.contains_all(target)) return HeadProblem{400, "malformed request target"};
  if (target == "*" || target.starts_with('/')) return std::nullopt;
  if (target.starts_with("http://") || target.starts_with("https://")) return std::nullopt;
  return HeadProblem{400, "malformed request target"};
}

std::optional<HeadProblem> check_request_line(std::string_view line, bool& http_1_1) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return HeadProblem{400, "malformed request line"};
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(method)) return HeadProblem{400, "malformed request line"};
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) || version[6] != '.' ||
      !is_digit(version[7])) {
    return HeadProblem{400, "malformed request line"};
  }
  http_1_1 = version == "HTTP/1.1";
  if (!http_1_1 && version != "HTTP/1.0") return HeadProblem{505, "only HTTP/1.0 and HTTP/1.1 are supported"};
  // The target of CONNECT is a host and a port. The router refuses the method.
  if (method == "CONNECT") return is_host(target) && !target.empty() ? std::nullopt : check_target(target);
  return check_target(target);
}

struct Seen {
  bool http_1_1 = true;
  std::size_t fields = 0;
  std::size_t hosts = 0;
  std::size_t lengths = 0;
  std::size_t encodings = 0;
};

std::optional<HeadProblem> check_field(std::string_view line, Seen& seen) {
  if (line.front() == ' ' || line.front() == '\t') return HeadProblem{400, "folded header field"};
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return HeadProblem{400, "malformed header field"};
  }
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim(line.substr(colon + 1));
  if (!is_field_value(value)) return HeadProblem{400, "malformed header field"};
  if (equal_ignoring_case(name, "host")) {
    if (++seen.hosts > 1 || !is_host(value)) return HeadProblem{400, "malformed Host"};
  } else if (equal_ignoring_case(name, "content-length")) {
    // 18 digits cannot overflow 64 bits, and no file is that long.
    const bool plain = !value.empty() && value.size() <= 18 && std::ranges::all_of(value, is_digit);
    if (++seen.lengths > 1 || !plain) return HeadProblem{400, "malformed Content-Length"};
  } else if (equal_ignoring_case(name, "transfer-encoding")) {
    if (++seen.encodings > 1 || !equal_ignoring_case(value, "chunked") || !seen.http_1_1) {
      return HeadProblem{400, "malformed Transfer-Encoding"};
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<HeadProblem> check_head(std::string_view head, std::size_t max_fields) {
  Seen seen;
  const auto request_line = take_line(head);
  if (!request_line) return HeadProblem{400, "malformed request line"};
  if (auto problem = check_request_line(*request_line, seen.http_1_1)) return problem;
  for (;;) {
    const auto line = take_line(head);
    if (!line) return HeadProblem{400, "malformed line ending"};
    if (line->empty()) break;
    if (++seen.fields > max_fields) return HeadProblem{431, "too many header fields"};
    if (auto problem = check_field(*line, seen)) return problem;
  }
  if (seen.hosts == 0 && seen.http_1_1) return HeadProblem{400, "missing Host"};
  if (seen.lengths > 0 && seen.encodings > 0) return HeadProblem{400, "both Content-Length and Transfer-Encoding"};
  return std::nullopt;
}

}  // namespace vbrain::http

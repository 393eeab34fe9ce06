#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace vbrain::http {

// Why the head of a request is refused.
struct HeadProblem {
  int status = 400;
  std::string_view detail;  // constant text
};

// Checks the head of a request, from its first byte to the empty line, more strictly than the parser that reads it
// afterwards: request smuggling needs two programs that read the same head differently (RFC 9112 section 11.2). Refused
// are: a line that does not end in CRLF, control characters, folded fields, space before a colon, no or two Host
// fields, another framing than one decimal Content-Length or one `Transfer-Encoding: chunked`, more than `max_fields`
// fields, a target that is neither a path nor an http URL, a version other than 1.0 and 1.1. Pure.
std::optional<HeadProblem> check_head(std::string_view head, std::size_t max_fields = 100);

}  // namespace vbrain::http

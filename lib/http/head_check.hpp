#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace vbrain::http {

// Why a request is refused before any of it is believed.
struct HeadProblem {
  int status = 400;
  std::string_view detail;  // constant text
};

// Judges the head of a request, from its first byte to the empty line included, more strictly than the parser that
// reads it afterwards: two programs that read one head differently are how requests get smuggled (RFC 9112
// section 11.2). Refused: any line not ended by CRLF, controls, folded fields, space before a colon, no or two Host
// fields, anything but one plain Content-Length or one `Transfer-Encoding: chunked`, more than `max_fields` fields,
// a target that is neither a path nor an http URL, versions but 1.0 and 1.1. Pure.
std::optional<HeadProblem> check_head(std::string_view head, std::size_t max_fields = 100);

}  // namespace vbrain::http

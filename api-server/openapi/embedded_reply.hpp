#pragma once

#include <optional>
#include <string_view>

#include "api-server/errors.hpp"
#include "http/message/message.hpp"

namespace vbrain::api {

// Whether a client that sends this Accept-Encoding takes gzip (RFC 9110 section 12.5.3). Pure.
bool takes_gzip(std::string_view accept_encoding);

// Which of the files are served. The operator can hide each group.
struct ServedFiles {
  bool docs = true;  // the page /docs, and the OpenAPI document that it shows
  bool web = true;   // the page for people, at /, and the OpenAPI document, from which it reads what the server can do
  // Whether the document has POST /uploads. Api sets it: false if max-uploads is 0.
  bool uploads = true;
};

// The answer for a file that the program carries. The files are the same for everybody, so no key is needed. Nothing:
// the path is none of theirs, or hidden. Thread-safe, no I/O.
std::optional<Answer> find_embedded(const http::RequestHead& head, const ServedFiles& served);

}  // namespace vbrain::api

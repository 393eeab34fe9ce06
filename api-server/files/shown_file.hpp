#pragma once

#include <string>
#include <string_view>

#include "api-server/errors.hpp"
#include "http/message/message.hpp"

namespace vbrain::api {

// How one file is sent.
struct ShownAs {
  std::string_view media_type;
  bool opens = false;  // a browser may show it; else it stores it
};

// By the end of the file's name, in any case. Only what runs no script opens: text and images of a fixed table. HTML,
// SVG, XML, PDF and all that is not in the table are application/octet-stream. Pure.
ShownAs shown_as(std::string_view name);

// The file name in the rest of a path: percent-decoded once, then checked as a name in an archive. A refusal (400) says
// what is wrong. Pure.
Result<std::string, Refusal> file_name_in(std::string_view rest);

// The value of Content-Disposition (RFC 6266): inline or attachment, with the last component of `name`, in ASCII and,
// if that differs, in UTF-8 (RFC 8187). Pure.
std::string disposition_of(std::string_view name);

// Adds the fields that keep a browser from running a file as a page of this server: it must take the media type as it
// is, and the sandbox gives the page an origin of its own, without scripts and requests.
void confine(http::Reply& reply);

}  // namespace vbrain::api

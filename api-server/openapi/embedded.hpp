#pragma once

#include <span>
#include <string_view>

namespace vbrain::api {

// A file that the program carries. The views are constant for the life of the program.
struct EmbeddedFile {
  std::string_view path;  // without a slash at its beginning: takes the place of another one
  std::string_view media_type;
  std::string_view tag;  // changes with the content
  std::string_view plain;
  std::string_view gzip;  // the same content, packed (RFC 1952)
};

// All of them. The build makes the list (embed.py).
std::span<const EmbeddedFile> embedded_files();

}  // namespace vbrain::api

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api-server/errors.hpp"
#include "http/message/message.hpp"

namespace vbrain::api {

// The identity headers of a request, as UTF-8. Not authenticated yet.
struct Identity {
  std::string username;
  std::string organization_id;
  std::string application_id;
  std::string client_id;
  std::string api_key;
  std::string repository_id;  // empty: not sent
};

// kRequiredForAll: unless the request asks for a page of a list (asks_for_page()).
enum class RepositoryHeader { kOptional, kRequired, kRequiredForAll };

// Reads the identity headers in the order of kHeaders. Refuses the first one that is missing (absent or empty) or
// invalid: sent twice, in either spelling (`organization_id`, `organization-id`), over 255 bytes, with control
// characters. Values are UTF-8; others are read as ISO-8859-1, which is what common clients of Python and Java send.
// Pure.
Result<Identity, Refusal> read_identity(const std::vector<http::HeaderField>& fields, RepositoryHeader repository);

// The names of all identity headers in both spellings that read_identity() takes, as the value of a Vary field.
std::string_view identity_header_names();

// `value` as UTF-8; nothing if it has control characters or is over 255 bytes after decoding.
std::optional<std::string> decode_header_value(std::string_view value);

}  // namespace vbrain::api

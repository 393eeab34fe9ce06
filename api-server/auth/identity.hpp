#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api-server/errors.hpp"
#include "http/message.hpp"

namespace vbrain::api {

// Who the sender says it is, as UTF-8, not yet believed.
struct Identity {
  std::string username;
  std::string organization_id;
  std::string application_id;
  std::string client_id;
  std::string api_key;
  std::string repository_id;  // empty: not sent
};

enum class RepositoryHeader { kOptional, kRequired };

// Reads the identity headers in the contract's order and refuses at the first that is missing (absent or empty) or
// invalid: twice, in either spelling (`organization_id`, `organization-id`); over 255 bytes; controls. Values are
// UTF-8; others are read as ISO-8859-1, which is what common clients of Python and Java send. Pure.
Result<Identity, Refusal> read_identity(const std::vector<http::HeaderField>& fields, RepositoryHeader repository);

// `value` as UTF-8; nothing if it holds controls or is over 255 bytes after decoding.
std::optional<std::string> decode_header_value(std::string_view value);

}  // namespace vbrain::api

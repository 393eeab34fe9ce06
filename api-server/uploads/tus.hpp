#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api-server/config.hpp"
#include "api-server/errors.hpp"
#include "http/message/message.hpp"

// What requests of tus 1.0.0 say (https://tus.io/protocols/resumable-upload). Pure.
namespace vbrain::api {

inline constexpr std::string_view kTusVersion = "1.0.0";
inline constexpr std::string_view kTusExtensions = "creation,creation-with-upload,checksum,termination,expiration";
inline constexpr std::string_view kTusExtensionsWithoutCreation = "checksum,termination,expiration";
inline constexpr std::string_view kTusChecksums = "sha1,sha256";
inline constexpr std::string_view kOffsetStream = "application/offset+octet-stream";

// Whether a path is /api/v1/uploads or below it.
bool is_upload_path(std::string_view path);

// The method that the router uses: X-HTTP-Method-Override counts below /api/v1/uploads.
http::Method method_of(const http::RequestHead& head);

// What every answer below /api/v1/uploads has.
void add_tus_headers(http::Reply& reply);

// Refuses (412) every version but ours.
std::optional<Refusal> check_tus_version(const std::vector<http::HeaderField>& fields);

// The value of a header that has to be a decimal number of at most 18 digits.
Result<std::uint64_t, Refusal> read_number(const std::vector<http::HeaderField>& fields, std::string_view name);

// A request that creates an upload.
struct NewUpload {
  std::uint64_t bytes = 0;    // Upload-Length
  std::string metadata = {};  // Upload-Metadata as sent
  std::string name = {};      // of the file: its `filename`, or else its `name`, or else input.zip
};
// Refuses what this server does not offer (a length that comes later, concatenation), a file name that an input can't
// have, and more than max_upload_bytes.
Result<NewUpload, Refusal> read_new_upload(const Limits& limits, const std::vector<http::HeaderField>& fields);

// The decoded value of each key of an Upload-Metadata. Nothing: it is malformed.
struct MetadataPair {
  std::string key;
  std::string value;
};
std::optional<std::vector<MetadataPair>> parse_upload_metadata(std::string_view text);

// The header upload_id of a request that uses an upload, in either spelling (`upload-id`); nothing: it was not sent, or
// is empty.
Result<std::optional<std::string_view>, Refusal> read_upload_header(const std::vector<http::HeaderField>& fields);

struct Checksum {
  enum class Algorithm { kSha1, kSha256 } algorithm = Algorithm::kSha256;
  std::string digest;  // 20 or 32 bytes
};
// Upload-Checksum; nothing: it was not sent.
Result<std::optional<Checksum>, Refusal> read_checksum(const std::vector<http::HeaderField>& fields);

}  // namespace vbrain::api

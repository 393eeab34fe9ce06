#include "api-server/uploads/tus.hpp"

#include <algorithm>

#include "api-server/find_once.hpp"
#include "api-server/transfer/file_receiver.hpp"
#include "base/text/base64.hpp"
#include "http/message/grammar.hpp"

namespace vbrain::api {
namespace {

using http::HeaderField;

constexpr std::string_view kPath = "/api/v1/uploads";
constexpr const char* kVersionHeader = "Tus-Resumable";
constexpr const char* kLength = "Upload-Length";
constexpr const char* kMetadata = "Upload-Metadata";
constexpr const char* kChecksum = "Upload-Checksum";
constexpr std::string_view kUsualName = "input.zip";

// RFC 4648 section 4, with or without padding.
std::optional<std::string> strict_base64(std::string_view text) {
  const auto padding = text.find('=');
  const std::string_view digits = text.substr(0, padding);
  if (digits.find_first_of(" \r\n") != std::string_view::npos || digits.size() % 4 == 1) return std::nullopt;
  if (padding != std::string_view::npos) {
    const std::string_view end = text.substr(padding);
    if (text.size() % 4 != 0 || end.size() > 2 || end.find_first_not_of('=') != std::string_view::npos) {
      return std::nullopt;
    }
  }
  return base::decode_base64(digits);
}

}  // namespace

bool is_upload_path(std::string_view path) {
  return path.starts_with(kPath) && (path.size() == kPath.size() || path[kPath.size()] == '/');
}

http::Method method_of(const http::RequestHead& head) {
  if (!is_upload_path(head.path)) return head.method;
  const auto wanted = head.find("X-HTTP-Method-Override");
  return wanted ? http::parse_method(*wanted) : head.method;
}

void add_tus_headers(http::Reply& reply) {
  reply.headers.emplace_back(kVersionHeader, kTusVersion);
  if (reply.status == 412) reply.headers.emplace_back("Tus-Version", kTusVersion);
}

std::optional<Refusal> check_tus_version(const std::vector<HeaderField>& fields) {
  const auto version = find_once(fields, kVersionHeader);
  if (!version) return version.error();
  if (*version == kTusVersion) return std::nullopt;
  return Refusal{.problem = Problem::kPrecondition,
                 .detail = std::string(kVersionHeader) +
                           (*version ? " is another version than " : " is missing; send ") + std::string(kTusVersion) +
                           (*version ? ", the one that this server speaks" : "")};
}

Result<std::uint64_t, Refusal> read_number(const std::vector<HeaderField>& fields, std::string_view name) {
  const auto value = find_once(fields, name);
  if (!value) return Unexpected<Refusal>(value.error());
  if (!*value) return refuse(Problem::kMissing, std::string(name));
  const std::string_view text = **value;
  const bool plain =
      !text.empty() && text.size() <= 18 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (!plain) return refuse(Problem::kInvalid, std::string(name), "not a decimal number of bytes");
  std::uint64_t number = 0;
  for (const char c : text) number = number * 10 + static_cast<std::uint64_t>(c - '0');
  return number;
}

std::optional<std::vector<MetadataPair>> parse_upload_metadata(std::string_view text) {
  std::vector<MetadataPair> pairs;
  if (http::trim(text).empty()) return pairs;
  while (true) {
    const auto comma = text.find(',');
    const std::string_view pair = http::trim(text.substr(0, comma));
    const std::string_view key = pair.substr(0, pair.find(' '));
    const std::string_view encoded = http::trim(pair.substr(key.size()));
    const bool is_key = !key.empty() && std::ranges::all_of(key, [](char c) { return c > ' ' && c <= '~'; });
    auto value = strict_base64(encoded);
    const bool is_new = std::ranges::find(pairs, key, &MetadataPair::key) == pairs.end();
    if (!is_key || !value || !is_new || pairs.size() == 100) return std::nullopt;
    pairs.push_back({std::string(key), std::move(*value)});
    if (comma == std::string_view::npos) return pairs;
    text.remove_prefix(comma + 1);
  }
}

Result<NewUpload, Refusal> read_new_upload(const Limits& limits, const std::vector<HeaderField>& fields) {
  const auto find = [&](std::string_view name) {
    return std::ranges::any_of(fields,
                               [&](const HeaderField& field) { return http::equal_ignoring_case(field.name, name); });
  };
  if (find("Upload-Defer-Length")) {
    return refuse(Problem::kInvalid, "Upload-Defer-Length",
                  "this server has to know the length when the upload is created; send Upload-Length");
  }
  if (find("Upload-Concat")) {
    return refuse(Problem::kInvalid, "Upload-Concat",
                  "this server does not join uploads; send one upload, without parallel parts");
  }
  const auto bytes = read_number(fields, kLength);
  if (!bytes) return Unexpected<Refusal>(bytes.error());
  if (*bytes > limits.max_upload_bytes) return Unexpected<Refusal>(too_large_upload(limits));
  NewUpload upload{.bytes = *bytes};
  const auto metadata = find_once(fields, kMetadata);
  if (!metadata) return Unexpected<Refusal>(metadata.error());
  upload.metadata = metadata->value_or("");
  const auto pairs = parse_upload_metadata(upload.metadata);
  if (!pairs) {
    return refuse(
        Problem::kInvalid, kMetadata,
        "not a list of different keys of ASCII, each with a space and a value in base64, with commas between");
  }
  for (const std::string_view key : {"filename", "name"}) {
    const auto pair = std::ranges::find(*pairs, key, &MetadataPair::key);
    if (upload.name.empty() && pair != pairs->end()) upload.name = pair->value;
  }
  if (upload.name.empty()) upload.name = kUsualName;
  if (auto refused = check_file_name(upload.name)) {
    refused->subject = kMetadata;
    return Unexpected<Refusal>(std::move(*refused));
  }
  return upload;
}

Result<std::optional<std::string_view>, Refusal> read_upload_header(const std::vector<HeaderField>& fields) {
  auto found = find_once(fields, "upload_id", Spelling::kHyphenOrUnderscore);
  if (found && *found && (*found)->empty()) found->reset();
  return found;
}

Result<std::optional<Checksum>, Refusal> read_checksum(const std::vector<HeaderField>& fields) {
  const auto sent = find_once(fields, kChecksum);
  if (!sent) return Unexpected<Refusal>(sent.error());
  if (!*sent) return std::optional<Checksum>();
  const std::string_view text = **sent;
  const std::string_view name = text.substr(0, text.find(' '));
  const bool is_sha1 = http::equal_ignoring_case(name, "sha1");
  if (!is_sha1 && !http::equal_ignoring_case(name, "sha256")) {
    return refuse(Problem::kInvalid, kChecksum, "its algorithm is none of " + std::string(kTusChecksums));
  }
  auto digest = strict_base64(http::trim(text.substr(name.size())));
  if (!digest || digest->size() != (is_sha1 ? 20 : 32)) {
    return refuse(Problem::kInvalid, kChecksum, "not an algorithm, a space, and the digest in base64");
  }
  using Algorithm = Checksum::Algorithm;
  return std::optional(Checksum{is_sha1 ? Algorithm::kSha1 : Algorithm::kSha256, std::move(*digest)});
}

}  // namespace vbrain::api

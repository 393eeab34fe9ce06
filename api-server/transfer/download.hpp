#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "api-server/errors.hpp"
#include "http/message/message.hpp"

namespace vbrain::api {

// FileBody without text around.
using DownloadBody = std::variant<std::string, http::FileBody, std::shared_ptr<const http::TextPieces>>;

// An archive or a file to send.
struct Download {
  DownloadBody body;
  std::string content_type = "application/zip";
  std::string filename;          // of an attachment, [A-Za-z0-9._-] only
  std::string disposition = {};  // the value of Content-Disposition in place of that; empty: an attachment
  std::string etag;              // without quotes, strong; empty: none
};

// The part of a body that a Range header asks for.
struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // inclusive
};
enum class RangeKind { kWhole, kPart, kUnsatisfiable };
struct RangeChoice {
  RangeKind kind = RangeKind::kWhole;
  ByteRange range = {};
};

// Reads `bytes=first-last`, `first-` or `-suffix` (RFC 9110 section 14.1.2). Several ranges, other units and malformed
// headers are ignored, as the RFC allows: the whole body is sent. Pure.
RangeChoice choose_range(std::string_view header, std::uint64_t size);

// RFC 9110 section 8.8.3.2. Weak: a tag with W/ equals the one without. Strong: it equals none.
enum class Comparison { kWeak, kStrong };

// Whether the list of tags of an If-None-Match (weak) or If-Match (strong) header names the tag, or is "*". Pure.
bool names_etag(std::string_view header, std::string_view etag, Comparison comparison);

// Adds the header ETag. True if the client has this version (If-None-Match): then the answer is 304. Without a tag
// nothing happens.
bool answer_known(http::Reply& reply, const http::RequestHead& head, std::string_view etag);

// 200, 206, 304 or 416 with Accept-Ranges, ETag and Content-Disposition. Honours Range, If-Range and If-None-Match.
Answer download(const http::RequestHead& head, Download what);

}  // namespace vbrain::api

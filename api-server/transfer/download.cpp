#include "api-server/transfer/download.hpp"

#include <algorithm>
#include <utility>

#include "http/message/grammar.hpp"

namespace vbrain::api {
namespace {

// A number of more than 18 digits is larger than any file: the largest number of 18 digits stands for it.
std::optional<std::uint64_t> number(std::string_view text) {
  constexpr std::size_t kDigits = 18;
  const bool digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (text.empty() || !digits) return std::nullopt;
  text.remove_prefix(std::min(text.find_first_not_of('0'), text.size() - 1));
  return std::stoull(text.size() > kDigits ? std::string(kDigits, '9') : std::string(text));
}

// The part shares the text with the whole.
http::TextPieces part_of(const std::shared_ptr<const http::TextPieces>& whole, std::uint64_t skip, std::uint64_t left) {
  http::TextPieces part;
  for (std::string_view piece : whole->pieces()) {
    const std::uint64_t skipped = std::min<std::uint64_t>(skip, piece.size());
    skip -= skipped;
    piece = piece.substr(skipped, left);
    left -= piece.size();
    part.add(whole, piece);
  }
  return part;
}

std::uint64_t size_of(const DownloadBody& body) {
  if (const auto* file = std::get_if<http::FileBody>(&body)) return file->length;
  if (const auto* text = std::get_if<std::string>(&body)) return text->size();
  return std::get<std::shared_ptr<const http::TextPieces>>(body)->size();
}

void cut(Download& what, const ByteRange& range) {
  const std::uint64_t length = range.last - range.first + 1;
  if (auto* file = std::get_if<http::FileBody>(&what.body)) {
    file->offset += range.first;
    file->length = length;
  } else if (auto* text = std::get_if<std::string>(&what.body)) {
    *text = text->substr(range.first, length);
  } else {
    const auto whole = std::get<std::shared_ptr<const http::TextPieces>>(what.body);
    what.body = std::make_shared<const http::TextPieces>(part_of(whole, range.first, length));
  }
}

}  // namespace

RangeChoice choose_range(std::string_view header, std::uint64_t size) {
  // Names of units have no case (RFC 9110 section 14.1).
  constexpr std::string_view kUnit = "bytes=";
  header = http::trim(header);
  if (!http::equal_ignoring_case(header.substr(0, kUnit.size()), kUnit) || header.find(',') != std::string_view::npos)
    return {};
  header = http::trim(header.substr(kUnit.size()));
  const auto dash = header.find('-');
  if (dash == std::string_view::npos) return {};
  const std::string_view from = header.substr(0, dash);
  const std::string_view to = header.substr(dash + 1);
  if (from.empty()) {
    const auto suffix = number(to);
    if (!suffix) return {};
    if (*suffix == 0 || size == 0) return {RangeKind::kUnsatisfiable, {}};
    return {RangeKind::kPart, {size - std::min(*suffix, size), size - 1}};
  }
  const auto first = number(from);
  if (!first) return {};
  std::uint64_t last = size == 0 ? 0 : size - 1;
  if (!to.empty()) {
    const auto end = number(to);
    if (!end || *end < *first) return {};
    last = std::min(*end, last);
  }
  if (*first >= size) return {RangeKind::kUnsatisfiable, {}};
  return {RangeKind::kPart, {*first, last}};
}

bool names_etag(std::string_view header, std::string_view etag, Comparison comparison) {
  if (http::trim(header) == "*") return true;
  if (etag.empty()) return false;
  while (!header.empty()) {
    const std::string_view item = header.substr(0, header.find(','));
    header.remove_prefix(std::min(item.size() + 1, header.size()));
    std::string_view tag = http::trim(item);
    if (comparison == Comparison::kWeak && tag.starts_with("W/")) tag.remove_prefix(2);
    if (tag.size() == etag.size() + 2 && tag.front() == '"' && tag.back() == '"' &&
        tag.substr(1, etag.size()) == etag) {
      return true;
    }
  }
  return false;
}

bool answer_known(http::Reply& reply, const http::RequestHead& head, std::string_view etag) {
  if (etag.empty()) return false;
  reply.headers.emplace_back("ETag", std::string("\"").append(etag).append("\""));
  const auto known = head.find("if-none-match");
  if (!known || !names_etag(*known, etag, Comparison::kWeak)) return false;
  reply.status = 304;
  return true;
}

Answer download(const http::RequestHead& head, Download what) {
  http::Reply reply;
  reply.content_type = what.content_type;
  reply.headers.emplace_back("Accept-Ranges", "bytes");
  if (answer_known(reply, head, what.etag)) return reply;
  const std::uint64_t size = size_of(what.body);
  // If-Range: the part only if the client has the same version, else the whole.
  const auto if_range = head.find("if-range");
  const bool same = !if_range || (!what.etag.empty() && http::trim(*if_range) == "\"" + what.etag + "\"");
  const auto header = head.find("range");
  const RangeChoice choice =
      header && same && head.method == http::Method::kGet ? choose_range(*header, size) : RangeChoice{};
  if (choice.kind == RangeKind::kUnsatisfiable) {
    http::Reply refused = to_reply({.problem = Problem::kRangeUnsatisfiable});
    if (!what.etag.empty()) refused.headers.emplace_back("ETag", "\"" + what.etag + "\"");
    refused.headers.emplace_back("Content-Range", "bytes */" + std::to_string(size));
    return refused;
  }
  if (choice.kind == RangeKind::kPart) {
    reply.status = 206;
    reply.headers.emplace_back("Content-Range", "bytes " + std::to_string(choice.range.first) + "-" +
                                                    std::to_string(choice.range.last) + "/" + std::to_string(size));
    cut(what, choice.range);
  }
  if (what.disposition.empty()) what.disposition = "attachment; filename=\"" + what.filename + "\"";
  reply.headers.emplace_back("Content-Disposition", std::move(what.disposition));
  std::visit([&](auto& body) { reply.body = std::move(body); }, what.body);
  return reply;
}

}  // namespace vbrain::api

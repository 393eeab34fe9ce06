#include "http/message/message.hpp"

#include <algorithm>
#include <array>

namespace vbrain::http {
namespace {

constexpr std::array<std::pair<Method, std::string_view>, 7> kMethods{{{Method::kGet, "GET"},
                                                                       {Method::kHead, "HEAD"},
                                                                       {Method::kPost, "POST"},
                                                                       {Method::kPut, "PUT"},
                                                                       {Method::kPatch, "PATCH"},
                                                                       {Method::kDelete, "DELETE"},
                                                                       {Method::kOptions, "OPTIONS"}}};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool is_clean(std::string_view text) {
  return std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

}  // namespace

std::string_view to_string(Method method) {
  for (const auto& [known, name] : kMethods) {
    if (known == method) return name;
  }
  return "other";
}

Method parse_method(std::string_view text) {
  for (const auto& [known, name] : kMethods) {
    if (name == text) return known;
  }
  return Method::kOther;
}

bool equal_ignoring_case(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, {}, lower, lower);
}

std::optional<std::string_view> RequestHead::find(std::string_view name) const {
  for (const HeaderField& field : fields) {
    if (equal_ignoring_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

void TextPieces::add(std::shared_ptr<const void> owner, std::string_view text) {
  if (text.empty()) return;
  owners_.push_back(std::move(owner));
  pieces_.push_back(text);
  size_ += text.size();
}

void TextPieces::add(std::shared_ptr<const void> owner, const std::vector<std::string_view>& texts) {
  owners_.push_back(std::move(owner));
  for (const std::string_view text : texts) {
    if (text.empty()) continue;
    pieces_.push_back(text);
    size_ += text.size();
  }
}

void TextPieces::add(std::string text) {
  auto owner = std::make_shared<const std::string>(std::move(text));
  const std::string_view bytes = *owner;
  add(std::move(owner), bytes);
}

std::string TextPieces::joined() const {
  std::string text;
  text.reserve(size_);
  for (const std::string_view piece : pieces_) text.append(piece);
  return text;
}

std::shared_ptr<const TextPieces> in_pieces(std::string text) {
  auto pieces = std::make_shared<TextPieces>();
  pieces->add(std::move(text));
  return pieces;
}

std::uint64_t FileBody::size() const {
  return length + (before == nullptr ? 0 : before->size()) + (after == nullptr ? 0 : after->size());
}

std::uint64_t Reply::body_size() const {
  if (const auto* file = std::get_if<FileBody>(&body)) return file->size();
  if (const auto* text = std::get_if<std::shared_ptr<const TextPieces>>(&body)) return (*text)->size();
  if (std::holds_alternative<StreamBody>(body)) return 0;
  return std::get<std::string>(body).size();
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 304:
      return "Not Modified";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 460:  // of tus
      return "Checksum Mismatch";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "";
  }
}

std::string render_head(const Reply& reply, std::string_view date, bool keep_alive, bool chunks) {
  std::string head;
  head.reserve(256);
  head.append("HTTP/1.1 ").append(std::to_string(reply.status)).append(" ").append(reason_phrase(reply.status));
  head.append("\r\nDate: ").append(date);
  // RFC 9110 section 8.6: a 204 or 304 has neither.
  if (reply.status != 204 && reply.status != 304) {
    head.append("\r\nContent-Type: ").append(reply.content_type);
    if (!std::holds_alternative<StreamBody>(reply.body)) {
      head.append("\r\nContent-Length: ").append(std::to_string(reply.body_size()));
    } else if (chunks) {
      head.append("\r\nTransfer-Encoding: chunked");
    }
  }
  for (const auto& [name, value] : reply.headers) {
    if (is_clean(name) && is_clean(value)) head.append("\r\n").append(name).append(": ").append(value);
  }
  head.append(keep_alive ? "\r\nConnection: keep-alive\r\n\r\n" : "\r\nConnection: close\r\n\r\n");
  return head;
}

}  // namespace vbrain::http

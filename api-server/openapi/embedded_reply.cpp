#include "api-server/openapi/embedded_reply.hpp"

#include <algorithm>
#include <memory>
#include <string>

#include "api-server/openapi/embedded.hpp"
#include "api-server/transfer/download.hpp"
#include "http/message/grammar.hpp"

namespace vbrain::api {
namespace {

constexpr std::string_view kDocs = "/docs";
constexpr std::string_view kDocument = "/api/v1/openapi.json";
constexpr std::string_view kWithoutUploads = "openapi.json without uploads";

// A page loads its own files only, asks this server only, and no other page shows it in a frame. Images of answers
// are blobs, those of the style sheet data URLs.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
// The page for people also makes no markup out of text.
constexpr std::string_view kNoMarkup = "; require-trusted-types-for 'script'; trusted-types 'none'";

// Of the page for people (web/).
bool is_web(std::string_view path) {
  return path == "/" || path.starts_with("/web/");
}

// The document is of both pages: that for people reads from it what the server can do.
bool is_served(std::string_view path, const ServedFiles& served) {
  if (path == kDocument) return served.docs || served.web;
  return is_web(path) ? served.web : served.docs;
}

// True for "0", "0.0" and so on: the client does not want it.
bool is_zero(std::string_view weight) {
  return !weight.empty() && weight.front() == '0' && weight.find_first_not_of("0.") == std::string_view::npos;
}

// What a client says of one coding, as "gzip;q=0.5".
struct Wish {
  std::string_view coding;
  bool wanted = true;
};

Wish read_wish(std::string_view item) {
  const auto semicolon = item.find(';');
  Wish wish{.coding = http::trim(item.substr(0, semicolon))};
  if (semicolon == std::string_view::npos) return wish;
  const std::string_view parameter = http::trim(item.substr(semicolon + 1));
  if (parameter.starts_with("q=") || parameter.starts_with("Q=")) wish.wanted = !is_zero(parameter.substr(2));
  return wish;
}

http::Reply reply_with(const http::RequestHead& head, const EmbeddedFile& file, const ServedFiles& served) {
  const bool packed = takes_gzip(head.find("accept-encoding").value_or(""));
  http::Reply reply;
  reply.content_type = std::string(file.media_type);
  // A file changes with the version of the server only, but its path stays the same: so a client asks each time, and
  // mostly gets 304.
  reply.headers.emplace_back("Cache-Control", "no-cache");
  reply.headers.emplace_back("Vary", "Accept-Encoding");
  reply.headers.emplace_back("X-Content-Type-Options", "nosniff");
  // Where people read about it (RFC 8631 section 4.1). Relative: a proxy may add a prefix to all paths. Without it the
  // page for people shows no link.
  if (head.path == kDocument && served.docs) reply.headers.emplace_back("Link", "<../../docs>; rel=\"service-doc\"");
  const bool web = is_web(file.path);
  if (web || file.path.starts_with(kDocs)) {
    std::string policy(kPolicy);
    if (web) policy.append(kNoMarkup);
    reply.headers.emplace_back("Content-Security-Policy", std::move(policy));
    reply.headers.emplace_back("Referrer-Policy", "no-referrer");
  }
  // A strong tag is of the bytes that are sent (RFC 9110 section 8.8.3.3).
  std::string tag(file.tag);
  if (packed) tag.append("-gzip");
  if (answer_known(reply, head, tag)) return reply;
  if (packed) reply.headers.emplace_back("Content-Encoding", "gzip");
  const auto body = std::make_shared<http::TextPieces>();
  body->add(nullptr, packed ? file.gzip : file.plain);
  reply.body = std::shared_ptr<const http::TextPieces>(body);
  return reply;
}

}  // namespace

bool takes_gzip(std::string_view accept_encoding) {
  bool any = false;
  while (!accept_encoding.empty()) {
    const std::string_view item = accept_encoding.substr(0, accept_encoding.find(','));
    accept_encoding.remove_prefix(std::min(item.size() + 1, accept_encoding.size()));
    const Wish wish = read_wish(item);
    if (http::equal_ignoring_case(wish.coding, "gzip")) return wish.wanted;
    if (wish.coding == "*") any = wish.wanted;
  }
  return any;
}

std::optional<Answer> find_embedded(const http::RequestHead& head, const ServedFiles& served) {
  if (!is_served(head.path, served)) return std::nullopt;
  if (head.path.starts_with(kDocs) && head.path.substr(kDocs.size()) == "/") {
    // Relative, as the page's own links: a proxy may add a prefix to all paths.
    http::Reply moved;
    moved.status = 308;
    moved.headers.emplace_back("Location", "../docs");
    return moved;
  }
  const std::string_view path = head.path == kDocument && !served.uploads ? kWithoutUploads : head.path;
  const auto file = std::ranges::find(embedded_files(), path, &EmbeddedFile::path);
  if (file == embedded_files().end()) return std::nullopt;
  if (head.method != http::Method::kGet && head.method != http::Method::kHead) {
    return refuse(Problem::kWrongMethod, {}, "GET, HEAD");
  }
  return reply_with(head, *file, served);
}

}  // namespace vbrain::api

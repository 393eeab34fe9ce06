#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/files/fd.hpp"

namespace vbrain::base {
class Lane;
}

namespace vbrain::http {

enum class Method { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };

// "GET" and so on; "other" for kOther.
std::string_view to_string(Method method);
// Methods are case-sensitive (RFC 9110 section 9.1).
Method parse_method(std::string_view text);

// Compares as header names are compared: the case of ASCII letters does not count.
bool equal_ignoring_case(std::string_view left, std::string_view right);

struct HeaderField {
  std::string_view name;
  std::string_view value;
};

// The head of a request. The views point into the connection's memory and live until the answer to this
// request was sent.
struct RequestHead {
  Method method = Method::kOther;
  std::string_view path;   // as sent, not percent-decoded, starts with '/'
  std::string_view query;  // without '?'
  bool http_1_1 = true;
  bool keep_alive = true;  // what the client requested
  bool chunked = false;
  bool expect_continue = false;
  std::optional<std::uint64_t> content_length;
  std::vector<HeaderField> fields;

  bool has_body() const { return chunked || content_length.value_or(0) > 0; }
  // The value of the first field of that name, in any case. Nothing if there is none.
  std::optional<std::string_view> find(std::string_view name) const;
};

// A text in pieces, which several answers may share. It is sent without being copied. Constant once it is part of an
// answer.
class TextPieces {
 public:
  // `text` stays where it is: `owner` keeps it alive.
  void add(std::shared_ptr<const void> owner, std::string_view text);
  // Several pieces of one owner.
  void add(std::shared_ptr<const void> owner, const std::vector<std::string_view>& texts);
  void add(std::string text);

  std::uint64_t size() const { return size_; }
  const std::vector<std::string_view>& pieces() const { return pieces_; }
  std::string joined() const;

 private:
  std::vector<std::string_view> pieces_;  // none is empty
  std::vector<std::shared_ptr<const void>> owners_;
  std::uint64_t size_ = 0;
};

// `text` as a body or as a part of one.
std::shared_ptr<const TextPieces> in_pieces(std::string text);

// Bytes [offset, offset + length) of a regular file, with optional text around them.
struct FileBody {
  base::Fd file;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::shared_ptr<const TextPieces> before = nullptr;  // null: none
  std::shared_ptr<const TextPieces> after = nullptr;
  // Where what is not in memory is read; it outlives the answer. Null: the common lane of the server's file pool.
  const base::Lane* lane = nullptr;

  std::uint64_t size() const;
};

class Stream;

// A body without a length (stream.hpp). It is sent in chunks; to a client of HTTP/1.0 as it is, and the connection ends
// with it.
struct StreamBody {
  std::shared_ptr<Stream> source;
  // Sent when nothing else was for this time, so that the client and the proxies between see that the connection lives.
  // Empty: nothing is sent.
  std::string heartbeat = {};
  std::chrono::milliseconds heartbeat_interval{15'000};
};

// An answer. The server adds Content-Length or Transfer-Encoding, Connection and Date.
struct Reply {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;  // names and values without CR, LF or NUL
  std::variant<std::string, FileBody, std::shared_ptr<const TextPieces>, StreamBody> body;
  // The connection is closed after this answer, whatever the client requested.
  bool close = false;
  // Keeps objects that the answer uses alive until the answer has been sent.
  std::shared_ptr<void> hold;

  // Zero for a stream.
  std::uint64_t body_size() const;
};

// "Not Found" for 404; "" for a status that no answer of ours has.
std::string_view reason_phrase(int status);

// Status line and fields of `reply`, with the empty line. `date` is an IMF-fixdate. A header with a control
// character is left out. Without `chunks` (HTTP/1.0) a stream has no Transfer-Encoding.
std::string render_head(const Reply& reply, std::string_view date, bool keep_alive, bool chunks = true);

}  // namespace vbrain::http

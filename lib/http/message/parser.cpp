#include "http/message/parser.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <limits>

namespace vbrain::http {
namespace {

constexpr std::size_t kUsualFields = 12;

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

// The path of an absolute-form target ("http://host/path", RFC 9112 section 3.2.2), or the target itself.
std::string_view without_authority(std::string_view target) {
  const auto scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return target;
  const auto path = target.find_first_of("/?", scheme + 3);
  return path == std::string_view::npos ? std::string_view("/") : target.substr(path);
}

}  // namespace

RequestParser::RequestParser(RequestHead& head) : head_(head) {
  // The connection checks both limits itself, to answer with the texts of the API.
  header_limit(std::numeric_limits<std::uint32_t>::max());
  body_limit(std::numeric_limits<std::uint64_t>::max());
}

std::size_t RequestParser::put_body(std::string_view bytes, Error& error) {
  // Beast 1.74 ends a program with assertions here if it has seen the first line of such a body before: it counts the
  // line break of an earlier chunk. The fourth byte begins a trailer or the end, so more must come.
  if (chunked() && announced_ == 0 && bytes.size() == 4 && bytes.starts_with("0\r\n")) {
    error = boost::beast::http::error::need_more;
    return 0;
  }
  return put(boost::asio::buffer(bytes), error);
}

void RequestParser::on_request_impl(boost::beast::http::verb, View method, View target, int version, Error&) {
  head_.method = vbrain::http::parse_method(view(method));
  head_.fields.reserve(kUsualFields);
  head_.http_1_1 = version == 11;
  const std::string_view whole = without_authority(view(target));
  const auto mark = whole.find('?');
  head_.path = whole.substr(0, mark);
  head_.query = mark == std::string_view::npos ? std::string_view{} : whole.substr(mark + 1);
}

void RequestParser::on_field_impl(boost::beast::http::field, View name, View value, Error&) {
  // Trailer fields come here too. They are ignored: a request must not change its identity after its head.
  if (!head_done_) head_.fields.push_back({view(name), view(value)});
}

void RequestParser::on_header_impl(Error&) {
  head_done_ = true;
  head_.keep_alive = keep_alive();
  head_.chunked = chunked();
  if (const auto length = content_length()) head_.content_length = *length;
  if (const auto expect = head_.find("expect")) head_.expect_continue = equal_ignoring_case(*expect, "100-continue");
}

std::size_t RequestParser::on_body_impl(View bytes, Error&) {
  piece_ = view(bytes);
  return bytes.size();
}

void RequestParser::on_chunk_header_impl(std::uint64_t size, View, Error&) {
  announced_ += std::min(size, std::numeric_limits<std::uint64_t>::max() - announced_);
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, View bytes, Error&) {
  piece_ = view(bytes);
  return bytes.size();
}

}  // namespace vbrain::http

#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/message/message.hpp"

namespace vbrain::http {

// Beast's parser. It writes the head into a RequestHead of views and returns the body in pieces without copying.
// Internal to the server. The head's bytes must outlive the RequestHead.
class RequestParser final : public boost::beast::http::basic_parser<true> {
 public:
  explicit RequestParser(RequestHead& head);

  // put() for bytes behind the head: how many of them were used. `error` is need_more if more are needed first.
  std::size_t put_body(std::string_view bytes, boost::beast::error_code& error);

  // The body bytes found by the last put_body(), a view into its argument.
  std::string_view take_piece() { return std::exchange(piece_, {}); }

  // The sum of the sizes that the heads of all chunks so far announce; the largest number if it does not fit.
  std::uint64_t announced() const { return announced_; }

 private:
  using Error = boost::beast::error_code;
  using View = boost::beast::string_view;

  void on_request_impl(boost::beast::http::verb, View method, View target, int version, Error&) override;
  void on_response_impl(int, View, int, Error&) override {}
  void on_field_impl(boost::beast::http::field, View name, View value, Error&) override;
  void on_header_impl(Error&) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
  std::size_t on_body_impl(View bytes, Error&) override;
  void on_chunk_header_impl(std::uint64_t size, View, Error&) override;
  std::size_t on_chunk_body_impl(std::uint64_t, View bytes, Error&) override;
  void on_finish_impl(Error&) override {}

  RequestHead& head_;
  bool head_done_ = false;
  std::string_view piece_;
  std::uint64_t announced_ = 0;
};

}  // namespace vbrain::http

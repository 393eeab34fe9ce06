#include "http/message/parser.hpp"

#include <gtest/gtest.h>

#include <boost/beast/http/error.hpp>

namespace vbrain::http {
namespace {

// As a connection: what the parser can't use yet stays, and comes again with more.
std::string read_in_pieces(std::string_view body, std::size_t piece) {
  RequestHead head;
  RequestParser parser(head);
  boost::beast::error_code error;
  const std::string_view text = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  parser.put(boost::asio::buffer(text), error);
  EXPECT_FALSE(error) << error.message();
  std::string read;
  std::string have;
  while (!parser.is_done()) {
    if (body.empty()) return "incomplete";
    have += body.substr(0, piece);
    body.remove_prefix(std::min(piece, body.size()));
    while (!parser.is_done() && !have.empty()) {
      error = {};
      const std::size_t used = parser.put_body(have, error);
      read += parser.take_piece();
      have.erase(0, used);
      if (error == boost::beast::http::error::need_more) break;
      if (error) return error.message();
    }
  }
  return read;
}

TEST(RequestParser, ABodyIsTheSameInAnyPieces) {
  for (std::size_t piece = 1; piece < 9; ++piece) {
    EXPECT_EQ(read_in_pieces("0\r\n\r\n", piece), "") << piece;
    EXPECT_EQ(read_in_pieces("0\r\nTrailer: t\r\n\r\n", piece), "") << piece;
    EXPECT_EQ(read_in_pieces("0;x=y\r\nTrailer: t\r\n\r\n", piece), "") << piece;
    EXPECT_EQ(read_in_pieces("4\r\n0\r\n\r\r\n0\r\n\r\n", piece), "0\r\n\r") << piece;
    EXPECT_EQ(read_in_pieces("3\r\nabc\r\n1;x=y\r\nd\r\n0\r\nTrailer: t\r\n\r\n", piece), "abcd") << piece;
  }
}

}  // namespace
}  // namespace vbrain::http

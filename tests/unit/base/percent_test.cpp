#include "base/text/percent.hpp"

#include <gtest/gtest.h>

namespace vbrain::base {
namespace {

TEST(Percent, EncodesAllButUnreservedCharacters) {
  EXPECT_EQ(percent_encode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encode("a b/c?%+"), "a%20b%2Fc%3F%25%2B");
  EXPECT_EQ(percent_encode("é\n"), "%C3%A9%0A");
  EXPECT_EQ(percent_encode("a.b~c", ""), "a%2Eb%7Ec");
}

TEST(Percent, DecodesWhatItEncodes) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
  EXPECT_EQ(percent_decode("%c3%A9"), "é");
  EXPECT_EQ(percent_decode(""), "");
}

TEST(Percent, RefusesInvalidEncodings) {
  for (const char* text : {"%", "%4", "a%", "%zz", "%4g", "%g4", "%%41", "% 41", "%+1", "%-1", "%0x41", "%u0041"}) {
    EXPECT_FALSE(percent_decode(text)) << text;
  }
}

TEST(Percent, TakesPlusForASpaceWhereAsked) {
  EXPECT_EQ(percent_decode("a+b%2B"), "a+b+");
  EXPECT_EQ(percent_decode("a+b%2B", Plus::kSpace), "a b+");
}

}  // namespace
}  // namespace vbrain::base

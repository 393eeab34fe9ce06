#pragma once

#include <string>
#include <vector>

// JSON texts that clients, applications and broken disks may send. Every reader of JSON is tested with all of them.
namespace vbrain::testing {

struct HostileJson {
  std::string name;
  std::string text;
  // Taken where keys must be unique and every string must have a UTF-8 form: check_json, parse_json and what stands on
  // them. None of the texts is an object that they take.
  bool strict;
  // Taken by the check of files, which asks for the grammar, UTF-8, numbers that fit a double, and a depth of at most
  // 1,000.
  bool lenient;
};

inline const std::vector<HostileJson>& hostile_json() {
  const auto times = [](std::size_t count, const std::string& piece) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += piece;
    return text;
  };
  static const std::vector<HostileJson> rows = {
      {"empty", "", false, false},
      {"white space only", " \n\t\r ", false, false},
      {"a form feed is no white space", "\f1", false, false},
      {"a no-break space is no white space",
       "\xC2\xA0"
       "1",
       false, false},
      {"open object", "{", false, false},
      {"open array", "[", false, false},
      {"open string", "\"abc", false, false},
      {"open escape", "\"\\", false, false},
      {"closing bracket", "]", false, false},
      {"wrong closing bracket", "[}", false, false},
      {"one bracket too many", "[]]", false, false},
      {"comma in front", "[,1]", false, false},
      {"comma behind an element", "[1,]", false, false},
      {"comma behind a member", "{\"a\":1,}", false, false},
      {"no comma", "[1 2]", false, false},
      {"no colon", "{\"a\" 1}", false, false},
      {"no value", "{\"a\":}", false, false},
      {"no key", "{:1}", false, false},
      {"a number as key", "{1:1}", false, false},
      {"no quotes", "{a:1}", false, false},
      {"single quotes", "{'a':1}", false, false},
      {"comment", "[1/*x*/]", false, false},
      {"line comment", "// x\n1", false, false},
      {"two values", "{} {}", false, false},
      {"JSON lines", "{\"a\":1}\n{\"a\":2}\n", false, false},
      {"letters behind", "[1] x", false, false},
      {"NUL behind", std::string("[1]\0", 4), false, false},
      {"NUL and more behind", std::string("[1]\0[2]", 7), false, false},
      {"NUL in front", std::string("\0[1]", 4), false, false},
      {"NUL in a number", std::string("[1\0002]", 5), false, false},
      {"NUL in a string", std::string("[\"a\0b\"]", 7), false, false},
      {"escaped NUL in a string", "[\"a\\u0000b\"]", true, true},
      {"escaped NUL in a key", "{\"a\\u0000b\":1}", false, true},
      {"line feed in a string", "\"a\nb\"", false, false},
      {"DEL in a string", "\"\x7f\"", true, true},
      {"unknown escape", "\"\\x41\"", false, false},
      {"short code point", "\"\\u12\"", false, false},
      {"wrong code point", "\"\\u12g4\"", false, false},
      {"surrogate pair", "\"\\ud83d\\ude00\"", true, true},
      {"high surrogate alone", "\"\\ud83d\"", false, true},
      {"high surrogate and a letter", "\"\\uD83Dx\"", false, true},
      {"high surrogate and another character", "\"\\ud83d\\u0041\"", false, true},
      {"high surrogate and an escape", "\"\\ud83d\\n\"", false, true},
      {"two high surrogates", "\"\\ud83d\\ud83d\"", false, true},
      {"low surrogate alone", "\"\\ude00\"", false, true},
      {"surrogates in the wrong order", "\"\\ude00\\ud83d\"", false, true},
      {"an escaped backslash, then what looks like a surrogate", "\"\\\\ud83d\"", true, true},
      {"lone surrogate in a key", "{\"\\udcff\":1}", false, true},
      {"no UTF-8", "\"\xff\"", false, false},
      {"half a character", "\"\xc3\"", false, false},
      {"second half of a character", "\"\xa9\"", false, false},
      {"overlong character of two bytes", "\"\xc0\xaf\"", false, false},
      {"overlong character of three bytes", "\"\xe0\x80\xaf\"", false, false},
      {"overlong character of four bytes", "\"\xf0\x80\x80\xaf\"", false, false},
      {"encoded surrogate", "\"\xed\xa0\x80\"", false, false},
      {"beyond Unicode", "\"\xf4\x90\x80\x80\"", false, false},
      {"last character of Unicode", "\"\xf4\x8f\xbf\xbf\"", true, true},
      {"last character before the surrogates", "\"\xed\x9f\xbf\"", true, true},
      {"no UTF-8 in a key", "{\"\xff\":1}", false, false},
      {"no UTF-8 outside of strings", "\xff", false, false},
      {"two byte order marks", "\xEF\xBB\xBF\xEF\xBB\xBF[]", false, false},
      {"half a byte order mark", "\xEF\xBB[]", false, false},
      {"UTF-16", std::string("\xff\xfe[\0]\0", 6), false, false},
      {"NaN", "NaN", false, false},
      {"infinite", "[Infinity]", false, false},
      {"minus infinite", "-Infinity", false, false},
      {"capital word", "True", false, false},
      {"half a word", "tru", false, false},
      {"a word and more", "truex", false, false},
      {"leading zero", "01", false, false},
      {"plus", "+1", false, false},
      {"minus alone", "-", false, false},
      {"two minus", "--1", false, false},
      {"no digit before the point", ".5", false, false},
      {"no digit behind the point", "1.", false, false},
      {"no digit in the exponent", "1e", false, false},
      {"no digit behind the sign of the exponent", "1e+", false, false},
      {"two points", "1.2.3", false, false},
      {"hexadecimal", "0x10", false, false},
      {"largest double", "1.7976931348623157e308", true, true},
      {"too large for a double", "1.8e308", false, false},
      {"much too large", "1e400", false, false},
      {"negative and too large", "[-1e309]", false, false},
      {"small digits, large exponent", "0.00001e312", true, true},
      {"many digits and an exponent", "[1000000000000000000000e300]", false, false},
      {"exponent of many digits", "1e99999999999999999999", false, false},
      {"tiny", "1e-400", true, true},
      {"negative exponent of many digits", "1e-99999999999999999999", true, true},
      {"more digits than 64 bits", "123456789012345678901234567890", true, true},
      {"1,100 digits", "0." + std::string(1'098, '3'), true, true},
      {"1,101 digits", "0." + std::string(1'099, '3'), false, false},
      {"1,101 digits before the point", std::string(1'101, '9'), false, false},
      {"a million digits", "[0." + std::string(1'000'000, '3') + "]", false, false},
      {"a key twice", "{\"a\":1,\"a\":2}", false, true},
      {"a key twice, once escaped", "{\"a\":1,\"\\u0061\":2}", false, true},
      {"an empty key twice", "{\"\":1,\"\":2}", false, true},
      {"a key twice far below", "[{\"a\":{\"b\":1,\"c\":[{\"d\":1,\"d\":1}]}}]", false, true},
      {"depth 65", times(65, "[") + times(65, "]"), false, true},
      {"depth 65 of objects", times(65, "{\"a\":") + "1" + times(65, "}"), false, true},
      {"depth 1,001", times(1'001, "[") + times(1'001, "]"), false, false},
      {"100,000 open arrays", times(100'000, "["), false, false},
      {"100,000 open objects", times(100'000, "{\"a\":"), false, false},
      {"more than a million values", "[" + times(1'000'000, "1,") + "1]", false, true},
  };
  return rows;
}

}  // namespace vbrain::testing

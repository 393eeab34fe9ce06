#include "api-server/transfer/part_head.hpp"

#include <algorithm>

#include "artifacts/archive/utf8.hpp"
#include "base/text/base64.hpp"
#include "base/text/percent.hpp"
#include "http/message/grammar.hpp"
#include "http/message/message.hpp"

namespace vbrain::api {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return result;
}

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
}

std::string_view take_token(std::string_view& text) {
  const auto end = std::ranges::find_if_not(text, http::is_token_char);
  const std::string_view token = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(token.size());
  return token;
}

// Whether a parameter ends in front of `text`.
bool is_end_of_value(std::string_view text) {
  skip_blanks(text);
  return text.empty() || text.front() == ';';
}

// A quotation mark with more of the value behind it belongs to the value: programs that build the header by hand do
// not escape it (filename="a"b.csv").
std::optional<std::string> take_quoted(std::string_view& text) {
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"' && is_end_of_value(text.substr(i + 1))) {
      text.remove_prefix(i + 1);
      return value;
    }
    const bool escape = text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\');
    value += text[escape ? ++i : i];
  }
  return std::nullopt;
}

std::optional<std::string> take_unquoted(std::string_view& text) {
  const std::string_view value = text.substr(0, text.find(';'));
  text.remove_prefix(value.size());
  if (value.find('"') != std::string_view::npos) return std::nullopt;
  return std::string(http::trim(value));
}

// `bytes` in the character set of this name as UTF-8; nothing if the set is unknown or the bytes are not in it.
std::optional<std::string> in_utf8(std::string_view charset, std::string bytes) {
  if (http::equal_ignoring_case(charset, "iso-8859-1")) return artifacts::from_latin1(bytes);
  const bool utf8 = http::equal_ignoring_case(charset, "utf-8") || http::equal_ignoring_case(charset, "us-ascii");
  if (!utf8 || !artifacts::is_utf8(bytes)) return std::nullopt;
  return bytes;
}

// RFC 8187 section 3.2.1: charset'language'percent-encoded.
std::optional<std::string> decode_extended_once(std::string_view text) {
  const auto first = text.find('\'');
  const auto second = first == std::string_view::npos ? first : text.find('\'', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  auto bytes = base::percent_decode(text.substr(second + 1));
  if (!bytes) return std::nullopt;
  return in_utf8(text.substr(0, first), std::move(*bytes));
}

// Apache HttpClient 5 in its mode EXTENDED encodes the encoded value again.
std::optional<std::string> decode_extended(std::string_view text) {
  auto value = decode_extended_once(text);
  if (!value || !value->starts_with("UTF-8''")) return value;
  auto again = decode_extended_once(*value);
  return again ? std::move(again) : std::move(value);
}

// RFC 7578 section 2: some clients percent-encode the name (aiohttp, Apache HttpClient 5 in its mode EXTENDED). They
// encode all but the unreserved characters, so a name with any other character was not encoded. A name that decodes to
// ASCII stays as it is: files have such names (my%20file.csv), and browsers and curl send them unchanged.
std::optional<std::string> decode_percent(std::string_view text) {
  const bool encoded = std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("-._~%").find(c) != std::string_view::npos;
  });
  if (!encoded) return std::nullopt;
  auto bytes = base::percent_decode(text);
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (!bytes || std::ranges::all_of(*bytes, is_ascii) || !artifacts::is_utf8(*bytes)) return std::nullopt;
  return bytes;
}

// The encoding Q of RFC 2047 section 4.2.
std::optional<std::string> decode_q(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '%') {
      escaped += "%25";
    } else {
      escaped += c == '=' ? '%' : c == '_' ? ' ' : c;
    }
  }
  return base::percent_decode(escaped);
}

// One encoded word: =?charset?B?text?= or =?charset?Q?text?=.
std::optional<std::string> decode_word(std::string_view word) {
  if (word.size() < 8 || !word.starts_with("=?") || !word.ends_with("?=")) return std::nullopt;
  word = word.substr(2, word.size() - 4);
  const auto first = word.find('?');
  if (first == std::string_view::npos || first + 2 >= word.size() || word[first + 2] != '?') return std::nullopt;
  // RFC 2231 section 5: a language may follow the character set.
  const std::string_view charset = word.substr(0, std::min(first, word.find('*')));
  const char encoding = word[first + 1];
  const std::string_view text = word.substr(first + 3);
  auto bytes = encoding == 'B' || encoding == 'b'   ? base::decode_base64(text)
               : encoding == 'Q' || encoding == 'q' ? decode_q(text)
                                                    : std::nullopt;
  if (!bytes) return std::nullopt;
  return in_utf8(charset, std::move(*bytes));
}

// The text of a value that consists of encoded words only; nothing for any other value.
std::optional<std::string> decode_words(std::string_view text) {
  std::string decoded;
  for (text = http::trim(text); !text.empty(); skip_blanks(text)) {
    const std::string_view word = text.substr(0, text.find_first_of(" \t"));
    const auto piece = decode_word(word);
    if (!piece) return std::nullopt;
    decoded += *piece;
    text.remove_prefix(word.size());
  }
  return decoded;
}

// Browsers write a quotation mark as %22 and encode nothing else that a name may hold (HTML, "multipart form data").
std::string with_quotation_marks(std::string_view text) {
  std::string result;
  for (auto at = text.find("%22"); at != std::string_view::npos; at = text.find("%22")) {
    result.append(text.substr(0, at)).append("\"");
    text.remove_prefix(at + 3);
  }
  return result.append(text);
}

std::string decode_plain(const std::string& text) {
  if (auto words = decode_words(text)) return *words;
  if (auto name = decode_percent(text)) return *name;
  return with_quotation_marks(artifacts::is_utf8(text) ? text : artifacts::from_latin1(text));
}

// The next line of a part's head. A line that begins with a blank continues the one before (RFC 5322 section 2.2.3).
std::string take_line(std::string_view& text) {
  std::string line;
  for (bool more = true; more;) {
    const auto end = text.find("\r\n");
    line += text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
    more = text.starts_with(' ') || text.starts_with('\t');
  }
  return line;
}

}  // namespace

const std::string* ParameterizedValue::find(std::string_view name) const {
  const auto found = std::ranges::find(parameters, name, &std::pair<std::string, std::string>::first);
  return found == parameters.end() ? nullptr : &found->second;
}

std::optional<ParameterizedValue> parse_parameterized(std::string_view text) {
  ParameterizedValue result;
  skip_blanks(text);
  const auto value_end = std::min(text.find(';'), text.size());
  const std::string_view value = http::trim(text.substr(0, value_end));
  const bool plain = std::ranges::all_of(value, [](char c) { return http::is_token_char(c) || c == '/'; });
  if (value.empty() || !plain) return std::nullopt;
  result.value = lower(value);
  text.remove_prefix(value_end);
  for (;;) {
    skip_blanks(text);
    if (text.empty()) return result;
    if (text.front() != ';') return std::nullopt;
    text.remove_prefix(1);
    skip_blanks(text);
    if (text.empty()) return result;
    std::string name = lower(take_token(text));
    skip_blanks(text);
    if (name.empty() || !text.starts_with('=') || result.find(name) != nullptr) return std::nullopt;
    text.remove_prefix(1);
    skip_blanks(text);
    auto taken = text.starts_with('"') ? take_quoted(text) : take_unquoted(text);
    if (!taken) return std::nullopt;
    result.parameters.emplace_back(std::move(name), std::move(*taken));
  }
}

std::optional<std::string> boundary_of(const ParameterizedValue& content_type) {
  if (content_type.value != "multipart/form-data") return std::nullopt;
  const std::string* boundary = content_type.find("boundary");
  if (boundary == nullptr || boundary->empty() || boundary->size() > 70 || boundary->ends_with(' ')) {
    return std::nullopt;
  }
  const bool allowed = std::ranges::all_of(*boundary, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
  });
  if (!allowed) return std::nullopt;
  return *boundary;
}

std::optional<std::string> file_name_of(const ParameterizedValue& disposition) {
  std::optional<std::string> name;
  if (const std::string* extended = disposition.find("filename*")) name = decode_extended(*extended);
  const std::string* plain = disposition.find("filename");
  if (!name && plain != nullptr) name = decode_plain(*plain);
  if (!name) return std::nullopt;
  const auto slash = name->find_last_of("/\\");
  if (slash != std::string::npos) name->erase(0, slash + 1);
  return name;
}

Result<PartHead, std::string_view> parse_part_head(std::string_view text) {
  constexpr std::string_view kMalformedDisposition =
      "malformed Content-Disposition; write it as form-data; name=\"file\"; filename=\"a.csv\", each parameter once";
  using Error = Unexpected<std::string_view>;
  std::optional<ParameterizedValue> disposition;
  while (!text.empty()) {
    const std::string whole = take_line(text);
    const std::string_view line = whole;
    const bool clean = std::ranges::none_of(line, [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
    const auto colon = line.find(':');
    if (!clean || colon == std::string_view::npos || !http::is_token(line.substr(0, colon))) {
      return Error("malformed head of a part; its lines are of the form Name: value");
    }
    const std::string_view name = line.substr(0, colon);
    if (http::equal_ignoring_case(name, "content-disposition")) {
      if (disposition) return Error("a part with two Content-Disposition headers; send one");
      disposition = parse_parameterized(line.substr(colon + 1));
      if (!disposition) return Error(kMalformedDisposition);
    } else if (http::equal_ignoring_case(name, "content-transfer-encoding")) {
      const std::string encoding = parse_parameterized(line.substr(colon + 1)).value_or(ParameterizedValue{}).value;
      if (encoding != "binary" && encoding != "8bit" && encoding != "7bit") {
        return Error("a part with a Content-Transfer-Encoding; send its bytes as they are");
      }
    }
  }
  if (!disposition || disposition->value != "form-data") {
    return Error("a part without Content-Disposition: form-data; add it");
  }
  const std::string* name = disposition->find("name");
  if (name == nullptr)
    return Error("a part without a name; add name=file, params or metadata to its Content-Disposition");
  PartHead head{*name, file_name_of(*disposition)};
  if (!head.filename && disposition->find("filename*") != nullptr) {
    return Error("malformed filename*; send it in UTF-8 or ISO-8859-1 as RFC 8187 says, or send filename");
  }
  return head;
}

}  // namespace vbrain::api

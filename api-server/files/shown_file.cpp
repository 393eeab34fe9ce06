#include "api-server/files/shown_file.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "artifacts/archive/archive_reader.hpp"
#include "base/text/percent.hpp"

namespace vbrain::api {
namespace {

constexpr std::string_view kPlain = "text/plain; charset=utf-8";

// Without any format that may have a script in it: no HTML, SVG, XML or PDF.
constexpr std::array<std::pair<std::string_view, std::string_view>, 19> kOpens{{
    {"avif", "image/avif"},
    {"bmp", "image/bmp"},
    {"csv", "text/csv; charset=utf-8"},
    {"gif", "image/gif"},
    {"ini", kPlain},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"json", "application/json"},
    {"jsonl", kPlain},
    {"log", kPlain},
    {"md", kPlain},
    {"ndjson", kPlain},
    {"png", "image/png"},
    {"toml", kPlain},
    {"tsv", "text/tab-separated-values; charset=utf-8"},
    {"txt", kPlain},
    {"webp", "image/webp"},
    {"yaml", kPlain},
    {"yml", kPlain},
}};

std::string_view last_component(std::string_view name) {
  return name.substr(name.rfind('/') + 1);  // npos + 1 is 0
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

}  // namespace

ShownAs shown_as(std::string_view name) {
  name = last_component(name);
  const auto dot = name.rfind('.');
  if (dot != std::string_view::npos) {
    const std::string_view extension = name.substr(dot + 1);
    for (const auto& [known, media_type] : kOpens) {
      if (http::equal_ignoring_case(known, extension)) return {media_type, true};
    }
  }
  return {"application/octet-stream", false};
}

Result<std::string, Refusal> file_name_in(std::string_view rest) {
  auto name = base::percent_decode(rest);
  if (!name) return refuse(Problem::kInvalid, "path", "a % is not followed by two hexadecimal digits");
  const std::string_view problem = artifacts::check_entry_name(*name);
  if (!problem.empty()) return refuse(Problem::kInvalid, "path", std::string(problem));
  return std::move(*name);
}

std::string disposition_of(std::string_view name) {
  const std::string_view last = last_component(name);
  std::string plain(last);
  for (char& c : plain) {
    if (!is_plain(c)) c = '_';
  }
  std::string text = shown_as(name).opens ? "inline" : "attachment";
  text.append("; filename=\"").append(plain).append("\"");
  if (plain != last) text.append("; filename*=UTF-8''").append(base::percent_encode(last));
  return text;
}

void confine(http::Reply& reply) {
  reply.headers.emplace_back("X-Content-Type-Options", "nosniff");
  reply.headers.emplace_back("Content-Security-Policy",
                             "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:");
}

}  // namespace vbrain::api

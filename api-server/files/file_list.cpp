#include "api-server/files/file_list.hpp"

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "api-server/answers/tenant_budget.hpp"
#include "api-server/files/shown_file.hpp"
#include "api-server/transfer/spool.hpp"
#include "base/json/json.hpp"

namespace vbrain::api {
namespace {

// All of a file's object but its name.
constexpr std::uint64_t kAroundName = 256;
constexpr std::size_t kPiece = 64 * 1024;

// Gives the array to `out` in pieces, and returns its size.
std::uint64_t render_files(const FileSource& files, const std::function<void(std::string_view)>& out) {
  std::uint64_t size = 0;
  std::string text = "[";
  const auto give = [&] {
    out(text);
    size += text.size();
    text.clear();
  };
  bool is_first = true;
  files([&](const ListedFile& file) {
    if (!std::exchange(is_first, false)) text.push_back(',');
    text.append(render_file(file));
    if (text.size() >= kPiece) give();
  });
  text.push_back(']');
  give();
  return size;
}

}  // namespace

std::string render_file(const ListedFile& file) {
  std::string json = R"({"name":)" + base::quote_json(file.name);
  json.append(R"(,"bytes":)").append(std::to_string(file.bytes));
  json.append(R"(,"type":")").append(shown_as(file.name).media_type).append("\"");
  if (!file.sha256.empty()) json.append(R"(,"sha256":)").append(base::quote_json(file.sha256));
  if (file.crc32) {
    std::array<char, 9> digits{};
    std::snprintf(digits.data(), digits.size(), "%08x", *file.crc32);
    json.append(R"(,"crc32":")").append(digits.data()).append("\"");
  }
  return json.append("}");
}

std::uint64_t longest_list(std::uint64_t count, std::uint64_t names_bytes) {
  // A name has no control character, so at most each byte gets a backslash.
  return 2 + count * kAroundName + 2 * names_bytes;
}

SharedAnswer share_files(const Services& services, const artifacts::Tenant& tenant, std::uint64_t longest,
                         const FileSource& files, const base::RequestIds& ids) {
  TenantBudget::Share memory(services.json_budget, tenant);
  AnswerText answer;
  if (longest <= kShortList) {
    memory.cover(longest);
    std::string text;
    render_files(files, [&](std::string_view piece) { text.append(piece); });
    memory.settle(text.size());
    answer.add(std::move(text));
  } else {
    const auto make = [&](const artifacts::ArchiveWriter::Sink& out) {
      return std::make_optional(artifacts::ArchiveWriter::Added{render_files(files, out), {}});
    };
    auto spooled = spool(services.volume, tenant, services.spool_space, make, ids);
    answer.add_file(std::make_shared<const Spooled>(std::move(*spooled)));
  }
  return share_json(200, std::move(answer), std::move(memory));
}

}  // namespace vbrain::api

#include "artifacts/uploads/upload_record.hpp"

#include <nlohmann/json.hpp>

#include "artifacts/records/json_fields.hpp"
#include "artifacts/uploads/upload_state.hpp"
#include "base/json/json.hpp"

namespace vbrain::artifacts {
namespace {

constexpr std::size_t kTextLimit = 1U << 18;
constexpr std::int64_t kLongestExpiry = 10'000LL * 86'400;

UploadRecord read_record(std::string_view text) {
  const auto object = base::parse_json(text, {.depth = 4, .elements = 100});
  if (!object) throw fields::Malformed{"not JSON"};
  fields::require_format(*object);
  UploadRecord record;
  record.bytes = fields::size(*object, "bytes");
  record.name = fields::text(*object, "name", 255);
  record.metadata = fields::text(*object, "metadata", kTextLimit);
  record.created_by = fields::text(*object, "createdBy", 1024);
  record.created_on = fields::time(*object, "createdOn");
  record.expiry = std::chrono::seconds(fields::integer(*object, "expirySeconds", 1, kLongestExpiry));
  return record;
}

std::vector<UploadPart> read_parts(std::string_view text) {
  const auto object = base::parse_json(text, {.depth = 4, .elements = 100'000});
  if (!object) throw fields::Malformed{"not JSON"};
  fields::require_format(*object);
  const nlohmann::json* list = fields::find(*object, "parts");
  if (list == nullptr || !list->is_array()) fields::refuse("parts", "is not a list");
  std::vector<UploadPart> parts;
  for (const nlohmann::json& item : *list) {
    if (!item.is_object()) fields::refuse("parts", "holds something else");
    UploadPart part{.data = fields::text(item, "data", 80), .bytes = fields::size(item, "bytes")};
    // The token becomes a part of a file's name.
    if (!parse_upload_state(to_name({.data = part.data}))) fields::refuse("data", "is not legal");
    parts.push_back(std::move(part));
  }
  return parts;
}

template <class Read>
auto decoded(const Read& read, std::string_view text) -> Result<decltype(read(text)), std::string> {
  try {
    return read(text);
  } catch (const fields::Malformed& malformed) {
    return Unexpected<std::string>(malformed.reason);
  }
}

}  // namespace

std::string encode(const UploadRecord& record) {
  return R"({"format":1,"bytes":)" + std::to_string(record.bytes) + R"(,"name":)" + base::quote_json(record.name) +
         R"(,"metadata":)" + base::quote_json(record.metadata) + R"(,"createdBy":)" +
         base::quote_json(record.created_by) + R"(,"createdOn":")" + base::format_rfc3339(record.created_on) +
         R"(","expirySeconds":)" + std::to_string(record.expiry.count()) + "}\n";
}

Result<UploadRecord, std::string> decode_upload_record(std::string_view text) {
  return decoded(read_record, text);
}

std::string encode(const std::vector<UploadPart>& parts) {
  std::string text = R"({"format":1,"parts":[)";
  for (const UploadPart& part : parts) {
    if (text.back() != '[') text += ',';
    text += R"({"data":)" + base::quote_json(part.data) + R"(,"bytes":)" + std::to_string(part.bytes) + "}";
  }
  return text + "]}\n";
}

Result<std::vector<UploadPart>, std::string> decode_upload_parts(std::string_view text) {
  return decoded(read_parts, text);
}

}  // namespace vbrain::artifacts

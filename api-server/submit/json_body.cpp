#include "api-server/submit/json_body.hpp"

#include <nlohmann/json.hpp>

#include "api-server/submit/priority.hpp"
#include "artifacts/records/raw_json.hpp"

namespace vbrain::api {

std::string_view without_byte_order_mark(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  return text;
}

Unexpected<Refusal> bad_field(std::string_view name, std::string detail) {
  return refuse(Problem::kInvalid, plain_subject(name, "field"), std::move(detail));
}

std::string known_fields(std::string_view first, bool priority_known) {
  return "only " + std::string(first) +
         (priority_known ? "params, metadata, priority and callback_url" : "params and metadata") +
         " are known; remove it, or correct its name";
}

namespace {

// Bytes of a JSON string that are parsed as a URL. A longer one is none, whatever its escapes.
constexpr std::size_t kMostOfAnUrl = 16'384;

// The params of the jobs of a batch.
Result<std::vector<std::string_view>, Refusal> read_batch_params(std::string_view value) {
  const std::string remedy = "; send a list of 1 to " + std::to_string(kMostJobsOfBatch) + " JSON objects";
  auto list = artifacts::split_array(value);
  if (!list) return refuse(Problem::kInvalid, "params", "not a JSON array" + remedy);
  if (list->empty() || list->size() > kMostJobsOfBatch) {
    return refuse(Problem::kInvalid, "params", "it has " + std::to_string(list->size()) + " elements" + remedy);
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    if ((*list)[i].starts_with('{')) continue;
    return refuse(Problem::kInvalid, "params", "element " + std::to_string(i) + " is not a JSON object" + remedy);
  }
  return std::move(*list);
}

// The text of a JSON string without escapes: ids have none.
Result<std::string, Refusal> read_upload_id(std::string_view value) {
  const bool is_text = value.size() > 2 && value.front() == '"' && value.back() == '"';
  const std::string_view id = is_text ? value.substr(1, value.size() - 2) : std::string_view();
  if (id.empty() || id.find_first_of("\\\"") != std::string_view::npos) {
    return refuse(Problem::kInvalid, "upload_id", "not an id; send the upload_id of POST /api/v1/uploads as a string");
  }
  return std::string(id);
}

// The text of a JSON string, which may have escapes.
Result<std::string, Refusal> read_callback_url(std::string_view value) {
  const auto text = value.size() <= kMostOfAnUrl && value.starts_with('"')
                        ? nlohmann::json::parse(value, nullptr, false)
                        : nlohmann::json();
  if (!text.is_string() || text.get_ref<const std::string&>().empty()) {
    return refuse(Problem::kInvalid, "callback_url", "not a URL; send one such as \"https://hooks.example.com/jobs\"");
  }
  return text.get<std::string>();
}

}  // namespace

Result<BatchFields, Refusal> read_batch_fields(std::string_view body) {
  const auto members = artifacts::split_object(without_byte_order_mark(body));
  if (!members) return refuse(Problem::kInvalid, "body", members.error() + "; send {\"params\": [{…}, …]}");
  BatchFields fields;
  for (const auto& [name, value] : *members) {
    if (name == "priority") {
      const auto priority = read_priority(value);
      if (!priority) return Unexpected<Refusal>(priority.error());
      fields.priority = *priority;
    } else if (name == "metadata") {
      if (!value.starts_with('{'))
        return refuse(Problem::kInvalid, name, "not a JSON object" + std::string(kSendAnObject));
      fields.metadata = value;
    } else if (name == "params") {
      auto params = read_batch_params(value);
      if (!params) return Unexpected<Refusal>(std::move(params.error()));
      fields.params = std::move(*params);
    } else if (name == "callback_url") {
      auto url = read_callback_url(value);
      if (!url) return Unexpected<Refusal>(std::move(url.error()));
      fields.callback_url = std::move(*url);
    } else {
      return bad_field(name, known_fields("", true));
    }
  }
  if (fields.params.empty()) return refuse(Problem::kInvalid, "params", "absent; send {\"params\": [{…}, …]}");
  return fields;
}

Result<JsonFields, Refusal> read_json_fields(std::string_view body, bool priority_known) {
  const auto members = artifacts::split_object(without_byte_order_mark(body));
  if (!members) return refuse(Problem::kInvalid, "body", members.error() + std::string(kSendAnObject));
  JsonFields fields;
  for (const auto& [name, value] : *members) {
    if (name == "priority" && priority_known) {
      const auto priority = read_priority(value);
      if (!priority) return Unexpected<Refusal>(priority.error());
      fields.priority = *priority;
      continue;
    }
    if (name == "callback_url" && priority_known) {
      auto url = read_callback_url(value);
      if (!url) return Unexpected<Refusal>(std::move(url.error()));
      fields.callback_url = std::move(*url);
      continue;
    }
    if (name == "upload_id") {
      auto id = read_upload_id(value);
      if (!id) return Unexpected<Refusal>(std::move(id.error()));
      fields.upload_id = std::move(*id);
      continue;
    }
    std::string* field = name == "params" ? &fields.params : name == "metadata" ? &fields.metadata : nullptr;
    if (field == nullptr) return bad_field(name, known_fields("upload_id, ", priority_known));
    if (!value.starts_with('{'))
      return refuse(Problem::kInvalid, name, "not a JSON object" + std::string(kSendAnObject));
    *field = value;
  }
  return fields;
}

}  // namespace vbrain::api

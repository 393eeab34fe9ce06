#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api-server/errors.hpp"

namespace vbrain::api {

// The members `params` and `metadata` of a JSON body, which must be objects, `upload_id`, and `priority` where it is
// known, as is `callback_url`. Other members are refused. Pure.
struct JsonFields {
  std::string params;
  std::string metadata;
  std::optional<std::int32_t> priority;
  std::string upload_id;     // empty: not sent
  std::string callback_url;  // the same; unchecked
};
Result<JsonFields, Refusal> read_json_fields(std::string_view body, bool priority_known);

// The body of POST /job/batch: the params of each job, as views into `body`, and what all have in common. Pure.
struct BatchFields {
  std::vector<std::string_view> params;
  std::string metadata;  // empty: not sent
  std::optional<std::int32_t> priority;
  std::string callback_url;  // empty: not sent; unchecked
};
inline constexpr std::size_t kMostJobsOfBatch = 1'000;
Result<BatchFields, Refusal> read_batch_fields(std::string_view body);

// The text without the byte order mark that some editors put in front.
std::string_view without_byte_order_mark(std::string_view text);

// The end of the detail of a refusal: what to send instead.
inline constexpr std::string_view kSendAnObject = "; send a JSON object, such as {\"a\": 1}";

// The refusal of a field that is there and should not be. `name` is the client's.
Unexpected<Refusal> bad_field(std::string_view name, std::string detail);
// The detail for a field that is not known. `first` names fields before params.
std::string known_fields(std::string_view first, bool priority_known);

}  // namespace vbrain::api

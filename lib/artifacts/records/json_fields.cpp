#include "artifacts/records/json_fields.hpp"

#include <algorithm>

namespace vbrain::artifacts::fields {

std::string sha256(const nlohmann::json& object, const char* member, bool may_be_empty) {
  std::string value = text(object, member, 64);
  const bool hex = value.size() == 64 && std::all_of(value.begin(), value.end(), [](char c) {
                     return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                   });
  if (!hex && !(value.empty() && may_be_empty)) refuse(member, "is not a SHA-256");
  return value;
}

}  // namespace vbrain::artifacts::fields

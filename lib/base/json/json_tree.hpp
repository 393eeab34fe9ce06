#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json/json_reader.hpp"

namespace vbrain::base {

// Builds a tree from the tokens of one JSON text, or of a part of it that is a value. Of members with the same name the
// last one counts.
class JsonTree final : public JsonHandler {
 public:
  JsonNext token(const JsonToken& token) override;

  // The tree, once, after the last token.
  nlohmann::json take() { return std::move(root_); }

 private:
  nlohmann::json* add(nlohmann::json value);

  nlohmann::json root_;
  std::vector<nlohmann::json*> open_;
  std::string key_;
};

}  // namespace vbrain::base

#include "schema/defaults.hpp"

#include <nlohmann/json.hpp>
#include <unordered_set>
#include <vector>

#include "base/json/json.hpp"
#include "base/json/json_reader.hpp"
#include "schema/values/words.hpp"

namespace vbrain::schema {
namespace {

using base::JsonNext;
using base::JsonToken;
using nlohmann::json;

class Filler {
 public:
  explicit Filler(Work& work) : work_(work) {}

  // Ends, because no schema leads back to itself at the same value, and what was added is not entered.
  void fill(const Node& schema, json& value) {
    const Node* node = &schema;
    work_.take(1);
    for (; node->reference != nullptr; node = node->reference) work_.take(1);
    for (const Node* one : node->all_of) fill(*one, value);
    if (value.is_object()) fill_object(*node, value);
    if (value.is_array()) fill_array(*node, value);
  }

  Additions take() { return std::move(additions_); }

 private:
  void fill_object(const Node& node, json& value) {
    for (const auto& [name, given] : node.defaults) {
      work_.take(1);
      if (value.contains(name)) continue;
      std::string text = base::quote_json(name) + ":" + given->dump();
      work_.take(text.size() / 16 + pointer_.size() / 16);
      std::string& added = additions_[pointer_];
      added += (added.empty() ? "" : ",") + text;
      added_.insert(&value.emplace(name, *given).first.value());
    }
    for (const auto& [name, schema] : node.properties) {
      work_.take(1);
      const auto member = value.find(name);
      if (member == value.end() || !member->is_structured() || added_.contains(&*member)) continue;
      enter(pointer_part(name), *schema, *member);
    }
  }

  void fill_array(const Node& node, json& value) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      const Node* schema = i < node.tuple.size() ? node.tuple[i] : node.items;
      if (schema == nullptr) return;
      if (value[i].is_structured()) enter("/" + std::to_string(i), *schema, value[i]);
    }
  }

  void enter(const std::string& part, const Node& schema, json& value) {
    const std::size_t size = pointer_.size();
    pointer_ += part;
    fill(schema, value);
    pointer_.resize(size);
  }

  Work& work_;
  std::string pointer_;
  Additions additions_;
  std::unordered_set<const json*> added_;  // members of objects keep their addresses
};

// Copies a text and inserts the additions before the ends of their objects.
class Inserter final : public base::JsonHandler {
 public:
  Inserter(std::string_view text, const Additions& additions) : text_(text), additions_(additions) {}

  JsonNext token(const JsonToken& token) override {
    if (token.kind == JsonToken::Kind::kKey) {
      open_.back().key = token.text;
      return JsonNext::kContinue;
    }
    if (token.is_end()) {
      if (token.kind == JsonToken::Kind::kEndObject) end_object(token.end - 1);
      pointer_.resize(open_.back().outer);
      open_.pop_back();
    } else if (token.is_begin()) {
      const std::size_t outer = pointer_.size();
      if (!open_.empty()) {
        pointer_ += open_.back().is_array ? "/" + std::to_string(open_.back().count) : pointer_part(open_.back().key);
        ++open_.back().count;
      }
      open_.push_back({.is_array = token.kind == JsonToken::Kind::kBeginArray, .outer = outer, .key = {}});
      return JsonNext::kContinue;
    } else if (!open_.empty()) {
      ++open_.back().count;
    }
    return JsonNext::kContinue;
  }

  std::string take() {
    out_ += text_.substr(copied_);
    return std::move(out_);
  }

 private:
  struct Open {
    bool is_array;
    std::size_t outer;  // the length of the pointer to what contains it
    std::string key;    // the present one
    std::size_t count = 0;
  };

  void end_object(std::size_t brace) {
    const auto addition = additions_.find(pointer_);
    if (addition == additions_.end()) return;
    out_ += text_.substr(copied_, brace - copied_);
    if (open_.back().count > 0) out_ += ',';
    out_ += addition->second;
    copied_ = brace;
  }

  std::string_view text_;
  const Additions& additions_;
  std::string out_;
  std::size_t copied_ = 0;
  std::string pointer_;
  std::vector<Open> open_;
};

}  // namespace

Additions add_defaults(const Node& schema, json& value, Work& work) {
  Filler filler(work);
  filler.fill(schema, value);
  return filler.take();
}

std::string add_to_text(std::string text, const Additions& additions) {
  if (additions.empty()) return text;
  Inserter inserter(text, additions);
  // It was read before, so this finds no error.
  static_cast<void>(base::read_json(text, inserter, {.strict_keys = false, .skip_byte_order_mark = true}));
  return inserter.take();
}

}  // namespace vbrain::schema

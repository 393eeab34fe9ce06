#include "kube/api/json_cut.hpp"

#include <simdjson.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json/json_tree.hpp"

namespace vbrain::kube {
namespace {

using nlohmann::json;
namespace dom = simdjson::dom;
namespace ondemand = simdjson::ondemand;
using Failure = tl::unexpected<std::string>;

// A copy of a text with the room behind it that simdjson reads, and a parser. Those of short texts are kept for the
// next text of the thread. A parser takes ten times the memory of its longest text.
template <class Parser>
class Workspace {
 public:
  // At most one lives on a thread at a time.
  explicit Workspace(std::string_view text) : used_(text.size() <= kKeptText ? kept() : own_) {
    used_.text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
    used_.text.assign(text);
  }
  Workspace(const Workspace&) = delete;

  Parser& parser() { return used_.parser; }
  const char* data() const { return used_.text.data(); }
  std::size_t size() const { return used_.text.size(); }
  simdjson::padded_string_view padded() const {
    return simdjson::padded_string_view(data(), size(), used_.text.capacity());
  }

 private:
  static constexpr std::size_t kKeptText = 16 << 10;
  struct Buffers {
    std::string text;
    Parser parser;
  };
  static Buffers& kept() {
    thread_local Buffers buffers;
    return buffers;
  }

  Buffers own_;
  Buffers& used_;
};

// Cuts values out of one text.
class Cutter {
 public:
  explicit Cutter(std::string_view text) : text_(text), work_(text) {}

  simdjson::simdjson_result<ondemand::document> begin() { return work_.parser().iterate(work_.padded()); }

  // The object's text, as a part of the text given; empty if it is no object, or has no end.
  std::string_view object(ondemand::value value) const {
    ondemand::object object;
    std::string_view raw;
    if (value.get_object().get(object) || object.raw_json().get(raw)) return {};
    // simdjson's text goes on to the next token.
    raw = raw.substr(0, raw.find_last_not_of(" \t\r\n") + 1);
    return text_.substr(static_cast<std::size_t>(raw.data() - work_.data()), raw.size());
  }

 private:
  std::string_view text_;
  Workspace<ondemand::parser> work_;
};

// Calls `take(key, value)` with each member, until one is refused. False if one was, or if the text is no JSON object
// as far as it was read.
template <class Take>
bool each_member(simdjson::simdjson_result<ondemand::object> object, const Take& take) {
  for (auto member : object) {
    std::string_view key;
    ondemand::value value;
    if (member.unescaped_key().get(key) || member.value().get(value) || !take(key, value)) return false;
  }
  return true;
}

std::string text_of(ondemand::value value) {
  std::string_view text;
  return value.get_string().get(text) ? std::string() : std::string(text);
}

bool read_meta(ondemand::value value, ListMeta& meta) {
  return each_member(value.get_object(), [&](std::string_view key, ondemand::value member) {
    if (key == "resourceVersion") meta.resource_version = text_of(member);
    if (key == "continue") meta.continue_token = text_of(member);
    return true;
  });
}

bool read_items(const Cutter& cutter, ondemand::value value, std::vector<std::string_view>& items) {
  if (value.is_null()) return true;
  ondemand::array array;
  if (value.get_array().get(array)) return false;
  for (auto element : array) {
    ondemand::value item;
    if (element.get(item)) return false;
    const std::string_view text = cutter.object(item);
    if (text.empty()) return false;
    items.push_back(text);
  }
  return true;
}

// The members of an object that are read, as a tree.
class TreeBuilder {
 public:
  explicit TreeBuilder(std::string_view spec_member) : spec_member_(spec_member) {}

  // False if the value has something that simdjson takes and RFC 8259 or UTF-8 does not.
  bool build(dom::element from, json& to) {
    switch (from.type()) {
      case dom::element_type::OBJECT:
        return object(dom::object(from), to);
      case dom::element_type::ARRAY:
        return array(dom::array(from), to);
      case dom::element_type::STRING:
        return string(std::string_view(from), to);
      case dom::element_type::INT64: {
        const std::int64_t number(from);
        to = number < 0 ? json(number) : json(static_cast<std::uint64_t>(number));
        return true;
      }
      case dom::element_type::UINT64:
        to = std::uint64_t(from);
        return true;
      case dom::element_type::DOUBLE:
        to = double(from);
        return true;
      case dom::element_type::BOOL:
        to = bool(from);
        return true;
      case dom::element_type::NULL_VALUE:
        to = nullptr;
        return true;
    }
    return false;
  }

 private:
  enum class Place { kOther, kMetadata, kSpec };

  // An escaped low surrogate that stands alone becomes ED B0 to ED BF and a byte more, which is no UTF-8.
  static bool is_utf8(std::string_view text) {
    for (std::size_t at = text.find('\xED'); at != std::string_view::npos; at = text.find('\xED', at + 1)) {
      if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xA0) return false;
    }
    return true;
  }
  static bool string(std::string_view text, json& to) {
    to = std::string(text);
    return is_utf8(text);
  }
  bool is_unread(std::string_view key) const {
    if (depth_ != 2) return false;
    if (place_ == Place::kMetadata) return key == "managedFields";
    return place_ == Place::kSpec && !spec_member_.empty() && key != spec_member_;
  }
  bool object(dom::object from, json& to) {
    to = json::object();
    ++depth_;
    for (const auto& [key, value] : from) {
      if (depth_ == 1) place_ = key == "metadata" ? Place::kMetadata : key == "spec" ? Place::kSpec : Place::kOther;
      if (is_unread(key)) continue;
      if (!is_utf8(key) || !build(value, to[std::string(key)])) return false;
    }
    --depth_;
    return true;
  }
  bool array(dom::array from, json& to) {
    to = json::array();
    ++depth_;
    for (const dom::element value : from) {
      if (!build(value, to.emplace_back())) return false;
    }
    --depth_;
    return true;
  }

  const std::string_view spec_member_;
  std::size_t depth_ = 0;  // of open objects and arrays
  Place place_ = Place::kOther;
};

// The same from tokens, for texts that simdjson does not take: deeper than 1,024, or with numbers beyond 64 bits.
class TokenReader final : public base::JsonHandler {
 public:
  explicit TokenReader(std::string_view spec_member) : spec_member_(spec_member) {}

  base::JsonNext token(const base::JsonToken& token) override {
    using Kind = base::JsonToken::Kind;
    if (token.kind == Kind::kKey && token.depth == 1) {
      in_metadata_ = token.text == "metadata";
      in_spec_ = token.text == "spec";
    }
    if (skips_) {
      skips_ = !token.ends_value(2);
      return base::JsonNext::kContinue;
    }
    skips_ = token.kind == Kind::kKey && token.depth == 2 && is_unread(token.text);
    return skips_ ? base::JsonNext::kContinue : tree_.token(token);
  }

  json take() { return tree_.take(); }

 private:
  bool is_unread(std::string_view key) const {
    if (in_metadata_) return key == "managedFields";
    return in_spec_ && !spec_member_.empty() && key != spec_member_;
  }

  const std::string_view spec_member_;
  base::JsonTree tree_;
  bool in_metadata_ = false;
  bool in_spec_ = false;
  bool skips_ = false;
};

// The limits for clients do not hold for the API server: its objects are larger.
constexpr base::JsonOptions kOptions{
    .limits = {.depth = base::JsonOptions::kNoLimit, .elements = base::JsonOptions::kNoLimit}, .strict_keys = false};

}  // namespace

Result<json, std::string> parse_object(std::string_view text, std::string_view spec_member) {
  {
    Workspace<dom::parser> work(text);
    dom::element root;
    json tree;
    if (!work.parser().parse(work.data(), work.size(), false).get(root) && TreeBuilder(spec_member).build(root, tree)) {
      return tree;
    }
  }
  TokenReader reader(spec_member);
  if (const auto read = base::read_json(text, reader, kOptions); !read) {
    return Failure("the object is not JSON near byte " + std::to_string(read.error().offset));
  }
  return reader.take();
}

Result<ListText, std::string> cut_list(std::string_view list) {
  Cutter cutter(list);
  ondemand::document document;
  if (cutter.begin().get(document)) return Failure("the list is not JSON");
  ListText parts;
  bool items_seen = false;
  const bool read = each_member(document.get_object(), [&](std::string_view key, ondemand::value value) {
    if (key == "metadata") return read_meta(value, parts.meta);
    if (key != "items") return true;
    items_seen = true;
    return read_items(cutter, value, parts.items);
  });
  if (!read) return Failure("the list is not JSON");
  if (!items_seen || parts.meta.resource_version.empty()) return Failure("the answer is not a list");
  return parts;
}

Result<EventText, std::string> cut_event(std::string_view line) {
  Cutter cutter(line);
  ondemand::document document;
  if (cutter.begin().get(document)) return Failure("the line is not a JSON object");
  EventText event;
  const bool read = each_member(document.get_object(), [&](std::string_view key, ondemand::value value) {
    if (key == "type") event.type = text_of(value);
    if (key != "object") return true;
    event.object = cutter.object(value);
    return !event.object.empty();
  });
  if (!read || event.type.empty() || event.object.empty()) return Failure("the line is not a watch event");
  return event;
}

}  // namespace vbrain::kube

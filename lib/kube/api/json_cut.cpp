#include "kube/api/json_cut.hpp"

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/json_tree.hpp"
#include "kube/api/object.hpp"

namespace vbrain::kube {
namespace {

using base::JsonNext;
using base::JsonToken;
using Failure = tl::unexpected<std::string>;
using Kind = JsonToken::Kind;

// The limits for clients do not hold for the API server: its lists are larger. The parser of each object checks for
// duplicate keys. All names that are compared here are short, and at most at depth 4: metadata of an item of a list.
constexpr base::JsonOptions kOptions{
    .limits = {.depth = base::JsonOptions::kNoLimit, .elements = base::JsonOptions::kNoLimit},
    .strict_keys = false,
    .text_limit = 64,
    .text_depth = 4};

// Reads an object and tells a derived class to which of its members each token belongs.
class Members : public base::JsonHandler {
 public:
  explicit Members(std::string_view text) : text_(text) {}

  JsonNext token(const JsonToken& token) override {
    if (token.depth == 0)
      return token.kind == Kind::kBeginObject || token.is_end() ? JsonNext::kContinue : JsonNext::kStop;
    if (token.depth == 1 && token.kind == Kind::kKey) {
      name_ = token.text;
      return JsonNext::kContinue;
    }
    return inside(token);
  }

 protected:
  // A token of the value of member `name()`.
  virtual JsonNext inside(const JsonToken& token) = 0;

  const std::string& name() const { return name_; }
  std::string_view input() const { return text_; }
  // The text of the value at `depth` that ends with this token; nothing if none does.
  std::string_view value_at(std::size_t depth, const JsonToken& token) {
    if (token.depth == depth && token.is_begin()) begin_[depth] = token.begin;
    if (!token.ends_value(depth)) return {};
    const auto begin = token.is_end() ? begin_[depth] : token.begin;
    return text_.substr(begin, token.end - begin);
  }

 private:
  std::string_view text_;
  std::string name_;
  std::uint64_t begin_[3] = {};  // of the open array or object at a depth
};

// Finds metadata.managedFields of an object while its tokens pass by, from the key to the end of the value.
class ManagedFields {
 public:
  // The members of the object have the given depth.
  explicit ManagedFields(std::size_t depth) : depth_(depth) {}

  void restart() { end_ = 0; }
  void see(const JsonToken& token) {
    if (token.kind == Kind::kKey && token.depth == depth_) {
      in_metadata_ = token.text == "metadata";
    } else if (token.depth == depth_ + 1 && in_metadata_) {
      if (token.kind == Kind::kKey) {
        wanted_ = token.text == "managedFields";
        if (wanted_) begin_ = token.begin;
      } else if (wanted_ && token.ends_value(depth_ + 1)) {
        end_ = token.end;
        wanted_ = false;
      }
    }
  }
  // `object`, a part of `input`, without the member.
  ObjectText cut(std::string_view input, std::string_view object) const {
    if (end_ == 0) return {object};
    const auto offset = static_cast<std::size_t>(object.data() - input.data());
    std::size_t begin = begin_ - offset;
    std::size_t end = end_ - offset;
    // One comma goes with the member.
    if (object[end] == ',') {
      ++end;
    } else if (object[begin - 1] == ',') {
      --begin;
    } else if (object[begin - 1] != '{' || object[end] != '}') {
      return {object};  // there is white space, which the API server does not write: nothing is cut
    }
    return {object.substr(0, begin), object.substr(end)};
  }

 private:
  std::size_t depth_;
  bool in_metadata_ = false;
  bool wanted_ = false;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

class ListReader final : public Members {
 public:
  using Members::Members;

  bool items_seen() const { return items_seen_; }
  ListText take() { return std::move(list_); }

 private:
  JsonNext inside(const JsonToken& token) override {
    if (name() == "items") return take_item(token);
    if (name() != "metadata") return JsonNext::kContinue;
    const std::string_view value = value_at(1, token);
    if (value.empty()) return JsonNext::kContinue;
    const auto parsed = base::parse_json(value);
    if (!parsed || !parsed->is_object()) return JsonNext::kStop;
    list_.meta = {text_or_empty(*parsed, "resourceVersion"), text_or_empty(*parsed, "continue")};
    return JsonNext::kContinue;
  }
  JsonNext take_item(const JsonToken& token) {
    if (token.depth == 1) {
      items_seen_ = true;
      const bool is_list =
          token.kind == Kind::kBeginArray || token.kind == Kind::kEndArray || token.kind == Kind::kNull;
      return is_list ? JsonNext::kContinue : JsonNext::kStop;
    }
    managed_fields_.see(token);
    if (const std::string_view item = value_at(2, token); !item.empty()) {
      list_.items.push_back(managed_fields_.cut(input(), item));
      managed_fields_.restart();
    }
    return JsonNext::kContinue;
  }

  ListText list_;
  bool items_seen_ = false;
  ManagedFields managed_fields_{3};
};

class EventReader final : public Members {
 public:
  using Members::Members;

  EventText take(std::string& scratch) {
    event_.object = managed_fields_.cut(input(), event_.object).join(scratch);
    return std::move(event_);
  }

 private:
  JsonNext inside(const JsonToken& token) override {
    const std::string_view value = value_at(1, token);
    if (name() == "type" && token.depth == 1 && token.kind == Kind::kString) event_.type = token.text;
    if (name() != "object") return JsonNext::kContinue;
    managed_fields_.see(token);
    if (!value.empty()) event_.object = value;
    return JsonNext::kContinue;
  }

  EventText event_;
  ManagedFields managed_fields_{2};
};

// Passes on the tokens of what is read. `spec` and `metadata` are at depth 1, their members at depth 2.
class ObjectReader final : public base::JsonHandler {
 public:
  explicit ObjectReader(std::string_view spec_member) : spec_member_(spec_member) {}

  JsonNext token(const JsonToken& token) override {
    if (token.kind == Kind::kKey && token.depth == 1) {
      in_metadata_ = token.text == "metadata";
      in_spec_ = token.text == "spec";
    }
    if (skips_) {
      skips_ = !token.ends_value(2);
      return JsonNext::kContinue;
    }
    skips_ = token.kind == Kind::kKey && token.depth == 2 && is_unread(token.text);
    return skips_ ? JsonNext::kContinue : tree_.token(token);
  }

  nlohmann::json take() { return tree_.take(); }

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

constexpr base::JsonOptions kObjectOptions{
    .limits = {.depth = base::JsonOptions::kNoLimit, .elements = base::JsonOptions::kNoLimit}, .strict_keys = false};

}  // namespace

Result<nlohmann::json, std::string> parse_object(std::string_view text, std::string_view spec_member) {
  ObjectReader reader(spec_member);
  if (const auto read = base::read_json(text, reader, kObjectOptions); !read) {
    return Failure("the object is not JSON near byte " + std::to_string(read.error().offset));
  }
  return reader.take();
}

std::string_view ObjectText::join(std::string& scratch) const {
  if (after.empty()) return before;
  scratch.assign(before).append(after);
  return scratch;
}

Result<ListText, std::string> cut_list(std::string_view list) {
  ListReader reader(list);
  if (const auto read = base::read_json(list, reader, kOptions); !read) {
    return Failure("the list is not JSON near byte " + std::to_string(read.error().offset));
  }
  ListText parts = reader.take();
  if (!reader.items_seen() || parts.meta.resource_version.empty()) return Failure("the answer is not a list");
  return parts;
}

Result<EventText, std::string> cut_event(std::string_view line, std::string& scratch) {
  EventReader reader(line);
  if (!base::read_json(line, reader, kOptions)) return Failure("the line is not a JSON object");
  EventText event = reader.take(scratch);
  if (event.type.empty() || event.object.empty() || event.object.front() != '{') {
    return Failure("the line is not a watch event");
  }
  return event;
}

}  // namespace vbrain::kube

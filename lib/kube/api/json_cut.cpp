#include "kube/api/json_cut.hpp"

#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

namespace vbrain::kube {
namespace {

using Failure = tl::unexpected<std::string>;

// Walks over JSON text; every member leaves the position behind what it read. Only what is needed to find the ends
// of values is checked.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::size_t position() const { return at_; }
  std::string_view since(std::size_t begin) const { return text_.substr(begin, at_ - begin); }

  // The next character that is not white space; 0 at the end.
  char peek() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char wanted) {
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }

  // The bytes between the quotes, escapes left as they are.
  std::optional<std::string_view> take_string() {
    if (!take('"')) return std::nullopt;
    const std::size_t begin = at_;
    if (!skip_to_quote()) return std::nullopt;
    const std::string_view inside = text_.substr(begin, at_ - begin);
    ++at_;
    return inside;
  }

  std::optional<std::string_view> take_value() {
    const char first = peek();
    const std::size_t begin = at_;
    const bool found = first == '"'                   ? take_string().has_value()
                       : first == '{' || first == '[' ? skip_nested()
                                                      : skip_scalar();
    if (!found) return std::nullopt;
    return since(begin);
  }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

  bool skip_to_quote() {
    while (true) {
      const void* quote = at_ < text_.size() ? std::memchr(text_.data() + at_, '"', text_.size() - at_) : nullptr;
      if (quote == nullptr) return false;
      const std::size_t end = static_cast<std::size_t>(static_cast<const char*>(quote) - text_.data());
      std::size_t backslashes = 0;
      while (end - backslashes > at_ && text_[end - backslashes - 1] == '\\') ++backslashes;
      at_ = end;
      if (backslashes % 2 == 0) return true;
      ++at_;
    }
  }

  bool skip_nested() {
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') {
        if (!skip_to_quote()) return false;
        ++at_;
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if ((c == '}' || c == ']') && --depth == 0) {
        return true;
      }
    }
    return false;
  }

  bool skip_scalar() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && !is_space(text_[at_]) && text_[at_] != ',' && text_[at_] != '}' && text_[at_] != ']') {
      ++at_;
    }
    return at_ > begin;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Calls `use(key, scanner)` for every member of the object the scanner stands at; `use` takes the value. False if the
// text is no object or `use` said so.
template <class Use>
bool each_member(Scanner& scanner, const Use& use) {
  if (!scanner.take('{')) return false;
  if (scanner.take('}')) return true;
  while (true) {
    const auto key = scanner.take_string();
    if (!key || !scanner.take(':') || !use(*key, scanner)) return false;
    if (scanner.take('}')) return true;
    if (!scanner.take(',')) return false;
  }
}

bool each_element(Scanner& scanner, const std::function<void(std::string_view)>& use) {
  if (!scanner.take('[')) return scanner.take_value() == "null";
  if (scanner.take(']')) return true;
  while (true) {
    const auto value = scanner.take_value();
    if (!value) return false;
    use(*value);
    if (scanner.take(']')) return true;
    if (!scanner.take(',')) return false;
  }
}

std::string text_of(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Result<ListMeta, std::string> for_each_item(std::string_view list, const std::function<void(std::string_view)>& use) {
  Scanner scanner(list);
  ListMeta meta;
  bool items_seen = false;
  const bool complete = each_member(scanner, [&](std::string_view key, Scanner& at) {
    if (key == "items") {
      items_seen = true;
      return each_element(at, use);
    }
    const auto value = at.take_value();
    if (!value) return false;
    if (key == "metadata") {
      const auto parsed = nlohmann::json::parse(*value, nullptr, false);
      if (!parsed.is_object()) return false;
      meta = {text_of(parsed, "resourceVersion"), text_of(parsed, "continue")};
    }
    return true;
  });
  if (!complete) return Failure("the list is no JSON near byte " + std::to_string(scanner.position()));
  if (!items_seen || meta.resource_version.empty()) return Failure("the answer is no list");
  return meta;
}

Result<EventText, std::string> cut_event(std::string_view line) {
  Scanner scanner(line);
  EventText event;
  const bool complete = each_member(scanner, [&](std::string_view key, Scanner& at) {
    const auto value = at.take_value();
    if (!value) return false;
    if (key == "type" && value->size() >= 2) event.type = std::string(value->substr(1, value->size() - 2));
    if (key == "object") event.object = *value;
    return true;
  });
  if (!complete) return Failure("the line is no JSON object");
  if (event.type.empty() || event.object.empty() || event.object.front() != '{') {
    return Failure("the line is no watch event");
  }
  return event;
}

std::string_view without_managed_fields(std::string_view object, std::string& scratch) {
  Scanner scanner(object);
  std::string_view cut;
  // The range starts behind what precedes the key and ends before what follows the value; one comma goes with it.
  const bool complete = each_member(scanner, [&](std::string_view key, Scanner& at) {
    if (key != "metadata" || at.peek() != '{') return at.take_value().has_value();
    return each_member(at, [&](std::string_view inner, Scanner& inside) {
      if (!inside.take_value()) return false;
      if (inner == "managedFields") {
        const char* begin = inner.data() - 1;
        cut = {begin, static_cast<std::size_t>(object.data() + inside.position() - begin)};
      }
      return true;
    });
  });
  if (!complete || cut.empty()) return object;
  auto begin = static_cast<std::size_t>(cut.data() - object.data());
  std::size_t end = begin + cut.size();
  if (end < object.size() && object[end] == ',') {
    ++end;
  } else if (begin > 0 && object[begin - 1] == ',') {
    --begin;
  } else if (object[begin - 1] != '{' || end >= object.size() || object[end] != '}') {
    return object;  // written with white space, which the API server does not do: nothing is cut
  }
  scratch.assign(object.substr(0, begin));
  scratch.append(object.substr(end));
  return scratch;
}

}  // namespace vbrain::kube

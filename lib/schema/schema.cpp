#include "schema/schema.hpp"

#include <nlohmann/json.hpp>
#include <optional>

#include "base/json/json.hpp"
#include "base/lru_cache.hpp"
#include "schema/checker.hpp"
#include "schema/compiler.hpp"
#include "schema/defaults.hpp"

namespace vbrain::schema {
namespace {

using nlohmann::json;

// The cache holds this much, by the size of the texts. A usual schema takes 20 times its text, one of empty subschemas
// 150 times.
constexpr std::size_t kCacheBytes = 1536U << 10;

Violations of_whole(std::string message) {
  Violations violations;
  violations.list.push_back({"", std::move(message)});
  return violations;
}

// Reads a text that is to be checked.
Result<json, Violations> read(std::string_view text) {
  if (text.size() > kCheckedLimit) {
    return Unexpected<Violations>(of_whole("is too large to be checked against the schema: more than " +
                                           std::to_string(kCheckedLimit >> 20) + " MiB"));
  }
  auto tree = base::parse_json(text, {.elements = kMostCheckedValues});
  if (!tree) return Unexpected<Violations>(of_whole("can't be checked against the schema: " + tree.error()));
  return std::move(*tree);
}

}  // namespace

std::string in_words(const Violations& violations, std::size_t limit) {
  std::string text;
  std::size_t told = 0;
  for (const Violation& violation : violations.list) {
    const std::string words = (violation.pointer.empty() ? "" : violation.pointer + ": ") + violation.message;
    if (told > 0 && text.size() + words.size() + 2 > limit) break;
    text += (told == 0 ? "" : "; ") + words;
    ++told;
  }
  const std::size_t rest = violations.list.size() - told + violations.more;
  return rest == 0 ? text : text + "; and " + std::to_string(rest) + " more";
}

void Work::exhaust() {
  left_ = 0;
  throw Exhausted();
}

Schema::Schema(std::unique_ptr<Document> document) : document_(std::move(document)) {}

Schema::~Schema() = default;

Compiled Schema::compile(std::string_view text) {
  if (text.size() > kSchemaLimit) {
    return Unexpected<std::string>("the schema has more than " + std::to_string(kSchemaLimit >> 10) + " KiB");
  }
  auto tree = base::parse_json(text);
  if (!tree) return Unexpected<std::string>("the schema can't be read: " + tree.error());
  auto document = std::make_unique<Document>();
  document->json = std::move(*tree);
  if (auto fault = schema::compile(*document)) return Unexpected<std::string>(std::move(*fault));
  return std::shared_ptr<const Schema>(new Schema(std::move(document)));
}

Violations Schema::check(const json& value, Work& work) const {
  return check_value(document_->nodes.front(), value, work);
}

Violations Schema::check_text(std::string_view text, Work& work) const {
  const auto tree = read(text);
  return tree ? check(*tree, work) : tree.error();
}

Result<std::string, Violations> Schema::complete(std::string text, Work& work) const {
  auto tree = read(text);
  if (!tree) return Unexpected<Violations>(std::move(tree.error()));
  try {
    const Additions additions = add_defaults(document_->nodes.front(), *tree, work);
    text = add_to_text(std::move(text), additions);
  } catch (const Work::Exhausted&) {
    // The check says it.
  }
  Violations violations = check(*tree, work);
  if (!violations.empty()) return Unexpected<Violations>(std::move(violations));
  return text;
}

std::shared_ptr<const Compiled> compiled(const std::string& text) {
  static base::LruCache<Compiled> cache(kCacheBytes);
  if (auto known = cache.find(text)) return known;
  auto made = std::make_shared<const Compiled>(Schema::compile(text));
  cache.put(text, made, text.size() + 1'000);
  return made;
}

}  // namespace vbrain::schema

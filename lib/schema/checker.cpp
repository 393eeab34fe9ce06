#include "schema/checker.hpp"

#include <algorithm>
#include <optional>
#include <unordered_set>

#include "schema/findings.hpp"
#include "schema/values/numbers.hpp"
#include "schema/values/words.hpp"

namespace vbrain::schema {
namespace {

using nlohmann::json;

// Schemas within schemas that are applied at one time. A value has 64 levels.
constexpr std::size_t kMostFrames = 300;

// Pointer and message of a violation have some hundred bytes.
constexpr std::uint64_t kWorkOfWords = 50;

std::uint64_t count_characters(std::string_view text) {
  return static_cast<std::uint64_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

// Applies schemas to values. With Findings all violations are collected; without (null) the first one ends it.
class Checker {
 public:
  explicit Checker(Work& work) : work_(work) {}

  bool check(const Node& schema, const json& value, const Path& path, Findings* findings) {
    const Node* node = &schema;
    work_.take(1);
    for (; node->reference != nullptr; node = node->reference) work_.take(1);
    if (node->verdict) {
      return *node->verdict || wrong(findings, path, Kind::kOther, [] { return std::string("is not allowed"); });
    }
    if (frames_ == kMostFrames) throw Work::Exhausted();
    ++frames_;
    const bool good = check_all(*node, value, path, findings);
    --frames_;
    return good;
  }

 private:
  bool check_all(const Node& node, const json& value, const Path& path, Findings* findings) {
    bool good = check_any_value(node, value, path, findings);
    const auto go_on = [&] { return good || findings != nullptr; };
    if (go_on() && value.is_number()) good = check_number(node, value, path, findings) && good;
    if (go_on() && value.is_string()) good = check_string(node, value, path, findings) && good;
    if (go_on() && value.is_array()) good = check_array(node, value, path, findings) && good;
    if (go_on() && value.is_object()) good = check_object(node, value, path, findings) && good;
    if (go_on()) good = check_combinations(node, value, path, findings) && good;
    return good;
  }

  // False, and a violation is noted. `words()` makes its message.
  template <class F>
  bool wrong(Findings* findings, const Path& path, Kind kind, const F& words) {
    if (findings == nullptr) return false;
    // So the work also limits the memory of all that is found on the way.
    work_.take(findings->is_full() ? 1 : kWorkOfWords);
    findings->add(path, kind, words());
    return false;
  }

  bool check_any_value(const Node& node, const json& value, const Path& path, Findings* findings) {
    bool good = true;
    if (node.types != 0 && (node.types & types_of(value)) == 0) {
      good = wrong(findings, path, Kind::kType, [&] { return is_not(name_types(node.types), value); });
      if (findings != nullptr) findings->note_types(path, node.types);
    }
    // Of other values the type alone, or some bytes, are compared.
    const bool may_be_large = value.is_structured() || value.is_string();
    if (node.enumeration != nullptr) {
      work_.take(node.enumeration->size() + (may_be_large ? node.enumeration_work : 0));
      const bool known = std::ranges::any_of(*node.enumeration, [&](const json& one) { return one == value; });
      if (!known) {
        good = wrong(findings, path, Kind::kValue, [&] {
          const bool one = node.enumeration->size() == 1;
          return (one ? "must be " : "must be one of ") + show_list(*node.enumeration);
        });
      }
    }
    if (node.constant != nullptr && may_be_large) work_.take(node.constant_work);
    if (node.constant != nullptr && *node.constant != value) {
      good = wrong(findings, path, Kind::kValue, [&] { return "must be " + show(*node.constant, 200); });
    }
    return good;
  }

  static std::string is_not(const std::string& wanted, const json& value) {
    const bool is_shown = value.is_number() && wanted.find("integer") != std::string::npos;
    return "must be " + wanted + ", is " + (is_shown ? show(value) : std::string(name_type(value)));
  }

  bool check_number(const Node& node, const json& value, const Path& path, Findings* findings) {
    bool good = true;
    const auto must_be = [&](std::string_view words, const json& limit) {
      good = wrong(findings, path, Kind::kOther,
                   [&] { return "must be " + std::string(words) + " " + show(limit) + ", is " + show(value); });
    };
    if (node.minimum != nullptr && less(value, *node.minimum)) must_be("at least", *node.minimum);
    if (node.maximum != nullptr && less(*node.maximum, value)) must_be("at most", *node.maximum);
    if (node.above != nullptr && !less(*node.above, value)) must_be("more than", *node.above);
    if (node.below != nullptr && !less(value, *node.below)) must_be("less than", *node.below);
    if (node.multiple_of != nullptr && !is_multiple(value, *node.multiple_of)) {
      must_be("a multiple of", *node.multiple_of);
    }
    return good;
  }

  // `good` becomes false if `count` is outside of the limits.
  void check_count(bool& good, std::uint64_t count, const std::optional<std::uint64_t>& least,
                   const std::optional<std::uint64_t>& most, std::string_view one, std::string_view many,
                   const Path& path, Findings* findings) {
    const auto must_have = [&](std::string_view words, std::uint64_t limit) {
      good = wrong(findings, path, Kind::kOther, [&] {
        return "must have " + std::string(words) + " " + count_of(limit, one, many) + ", has " + std::to_string(count);
      });
    };
    if (least && count < *least) must_have("at least", *least);
    if (most && count > *most) must_have("at most", *most);
  }

  bool check_string(const Node& node, const json& value, const Path& path, Findings* findings) {
    bool good = true;
    const auto& text = value.get_ref<const std::string&>();
    if (node.min_length || node.max_length) {
      work_.take(text.size() / 64);
      check_count(good, count_characters(text), node.min_length, node.max_length, "character", "characters", path,
                  findings);
    }
    if (node.pattern != nullptr) {
      work_.take(node.pattern->cost(text.size()));
      if (!node.pattern->matches(text)) {
        good = wrong(findings, path, Kind::kOther,
                     [&] { return "must match the regular expression " + cut_text(node.pattern->text(), 100); });
      }
    }
    if (node.format != nullptr && !node.format->fits(text)) {
      good = wrong(findings, path, Kind::kOther, [&] { return "must be " + std::string(node.format->words); });
    }
    return good;
  }

  bool check_array(const Node& node, const json& value, const Path& path, Findings* findings) {
    bool good = true;
    check_count(good, value.size(), node.min_items, node.max_items, "element", "elements", path, findings);
    for (std::size_t i = 0; i < value.size(); ++i) {
      const Node* schema = i < node.tuple.size() ? node.tuple[i] : nullptr;
      if (schema == nullptr) schema = node.items != nullptr ? node.items : node.additional_items;
      if (schema == nullptr) break;
      const Path at(path, i);
      if (schema->verdict == false) {
        good = wrong(findings, at, Kind::kOther,
                     [&] { return "is not allowed: at most " + count_of(node.tuple.size(), "element", "elements"); });
      } else {
        good = check(*schema, value[i], at, findings) && good;
      }
      if (!good && findings == nullptr) return false;
    }
    if (node.contains != nullptr) {
      const bool found =
          std::ranges::any_of(value, [&](const json& one) { return check(*node.contains, one, path, nullptr); });
      if (!found) {
        good = wrong(findings, path, Kind::kOther,
                     [] { return std::string("must have an element that matches `contains` of the schema"); });
      }
    }
    if (node.unique && (good || findings != nullptr)) good = check_unique(value, path, findings) && good;
    return good;
  }

  // By a text of each element, because an order of all JSON values that is right for all numbers is difficult.
  bool check_unique(const json& value, const Path& path, Findings* findings) {
    std::unordered_set<std::string> seen;
    for (std::size_t i = 0; i < value.size(); ++i) {
      std::string text = canonical(value[i]);
      work_.take(1 + text.size() / 16);
      if (seen.insert(std::move(text)).second) continue;
      return wrong(findings, Path(path, i), Kind::kOther,
                   [] { return std::string("is there twice, and all elements must be different"); });
    }
    return true;
  }

  bool check_object(const Node& node, const json& value, const Path& path, Findings* findings) {
    bool good = true;
    work_.take(node.required.size());
    for (const std::string& name : node.required) {
      if (value.contains(name)) continue;
      good = wrong(findings, Path(path, name), Kind::kOther, [] { return std::string("is missing"); });
      if (findings == nullptr) return false;
    }
    check_count(good, value.size(), node.min_properties, node.max_properties, "member", "members", path, findings);
    for (auto member = value.begin(); member != value.end(); ++member) {
      if (!good && findings == nullptr) return false;
      good = check_member(node, member.key(), *member, path, findings) && good;
    }
    for (const Node::Dependency& dependency : node.dependencies) {
      work_.take(1 + dependency.required.size());
      if (!value.contains(dependency.member)) continue;
      for (const std::string& name : dependency.required) {
        if (value.contains(name)) continue;
        good = wrong(findings, Path(path, name), Kind::kOther,
                     [&] { return "is missing, because " + show(json(dependency.member)) + " is there"; });
      }
      if (dependency.schema != nullptr) good = check(*dependency.schema, value, path, findings) && good;
    }
    return good;
  }

  bool check_member(const Node& node, const std::string& name, const json& value, const Path& path,
                    Findings* findings) {
    bool good = true;
    bool known = false;
    const Path at(path, name);
    if (const auto property = node.properties.find(name); property != node.properties.end()) {
      known = true;
      good = check(*property->second, value, at, findings);
    }
    for (const auto& [pattern, schema] : node.pattern_properties) {
      work_.take(pattern->cost(name.size()));
      if (!pattern->matches(name)) continue;
      known = true;
      good = check(*schema, value, at, findings) && good;
    }
    if (!known && node.additional_properties != nullptr) {
      if (node.additional_properties->verdict == false) {
        good = wrong(findings, at, Kind::kOther, [&] {
          const bool none = node.known_properties == nullptr || node.known_properties->empty();
          return "is not known; " + (none ? std::string("nothing is") : "known: " + show_list(*node.known_properties));
        });
      } else {
        good = check(*node.additional_properties, value, at, findings) && good;
      }
    }
    if (node.names != nullptr) {
      Findings of_name;
      if (!check(*node.names, json(name), path, findings == nullptr ? nullptr : &of_name)) {
        good =
            wrong(findings, at, Kind::kOther, [&] { return "has a name that is wrong: " + of_name.first_message(); });
      }
    }
    return good;
  }

  bool check_combinations(const Node& node, const json& value, const Path& path, Findings* findings) {
    bool good = true;
    for (const Node* one : node.all_of) {
      good = check(*one, value, path, findings) && good;
      if (!good && findings == nullptr) return false;
    }
    if (!node.any_of.empty()) good = check_any_of(node, value, path, findings) && good;
    if (!node.one_of.empty()) good = check_one_of(node, value, path, findings) && good;
    if (node.not_of != nullptr && check(*node.not_of, value, path, nullptr)) {
      good = wrong(findings, path, Kind::kOther,
                   [] { return std::string("must not match the schema in `not`, and does"); });
    }
    if (node.condition != nullptr) {
      const Node* then = check(*node.condition, value, path, nullptr) ? node.consequence : node.alternative;
      if (then != nullptr) good = check(*then, value, path, findings) && good;
    }
    return good;
  }

  bool check_any_of(const Node& node, const json& value, const Path& path, Findings* findings) {
    std::vector<Findings> tries;
    for (const Node* one : node.any_of) {
      Findings of_this;
      if (check(*one, value, path, findings == nullptr ? nullptr : &of_this)) return true;
      if (findings != nullptr) tries.push_back(std::move(of_this));
    }
    if (findings != nullptr) findings->add_nearest(path, tries, value);
    return false;
  }

  bool check_one_of(const Node& node, const json& value, const Path& path, Findings* findings) {
    std::vector<Findings> tries;
    std::size_t matches = 0;
    for (const Node* one : node.one_of) {
      Findings of_this;
      if (check(*one, value, path, findings == nullptr ? nullptr : &of_this)) {
        ++matches;
      } else if (findings != nullptr) {
        tries.push_back(std::move(of_this));
      }
    }
    if (matches == 1) return true;
    if (matches > 1) {
      return wrong(findings, path, Kind::kOther, [&] {
        return "must match exactly one of the " + std::to_string(node.one_of.size()) +
               " alternatives of the schema, matches " + std::to_string(matches);
      });
    }
    if (findings != nullptr) findings->add_nearest(path, tries, value);
    return false;
  }

  Work& work_;
  std::size_t frames_ = 0;
};

}  // namespace

Violations check_value(const Node& node, const json& value, Work& work) {
  Findings findings;
  const Path top;
  try {
    Checker(work).check(node, value, top, &findings);
  } catch (const Work::Exhausted&) {
    Violations violations = findings.take();
    violations.list.insert(violations.list.begin(),
                           {"",
                            "takes too much work to be checked against the schema; send less at a time, or ask the "
                            "author of the application for a simpler schema"});
    return violations;
  }
  return findings.take();
}

}  // namespace vbrain::schema

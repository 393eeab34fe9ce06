#include "base/json.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

namespace vbrain::base {
namespace {

using nlohmann::json;

// The longest double written out in full, with room. More digits only cost time in every reader that follows.
constexpr std::size_t kLongestNumber = 1100;

// Checks without a tree: nlohmann's own parser takes any depth and keeps the last of two equal keys.
class LimitCheck final : public nlohmann::json_sax<json> {
 public:
  explicit LimitCheck(const JsonLimits& limits) : limits_(limits) {}

  const std::string& error() const { return error_; }

  bool null() override { return count(); }
  bool boolean(bool) override { return count(); }
  bool number_integer(number_integer_t) override { return count(); }
  bool number_unsigned(number_unsigned_t) override { return count(); }
  // A number of more than 20 digits comes here too, whole or not.
  bool number_float(number_float_t value, const string_t& text) override {
    if (text.size() > kLongestNumber) return refuse("number too long");
    return std::isfinite(value) ? count() : refuse("number out of range");
  }
  bool string(string_t&) override { return count(); }
  bool binary(binary_t&) override { return refuse("binary value"); }
  bool start_object(std::size_t) override {
    objects_.push_back({keys_.size(), letters_.size()});
    return open();
  }
  bool key(string_t& name) override {
    if (name.find('\0') != string_t::npos) return refuse("NUL in a key");
    keys_.push_back({letters_.size(), name.size()});
    letters_ += name;
    return true;
  }
  bool end_object() override {
    const auto [first_key, first_letter] = objects_.back();
    objects_.pop_back();
    const auto text = [this](const Key& key) { return std::string_view(letters_).substr(key.at, key.size); };
    const auto begin = keys_.begin() + static_cast<std::ptrdiff_t>(first_key);
    std::ranges::sort(begin, keys_.end(), {}, text);
    if (std::ranges::adjacent_find(begin, keys_.end(), {}, text) != keys_.end()) return refuse("duplicate key");
    keys_.erase(begin, keys_.end());
    letters_.resize(first_letter);
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override { return open(); }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& problem) override {
    // 406 is nlohmann's out_of_range for numbers; the rest are syntax errors.
    return refuse(problem.id == 406 ? "number out of range" : "syntax error at byte " + std::to_string(position));
  }

 private:
  bool open() {
    if (++depth_ > limits_.depth) return refuse("nested deeper than " + std::to_string(limits_.depth));
    return count();
  }
  bool count() {
    if (++elements_ > limits_.elements) return refuse("more than " + std::to_string(limits_.elements) + " values");
    return true;
  }
  bool refuse(std::string why) {
    if (error_.empty()) error_ = std::move(why);
    return false;
  }

  const JsonLimits& limits_;
  std::size_t depth_ = 0;
  std::size_t elements_ = 0;
  // The keys of all open objects, in little memory: strangers choose how many there are.
  struct Key {
    std::size_t at;
    std::size_t size;
  };
  struct Open {
    std::size_t first_key;
    std::size_t first_letter;
  };
  std::string letters_;
  std::vector<Key> keys_;
  std::vector<Open> objects_;
  std::string error_;
};

}  // namespace

Result<void, std::string> check_json(std::string_view text, const JsonLimits& limits) {
  // nlohmann's parser takes it for the end of the text, whatever follows.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    return Unexpected<std::string>("syntax error at byte " + std::to_string(nul + 1));
  }
  LimitCheck check(limits);
  if (json::sax_parse(text.begin(), text.end(), &check)) return {};
  return Unexpected<std::string>(check.error().empty() ? "not JSON" : check.error());
}

Result<json, std::string> parse_json(std::string_view text, const JsonLimits& limits) {
  if (auto checked = check_json(text, limits); !checked) return Unexpected<std::string>(std::move(checked.error()));
  return json::parse(text.begin(), text.end());
}

std::string quote_json(std::string_view text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace vbrain::base

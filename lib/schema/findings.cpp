#include "schema/findings.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "schema/values/words.hpp"

namespace vbrain::schema {
namespace {

constexpr std::size_t kLongestPointer = 1'000;  // bytes

}  // namespace

std::string Path::pointer() const {
  std::vector<const Path*> steps;
  for (const Path* at = this; at->up_ != nullptr; at = at->up_) steps.push_back(at);
  std::string text;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    text += (*step)->is_index_ ? "/" + std::to_string((*step)->index_) : pointer_part((*step)->key_);
  }
  return cut_text(std::move(text), kLongestPointer);
}

void Findings::add(const Path& path, Kind kind, std::string message) {
  if (kind == Kind::kType) type_depth_ = std::min(type_depth_, path.depth());
  if (kind == Kind::kValue) value_depth_ = std::min(value_depth_, path.depth());
  if (is_full()) {
    ++found_.more;
    return;
  }
  Violation violation{path.pointer(), std::move(message)};
  // Two parts of a schema may say the same.
  if (std::ranges::find(found_.list, violation) == found_.list.end()) found_.list.push_back(std::move(violation));
}

void Findings::note_types(const Path& path, unsigned types) {
  if (path.depth() == type_depth_) types_ |= types;
}

void Findings::merge(Findings& other) {
  type_depth_ = std::min(type_depth_, other.type_depth_);
  value_depth_ = std::min(value_depth_, other.value_depth_);
  found_.more += other.found_.more;
  for (Violation& violation : other.found_.list) {
    if (is_full()) {
      ++found_.more;
    } else if (std::ranges::find(found_.list, violation) == found_.list.end()) {
      found_.list.push_back(std::move(violation));
    }
  }
}

void Findings::add_nearest(const Path& path, std::vector<Findings>& tries, const nlohmann::json& value) {
  const std::size_t here = path.depth();
  std::vector<Findings*> fitting;
  unsigned types = 0;
  for (Findings& one : tries) {
    if (one.type_depth_ == here) {
      types |= one.types_;
    } else {
      fitting.push_back(&one);
    }
  }
  // Alternatives often differ in a member with a fixed value.
  if (fitting.size() > 1) {
    std::vector<Findings*> named;
    for (Findings* one : fitting) {
      if (one->value_depth_ > here + 1) named.push_back(one);
    }
    if (named.size() == 1) fitting = named;
  }
  if (fitting.size() == 1) return merge(*fitting.front());
  if (fitting.empty() && types != 0) {
    add(path, Kind::kType, "must be " + name_types(types) + ", is " + std::string(name_type(value)));
    return note_types(path, types);
  }
  std::string words = "matches none of the " + std::to_string(tries.size()) + " alternatives of the schema";
  for (std::size_t i = 0; i < std::min<std::size_t>(fitting.size(), 3); ++i) {
    const Violation& first = fitting[i]->found_.list.front();
    words += (i == 0 ? ": " : "; or ") + (first.pointer == path.pointer() ? "" : cut_text(first.pointer, 100) + " ") +
             cut_text(first.message, 100);
  }
  add(path, Kind::kOther, std::move(words));
}

}  // namespace vbrain::schema

#include "support/netfs/faults.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <map>
#include <sstream>
#include <thread>

namespace vbrain::netfs {
namespace {

constexpr std::array kOperations = {"lookup", "getattr", "setattr", "readlink", "mknod",   "mkdir",    "unlink",
                                    "rmdir",  "symlink", "rename",  "link",     "open",    "create",   "read",
                                    "write",  "flush",   "fsync",   "opendir",  "readdir", "fsyncdir", "statfs"};

const std::map<std::string, int, std::less<>> kErrors = {
    {"EACCES", EACCES},       {"EBUSY", EBUSY},         {"EDQUOT", EDQUOT},
    {"EEXIST", EEXIST},       {"EINTR", EINTR},         {"EIO", EIO},
    {"ENOENT", ENOENT},       {"ENOSPC", ENOSPC},       {"ENOTCONN", ENOTCONN},
    {"ENOTEMPTY", ENOTEMPTY}, {"EPERM", EPERM},         {"EROFS", EROFS},
    {"EREMOTEIO", EREMOTEIO}, {"ETIMEDOUT", ETIMEDOUT}, {"ESTALE", ESTALE}};

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// The value of "name=value"; nothing if the word has another name.
std::optional<std::string_view> value_of(std::string_view word, std::string_view name) {
  if (!word.starts_with(name) || word.size() <= name.size() || word[name.size()] != '=') return std::nullopt;
  return word.substr(name.size() + 1);
}

bool read_action(std::string_view word, Rule& rule) {
  if (word == "hang" || word == "stick") {
    rule.action = word == "hang" ? Rule::Action::kHang : Rule::Action::kStick;
    return true;
  }
  if (const auto error = value_of(word, "error")) {
    const auto found = kErrors.find(*error);
    if (found == kErrors.end()) return false;
    rule.action = Rule::Action::kError;
    rule.error = found->second;
    return true;
  }
  const auto delay = value_of(word, "delay");
  const auto milliseconds = delay ? number_of<int>(*delay) : std::nullopt;
  if (!milliseconds) return false;
  rule.action = Rule::Action::kDelay;
  rule.milliseconds = *milliseconds;
  return true;
}

bool read_operations(const std::string& word, Rule& rule) {
  if (word == "*") return true;
  std::istringstream names(word);
  for (std::string name; std::getline(names, name, ',');) {
    if (std::ranges::find(kOperations, name) == kOperations.end()) return false;
    rule.operations.push_back(name);
  }
  return !rule.operations.empty();
}

bool read_condition(std::string_view word, Rule& rule) {
  if (const auto times = value_of(word, "times")) return (rule.times = number_of<std::uint64_t>(*times)).has_value();
  if (const auto pid = value_of(word, "pid")) return (rule.pid = number_of<pid_t>(*pid)).has_value();
  const auto skip = value_of(word, "skip");
  const auto calls = skip ? number_of<std::uint64_t>(*skip) : std::nullopt;
  if (calls) rule.skip = *calls;
  return calls.has_value();
}

bool path_matches(const std::string& pattern, const std::string& path) {
  return fnmatch(pattern.c_str(), path.c_str(), FNM_LEADING_DIR | FNM_NOESCAPE) == 0;
}

}  // namespace

std::optional<Rule> parse_rule(const std::string& line) {
  std::istringstream words(line);
  std::string action, operations;
  Rule rule;
  if (!(words >> action >> operations >> rule.pattern)) return std::nullopt;
  if (!read_action(action, rule) || !read_operations(operations, rule)) return std::nullopt;
  for (std::string word; words >> word;) {
    if (!read_condition(word, rule)) return std::nullopt;
  }
  return rule;
}

bool matches(const Rule& rule, const Call& call) {
  if (rule.pid && *rule.pid != call.pid) return false;
  if (!rule.operations.empty() && std::ranges::find(rule.operations, call.operation) == rule.operations.end()) {
    return false;
  }
  return path_matches(rule.pattern, call.path) || (call.other && path_matches(rule.pattern, *call.other));
}

int Faults::add(Rule rule) {
  const std::lock_guard lock(mutex_);
  active_.push_back({next_, std::move(rule)});
  return next_++;
}

bool Faults::remove(int number) {
  const std::lock_guard lock(mutex_);
  const auto removed = active_.remove_if([&](const Active& active) { return active.number == number; });
  changed_.notify_all();
  return removed != 0;
}

void Faults::clear() {
  const std::lock_guard lock(mutex_);
  active_.clear();
  changed_.notify_all();
}

std::optional<std::uint64_t> Faults::hits(int number) const {
  const std::lock_guard lock(mutex_);
  for (const Active& active : active_) {
    if (active.number == number) return active.hits;
  }
  return std::nullopt;
}

int Faults::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

std::vector<Faults::Hit> Faults::collect(const Call& call) {
  const std::lock_guard lock(mutex_);
  std::vector<Hit> hits;
  for (Active& active : active_) {
    if (!matches(active.rule, call)) continue;
    if (active.seen++ < active.rule.skip) continue;
    if (active.rule.times && active.hits >= *active.rule.times) continue;
    ++active.hits;
    hits.push_back({active.number, active.rule});
  }
  return hits;
}

bool Faults::is_active(int number) const {
  return std::ranges::any_of(active_, [&](const Active& active) { return active.number == number; });
}

int Faults::wait_while_active(const Hit& hit, const std::function<bool()>& killed) {
  std::unique_lock lock(mutex_);
  ++waiting_;
  int error = 0;
  while (is_active(hit.number)) {
    changed_.wait_for(lock, std::chrono::milliseconds(20));
    if (hit.rule.action != Rule::Action::kHang) continue;
    lock.unlock();
    const bool gone = killed();
    lock.lock();
    if (gone) {
      error = EINTR;
      break;
    }
  }
  --waiting_;
  return error;
}

int Faults::apply(const Call& call, const std::function<bool()>& killed) {
  for (const Hit& hit : collect(call)) {
    int error = 0;
    switch (hit.rule.action) {
      case Rule::Action::kError:
        error = hit.rule.error;
        break;
      case Rule::Action::kDelay:
        std::this_thread::sleep_for(std::chrono::milliseconds(hit.rule.milliseconds));
        break;
      case Rule::Action::kHang:
      case Rule::Action::kStick:
        error = wait_while_active(hit, killed);
        break;
    }
    if (error != 0) return error;
  }
  return 0;
}

}  // namespace vbrain::netfs

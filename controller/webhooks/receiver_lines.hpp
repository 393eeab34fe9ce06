#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace vbrain::controller {

// The jobs of one tenant that wait to be told, in a line for each receiver. Not thread-safe.
class ReceiverLines {
 public:
  // `first`: before those that were tried. `front`: before all.
  void add(const std::string& receiver, const std::string& job, bool first, bool front) {
    Line& line = lines_[receiver];
    if (front) {
      line.fresh.push_front(job);
    } else {
      (first ? line.fresh : line.tried).push_back(job);
    }
  }

  // The first job of the receiver that follows the one of the last call, of those that `is_free`; nothing: none.
  template <class IsFree>
  std::optional<std::string> take(const IsFree& is_free) {
    auto line = lines_.upper_bound(last_);
    for (std::size_t looked = 0; looked < lines_.size(); ++looked, ++line) {
      if (line == lines_.end()) line = lines_.begin();
      if (!is_free(line->first)) continue;
      std::deque<std::string>& jobs = line->second.fresh.empty() ? line->second.tried : line->second.fresh;
      std::string job = std::move(jobs.front());
      jobs.pop_front();
      last_ = line->first;
      if (line->second.fresh.empty() && line->second.tried.empty()) lines_.erase(line);
      return job;
    }
    return std::nullopt;
  }

 private:
  struct Line {
    std::deque<std::string> fresh;
    std::deque<std::string> tried;
  };
  std::map<std::string, Line> lines_;  // none is empty
  std::string last_;
};

}  // namespace vbrain::controller

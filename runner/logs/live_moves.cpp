#include "runner/logs/live_moves.hpp"

namespace vbrain::runner {
namespace {

bool has(const FilesByPath& files, const std::string& path, const FileIdentity& identity) {
  const auto found = files.find(path);
  return found != files.end() && found->second == identity;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> plan_moves(const FilesByPath& copies, const FilesByPath& sources) {
  std::map<FileIdentity, std::string> now;
  for (const auto& [path, identity] : sources) {
    if (!has(copies, path, identity)) now.emplace(identity, path);
  }
  std::map<std::string, std::string> wanted;  // from, to
  for (const auto& [path, identity] : copies) {
    if (has(sources, path, identity)) continue;
    // Each source has one copy, although two copies may be of one file: it had two names.
    if (const auto found = now.extract(identity)) wanted.emplace(path, found.mapped());
  }
  // A move waits for the one that frees its target, so the ends of the chains come first.
  std::map<std::string, std::string> waiting;  // the move's target, and from where
  std::vector<std::string> free;
  for (const auto& [from, to] : wanted) {
    if (wanted.contains(to)) {
      waiting.emplace(to, from);
    } else {
      free.push_back(from);
    }
  }
  std::vector<std::pair<std::string, std::string>> moves;
  while (!free.empty()) {
    const std::string from = std::move(free.back());
    free.pop_back();
    moves.emplace_back(from, wanted.at(from));
    if (const auto next = waiting.find(from); next != waiting.end()) free.push_back(next->second);
  }
  return moves;
}

}  // namespace vbrain::runner

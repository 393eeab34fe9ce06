#include "controller/planning/scheduling.hpp"

#include <algorithm>
#include <array>

namespace vbrain::controller {
namespace {

constexpr std::string_view kHead = " nodes are available: ";
constexpr std::string_view kVictims = "No preemption victims found";
constexpr std::string_view kNotHelpful = "Preemption is not helpful";

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// One reason of a node, without its number of nodes.
bool is_lasting(std::string_view reason, bool preemption_may_help) {
  // A node that is full could be emptied by preemption, one that is too small could not.
  if (reason.starts_with("Insufficient ")) return !preemption_may_help;
  // Kubernetes sets these on nodes that are not ready, cordoned or short of something.
  if (contains(reason, "taint")) return !contains(reason, "node.kubernetes.io/");
  constexpr std::array<std::string_view, 3> kLasting = {"didn't match Pod's node affinity/selector",
                                                        "had volume node affinity conflict",
                                                        "didn't match the requested node name"};
  return std::ranges::any_of(kLasting, [&](std::string_view words) { return contains(reason, words); });
}

}  // namespace

bool never_fits(std::string_view message) {
  const auto head = message.find(kHead);
  if (!message.starts_with("0/") || message.starts_with("0/0 ") || head == std::string_view::npos) return false;
  const bool knows = contains(message, kNotHelpful);
  const bool preemption_may_help = !knows || contains(message, kVictims);
  std::string_view reasons = message.substr(head + kHead.size());
  reasons = reasons.substr(0, reasons.find(". "));
  if (reasons.ends_with('.')) reasons.remove_suffix(1);
  while (!reasons.empty()) {
    // The text of a taint may hold a comma, but no comma followed by a number of nodes.
    std::size_t end = reasons.find(", ");
    while (end != std::string_view::npos &&
           (end + 2 >= reasons.size() || reasons[end + 2] < '0' || reasons[end + 2] > '9')) {
      end = reasons.find(", ", end + 2);
    }
    std::string_view reason = reasons.substr(0, end);
    reason.remove_prefix(std::min(reason.find(' ') + 1, reason.size()));
    if (!is_lasting(reason, preemption_may_help)) return false;
    reasons.remove_prefix(end == std::string_view::npos ? reasons.size() : end + 2);
  }
  return true;
}

}  // namespace vbrain::controller

#pragma once

#include <string>
#include <variant>

#include "controller/planning/plan.hpp"

namespace vbrain::controller::testing {

// A plan as one line of text, for tables of expected plans and readable failures.
inline std::string text_of(const Action& action) {
  struct Text {
    std::string operator()(const ConfirmJob&) const { return "confirm-job"; }
    std::string operator()(const AddFinalizer&) const { return "add-finalizer"; }
    std::string operator()(const InspectAttempt& a) const { return "inspect " + std::to_string(a.attempt); }
    std::string operator()(const ReadPodEvents& a) const {
      return "read-events " + a.name.substr(a.name.rfind('-') + 1);
    }
    std::string operator()(const CloseAttempt& a) const { return "close " + std::to_string(a.attempt); }
    std::string operator()(const WriteStatus& a) const {
      return "status " + std::string(job::to_string(a.status.phase)) + " " + a.status.reason + " " +
             std::to_string(a.status.attempts) + (a.notice ? a.notice->warning ? " warning" : " event" : "");
    }
    std::string operator()(const CreatePod& a) const { return "create-pod " + std::to_string(a.attempt); }
    std::string operator()(const StopPod& a) const { return "stop-pod " + a.name.substr(a.name.rfind('-') + 1); }
    std::string operator()(const RemovePods&) const { return "remove-pods"; }
    std::string operator()(const ArchiveStatus&) const { return "archive"; }
    std::string operator()(const RecordEvent& a) const {
      return (a.notice.warning ? "warn " : "tell ") + a.notice.reason;
    }
    std::string operator()(const PurgeFolder&) const { return "purge"; }
    std::string operator()(const RemoveFinalizer&) const { return "remove-finalizer"; }
    std::string operator()(const DeleteJob&) const { return "delete-job"; }
  };
  return std::visit(Text{}, action);
}

inline std::string text_of(const Plan& plan) {
  std::string text;
  for (const Action& action : plan.actions) text += (text.empty() ? "" : ", ") + text_of(action);
  return text;
}

}  // namespace vbrain::controller::testing

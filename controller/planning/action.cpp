#include "controller/planning/action.hpp"

namespace vbrain::controller {

std::string name_of(const Action& action, const Learned& learned) {
  struct Name {
    const Learned& learned;
    std::string operator()(const ConfirmJob&) const { return "confirm-job"; }
    std::string operator()(const AddFinalizer&) const { return "add-finalizer"; }
    std::string operator()(const InspectAttempt& a) const { return "inspect " + std::to_string(a.attempt); }
    std::string operator()(const ReadPodEvents& a) const { return "read-events " + a.uid; }
    std::string operator()(const CloseAttempt& a) const { return "close " + std::to_string(a.attempt); }
    std::string operator()(const WriteStatus& a) const {
      return "status " + std::string(job::to_string(a.status.phase)) + " " + a.status.reason + " " +
             std::to_string(a.status.attempts);
    }
    std::string operator()(const RecordEvent& a) const { return "event " + a.notice.reason; }
    std::string operator()(const CreatePod& a) const {
      const std::string version = learned.application ? learned.application->meta.uid + "/" +
                                                            std::to_string(learned.application->meta.generation)
                                                      : "none";
      return "create-pod " + std::to_string(a.attempt) + " of " + version;
    }
    std::string operator()(const StopPod& a) const { return "stop-pod " + a.uid; }
    std::string operator()(const RemovePods&) const { return "remove-pods"; }
    std::string operator()(const ArchiveStatus&) const { return "archive"; }
    std::string operator()(const PurgeFolder&) const { return "purge"; }
    std::string operator()(const RemoveFinalizer&) const { return "remove-finalizer"; }
    std::string operator()(const DeleteJob&) const { return "delete-job"; }
  };
  return std::visit(Name{learned}, action);
}

}  // namespace vbrain::controller

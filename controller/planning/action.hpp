#pragma once

#include <optional>
#include <string>
#include <variant>

#include "controller/planning/snapshot.hpp"
#include "job/job.hpp"

namespace vbrain::controller {

// What a plan may ask for. Each action says what makes it safe to do twice, and by two controllers at once.

// Asks the API server for the Job itself, for its Application, and for pods of attempts that the Job does not count.
// Our caches may be older. Changes nothing.
struct ConfirmJob {};

// Puts our finalizer on a Job that was made without it. Precondition: resourceVersion.
struct AddFinalizer {};

// Reads claim and manifest of an attempt, and asks the API server for its pod if the caches have none. Changes nothing.
struct InspectAttempt {
  int attempt = 0;
};

// Takes the attempt's claim, if nobody has it, so that its application can never start. Who is first has it for good.
struct CloseAttempt {
  int attempt = 0;
};

struct Notice {
  bool warning = false;
  std::string reason;
  std::string note;
  std::string action;
};

// Replaces the status, precondition resourceVersion; then, only if that succeeded, records the event.
struct WriteStatus {
  job::JobStatus status;
  std::optional<Notice> notice;
};

// Records an event on the Job, for what no status is left to tell. Repeated, it becomes a count in the first one.
struct RecordEvent {
  Notice notice;
};

// Makes the attempt's folder, then its pod of a deterministic name. The claim is the fence.
struct CreatePod {
  int attempt = 0;
};

// Deletes a pod with its own grace period. Precondition: UID.
struct StopPod {
  std::string name;
  std::string uid;
};

// Writes status.json from the terminal status, into a folder of its own for a Job made by hand that had none. Derived
// from the resource alone, so any writer writes the same.
struct ArchiveStatus {};

// Moves the job's folder away and purges it, unless the whole installation is being deleted.
struct PurgeFolder {};

// Takes our finalizer off. Precondition: resourceVersion.
struct RemoveFinalizer {};

// Removes the resource of an ended job; its folder stays, and answers from then on. The record on the volume is made
// sure of once more, then the finalizer is taken off, so that the removal is no reason to purge (precondition
// resourceVersion), then the resource goes (preconditions UID and resourceVersion). Done half, the rest is done at the
// next look.
struct DeleteJob {};

using Action = std::variant<ConfirmJob, AddFinalizer, InspectAttempt, CloseAttempt, WriteStatus, RecordEvent, CreatePod,
                            StopPod, ArchiveStatus, PurgeFolder, RemoveFinalizer, DeleteJob>;

// What exactly is done, as one line of text: two actions of one name are tries of the same. A pod made from another
// version of the Application is another action.
std::string name_of(const Action& action, const Learned& learned);

}  // namespace vbrain::controller

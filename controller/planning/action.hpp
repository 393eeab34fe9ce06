#pragma once

#include <optional>
#include <string>
#include <variant>

#include "controller/planning/snapshot.hpp"
#include "job/job.hpp"

namespace vbrain::controller {

// The actions of a plan. Each comment says why the action is safe to repeat, also by two controllers at once.

// Reads the Job, its Application, and pods of attempts that the Job does not count from the API server, because the
// caches may be stale. Changes nothing.
struct ConfirmJob {};

// Adds vBrain's finalizer to a Job that was created without it. Precondition: resourceVersion.
struct AddFinalizer {};

// Reads claim and manifest of an attempt. If the caches have no pod, asks the API server for it. Changes nothing.
struct InspectAttempt {
  int attempt = 0;
};

// Reads the events of a pod that is late. Only they say why a volume is not mounted or a sandbox is not created.
// Changes nothing.
struct ReadPodEvents {
  std::string name;
  std::string uid;
};

// Creates the attempt's claim if there is none, so that its application can never start. The first claim is final.
struct CloseAttempt {
  int attempt = 0;
};

struct Notice {
  bool warning = false;
  std::string reason;
  std::string note;
  std::string action;
};

// Replaces the status, with resourceVersion as precondition; only if that succeeds, records the event.
struct WriteStatus {
  job::JobStatus status;
  std::optional<Notice> notice;
};

// Records an event on the Job about something that no status can report. A repetition is counted in the first event.
struct RecordEvent {
  Notice notice;
};

// Creates the attempt's folder, then its pod with a deterministic name. The claim prevents a second start.
struct CreatePod {
  int attempt = 0;
};

// Deletes a pod with its own grace period. Precondition: UID.
struct StopPod {
  std::string name;
  std::string uid;
};

// Has the pods of an ended job deleted in the background. Precondition: UID.
struct RemovePods {};

// Writes status.json from the terminal status; for a Job made with kubectl without a folder it also creates the folder.
// The content depends only on the resource, so every writer writes the same.
struct ArchiveStatus {};

// Moves the job's folder to .trash and purges it, unless the namespace or the definition is being deleted.
struct PurgeFolder {};

// Removes vBrain's finalizer. Precondition: resourceVersion.
struct RemoveFinalizer {};

// Removes the resource of an ended job; its folder stays, and the servers answer from it. Three steps: it checks the
// record on the volume again; it removes the finalizer, so that the removal does not cause a purge (precondition
// resourceVersion); it deletes the resource (preconditions UID and resourceVersion). The next pass finishes an
// interrupted removal.
struct DeleteJob {};

using Action =
    std::variant<ConfirmJob, AddFinalizer, InspectAttempt, ReadPodEvents, CloseAttempt, WriteStatus, RecordEvent,
                 CreatePod, StopPod, RemovePods, ArchiveStatus, PurgeFolder, RemoveFinalizer, DeleteJob>;

// The action as one line of text: two actions with the same name are tries of the same action. A pod from another
// version of the Application is another action.
std::string name_of(const Action& action, const Learned& learned);

}  // namespace vbrain::controller

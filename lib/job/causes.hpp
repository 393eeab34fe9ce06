#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "job/job.hpp"

namespace vbrain::job {

// Why a job waits, runs or has ended, or why an Application or a Client is not ready: one word, and the same sentences
// in the status, in events, at REST and in docs/operations.md.
struct Cause {
  // What stands behind the cause in a status, and who may read it.
  enum class Detail {
    kOwn,       // vBrain's or the application's own sentence. It replaces `cause`, and REST shows it
    kInternal,  // vBrain's sentence with names of nodes or objects. It replaces `cause`, and REST shows `cause`
    kForeign,   // a text of Kubernetes. The status quotes it after `cause`, and REST shows `cause`
  };

  std::string_view reason;  // the word in status.reason
  std::string_view phases;  // in which phases a job may have it; or "Application" or "Client"
  // "yes": an attempt that ends with it is retried within backoffLimit. "no": it is not, because another attempt would
  // end in the same way, or because somebody wants it so. Empty: no attempt ends with it.
  std::string_view is_retried;
  std::string_view cause;   // a sentence without its full stop
  std::string_view remedy;  // what to do, in the same form; empty: nothing
  Detail detail = Detail::kOwn;
};

// All causes that vBrain knows, in the order of the documentation.
std::span<const Cause> all_causes();

// Null for a word that is not in the table: other words of the kubelet and the node.
const Cause* find_cause(std::string_view reason);

// False if an attempt that ended with this reason must not be repeated. True for words that are not in the table. Pure.
bool may_be_retried(std::string_view reason);

// The message for a status or an event: cause, detail and remedy, at most kToldLimit bytes. A detail that is too long
// is cut, never the remedy. `detail` is clean text (see clean_message) or empty. Pure.
std::string tell(std::string_view reason, std::string_view detail);
inline constexpr std::size_t kToldLimit = 1'024;  // the limit of an Event's note

// The detail of an attempt that has not started within preRunningDeadlineSeconds, with the detail of what it waited
// for, which may be empty. public_message() shows the part about the deadline. Pure.
std::string tell_late_start(std::chrono::seconds limit, std::string_view waited_for);

// status.message without names of nodes and objects and without texts of Kubernetes. This is what REST shows. Pure.
std::string public_message(const JobStatus& status);

// The table as Markdown, for docs/operations.md.
std::string causes_as_markdown();

}  // namespace vbrain::job

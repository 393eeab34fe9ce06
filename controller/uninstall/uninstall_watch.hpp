#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>

#include "kube/api/api_client.hpp"

namespace vbrain::controller {

// When the namespace or the definition of Jobs is deleted, all Jobs are marked for deletion at once, and soon this
// controller and its Role are deleted too. The watch takes the finalizer from all marked Jobs then, in parallel and
// without the steps of a single deletion. Files stay.
class UninstallWatch {
 public:
  // `client` must outlive this.
  UninstallWatch(kube::ApiClient& client, std::string ns);

  // A Job was marked for deletion. Does not wait; thread-safe.
  void note_marked_job();
  // Looks at the begin and after each note, at most once a second, until `stop`. On a thread of the leader's term.
  void run(std::stop_token stop);
  // The leader is told to end. Where that is because of an uninstallation it takes the finalizer from all Jobs: nobody
  // else will. Blocks until that is done.
  void end_of_program();

 private:
  void release_marked(std::stop_token stop);

  kube::ApiClient& client_;
  const std::string namespace_;
  std::mutex mutex_;
  std::condition_variable_any noted_;
  bool has_note_ = true;
};

}  // namespace vbrain::controller

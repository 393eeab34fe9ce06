#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>

#include "kube/api/api_client.hpp"

namespace vbrain::controller {

// When the namespace or the definition of Jobs is deleted, all Jobs are marked for deletion at once, and soon the
// Lease, the Role and the controllers are deleted too. Then this class removes the finalizer from all marked Jobs,
// in parallel and without the steps of a single deletion. The files stay. It needs no Lease: several controllers may do
// this at once.
class UninstallWatch {
 public:
  // `client` must outlive this.
  UninstallWatch(kube::ApiClient& client, std::string ns);

  // A Job or a Client was marked for deletion. Does not wait; thread-safe.
  void note_marked();
  // Checks at the begin and after each note, at most once a second, until `stop`.
  void run(std::stop_token stop);
  // The controller was told to end. In a namespace that is being deleted it removes the finalizer from all Jobs,
  // because no controller is started after it. Blocks until that is done.
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

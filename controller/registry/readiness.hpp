#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/pods/pod_builder.hpp"
#include "job/application.hpp"
#include "job/client.hpp"
#include "kube/api/error.hpp"

namespace vbrain::controller {

// The condition Ready of an Application or a Client, without its times.
struct Readiness {
  std::string status;  // "True", "False" or "Unknown"
  std::string reason;
  std::string message;

  bool operator==(const Readiness&) const = default;
};

inline constexpr std::string_view kReadyCondition = "Ready";

// The pod that a job of the Application would get, with the names of a job that does not exist. For a dry run at the
// API server. An error is why the template can't be run. Pure.
Result<nlohmann::json, std::string> build_trial_pod(const job::Application& application,
                                                    const std::string& namespace_name, const PodSettings& settings);

// What is known of an Application's pod.
struct Trial {
  std::string fault;                 // why vBrain itself refuses the template; empty: it does not
  std::optional<kube::Error> error;  // the API server's answer to the dry run; nothing: it takes the pod
};

// `counts`: the Application that counts of those with this id, the oldest one. Pure.
Readiness readiness_of(const job::Application& application, const job::Application& counts, const Trial& trial);

// A key id that another Client or member has, too.
struct KeyConflict {
  std::string id;
  std::string client;  // metadata.name of the other one
};

// What else is known of a Client. Null and empty: nothing speaks against it.
struct ClientSurroundings {
  const job::Application* application = nullptr;  // the one that counts
  std::string older_of_tenant;                    // metadata.name of an older Client of the same tenant
  std::vector<KeyConflict> key_conflicts;
};
Readiness readiness_of(const job::Client& client, const ClientSurroundings& around, base::TimePoint now);

}  // namespace vbrain::controller

#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "artifacts/records/job_file.hpp"
#include "job/job.hpp"

namespace vbrain::controller {

// Label of a resource that was recreated from its folder: attempts in the folder are older than the resource.
inline constexpr std::string_view kRecoveredLabel = "vbrain.visagio.com/recovered";

// Facts about a job's folder and the resource of the same name.
struct FolderFacts {
  enum class Resource { kNone, kPresent, kBeingDeleted };
  Resource resource = Resource::kNone;
  bool deleted = false;   // has the marker
  bool recorded = false;  // has status.json
  // Time since a direct entry changed, by the file server's clock. Negative if that clock was set back.
  std::chrono::milliseconds age{};
};

enum class FolderCare {
  kNone,
  kCreateResource,  // an accepted job without a Job resource
  kDeleteResource,  // a deletion that was interrupted after the marker; the purge follows
  kRemoveFolder,    // the same, without a resource to delete
};

// A program that has just published or marked a folder needs a moment for the resource.
inline constexpr std::chrono::minutes kFolderPatience{1};

// The action that makes folder and resource consistent. Pure.
FolderCare judge_folder(const FolderFacts& facts);

// The body of a create request for the job of a folder: like the api-server's, with the label above. Parameters stay in
// job.json, also those of a Job made with kubectl. Pure.
nlohmann::json encode_recovered_job(std::string_view namespace_name, const artifacts::JobFile& file);

bool is_recovered(const job::Job& job);

}  // namespace vbrain::controller

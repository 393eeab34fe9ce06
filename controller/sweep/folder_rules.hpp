#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "artifacts/records/job_file.hpp"
#include "job/job.hpp"

namespace vbrain::controller {

// On a resource that was made anew from its folder: what the folder holds of attempts is older than the resource.
inline constexpr std::string_view kRecoveredLabel = "vbrain.visagio.com/recovered";

// What is known of a job's folder and of the resource of its name.
struct FolderFacts {
  enum class Resource { kNone, kPresent, kBeingDeleted };
  Resource resource = Resource::kNone;
  bool deleted = false;   // has the marker
  bool recorded = false;  // has status.json
  // Since something changed directly in it, by the file server's clock. Negative where that was set back.
  std::chrono::milliseconds age{};
};

enum class FolderCare {
  kNone,
  kCreateResource,  // an acknowledged job that Kubernetes does not know (any more)
  kDeleteResource,  // a deletion that died after the marker; the purge follows from it
  kRemoveFolder,    // the same, with no resource left to delete
};

// Who has just published or marked a folder needs a moment for the resource.
inline constexpr std::chrono::minutes kFolderPatience{1};

// What a folder needs so that folders and resources tell the same. Pure.
FolderCare judge_folder(const FolderFacts& facts);

// The body of a create for the job of a folder: as the REST server makes it, with the label above. Parameters stay
// where they are, those of a Job made by hand too. Pure.
nlohmann::json encode_recovered_job(std::string_view namespace_name, const artifacts::JobFile& file);

bool is_recovered(const job::Job& job);

}  // namespace vbrain::controller

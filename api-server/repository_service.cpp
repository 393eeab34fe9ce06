#include "api-server/repository_service.hpp"

#include <utility>

#include "api-server/volume_view.hpp"
#include "artifacts/store.hpp"

namespace vbrain::api {

artifacts::RepositoryFile publish_repository(const Services& services, const artifacts::Tenant& tenant,
                                             const std::string& username, Submission& submission) {
  artifacts::RepositoryFile file;
  file.created_on = services.clock.now();
  file.created_by = username;
  if (!submission.params.empty()) file.params = std::move(submission.params);
  if (!submission.metadata.empty()) file.metadata = std::move(submission.metadata);
  file.name = name_in(file.metadata);
  if (submission.input) {
    file.input = std::move(submission.input->files);
    file.repository_id = services.volume.publish_repository(submission.input->take(), file, file.created_on);
  } else {
    file.repository_id = services.volume.publish_repository(services.volume.stage(tenant), file, file.created_on);
  }
  return file;
}

}  // namespace vbrain::api

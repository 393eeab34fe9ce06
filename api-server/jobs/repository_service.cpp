#include "api-server/jobs/repository_service.hpp"

#include <utility>

#include "api-server/jobs/space.hpp"
#include "api-server/jobs/volume_view.hpp"
#include "artifacts/store/store.hpp"
#include "base/digest.hpp"

namespace vbrain::api {

artifacts::RepositoryFile publish_repository(const Services& services, const artifacts::Tenant& tenant,
                                             const std::string& username, Submission& submission) {
  const std::uint64_t bytes = bytes_of(submission);
  artifacts::RepositoryFile file;
  file.created_on = services.clock.now();
  file.created_by = username;
  if (!submission.params.empty()) file.params = std::move(submission.params);
  if (!submission.metadata.empty()) file.metadata = std::move(submission.metadata);
  file.name = name_in(file.metadata);
  if (submission.input) {
    file.input = std::move(submission.input->files);
    file.empty_folders = std::move(submission.input->empty_folders);
    file.repository_id = services.volume.publish_repository(submission.input->take(), file, file.created_on);
  } else {
    file.repository_id = services.volume.publish_repository(services.volume.stage(tenant), file, file.created_on);
  }
  note_published(services, tenant, bytes);
  return file;
}

std::string input_etag(const artifacts::RepositoryFile& repository) {
  base::Sha256 digest;
  digest.update(VBRAIN_VERSION "\n" + base::format_rfc3339(repository.created_on) + "\n");
  for (const artifacts::InputFile& file : repository.input) {
    digest.update(file.sha256 + " " + std::to_string(file.bytes) + " " + file.name + "\n");
  }
  return digest.hex();
}

}  // namespace vbrain::api

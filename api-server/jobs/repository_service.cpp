#include "api-server/jobs/repository_service.hpp"

#include <cerrno>
#include <utility>

#include "api-server/jobs/space.hpp"
#include "api-server/jobs/volume_view.hpp"
#include "artifacts/store/store.hpp"
#include "base/text/digest.hpp"

namespace vbrain::api {
namespace {

// A member of repository.json that only confirm_own() reads.
std::string key_member(const std::string& key_record) {
  return R"({"idempotency_key":")" + key_record + "\"}";
}

// For an id that is taken. Another request with the same key may have published the repository, which is then durable
// when this returns; or another one, in the moment after the id was chosen, which is a failure.
void confirm_own(const artifacts::Store& volume, const artifacts::Tenant& tenant,
                 const artifacts::RepositoryFile& file) {
  const auto published = volume.read_repository(tenant, file.repository_id);
  if (published && published->unknown != file.unknown) throw artifacts::VolumeError(EEXIST, "publish a repository");
  volume.root().at(artifacts::layout::repositories(tenant)).sync();
}

}  // namespace

artifacts::RepositoryFile publish_repository(const Services& services, const artifacts::Tenant& tenant,
                                             const std::string& username, Submission& submission,
                                             const base::RequestIds& ids, const std::optional<KnownRepository>& known) {
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
  }
  artifacts::Staging staging = submission.input ? submission.input->take() : services.volume.stage(tenant, ids);
  if (known) {
    file.repository_id = known->id;
    file.unknown = key_member(known->key_record);
    if (!services.volume.publish_repository_as(std::move(staging), file)) {
      confirm_own(services.volume, tenant, file);
      return file;
    }
  } else {
    file.repository_id = services.volume.publish_repository(std::move(staging), file, file.created_on);
  }
  note_published(services, tenant, bytes);
  return file;
}

void take_back_repository(const artifacts::Store& volume, const artifacts::Tenant& tenant,
                          const std::string& repository_id, const base::RequestIds& ids) {
  // Another request may have used the repository.
  const auto others = volume.index_of(tenant, repository_id);
  if (!others || !others->empty()) return;
  const auto trashed = volume.trash_repository(tenant, repository_id, ids);
  if (trashed) volume.purge(tenant, trashed->name);
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

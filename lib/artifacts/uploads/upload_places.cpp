// Uploads come and go.
#include <dirent.h>
#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "artifacts/files/trash.hpp"
#include "artifacts/scans/volume_walk.hpp"
#include "artifacts/store/store_index.hpp"
#include "artifacts/uploads/upload_places.hpp"
#include "artifacts/uploads/upload_store.hpp"
#include "base/log/log.hpp"

namespace vbrain::artifacts {
namespace {

using Kind = UploadState::Kind;

// For an upload whose record can't be read.
constexpr std::chrono::hours kUsualExpiry{24};

std::string mark_of(const Tenant& tenant, std::string_view id) {
  return upload_places::folder_of(tenant) + "/" + upload_places::kUsed + "/" + std::string(id);
}

std::optional<std::string> trash(const Store& store, const Tenant& tenant, const std::string& id) {
  const auto folder = store.root().sub(upload_places::folder_of(tenant));
  if (!folder) return std::nullopt;
  const Dir trashed = store.root().make(layout::trash(tenant));
  auto name = move_to_trash(*folder, id, trashed);
  trashed.sync();
  folder->sync();
  return name;
}

// Steps to kEnded from whatever the state is, unless it is kUsing. Returns the last state; nothing: there is none.
std::optional<UploadState> end(const Upload& upload) {
  for (;;) {
    auto state = upload.state();
    if (!state || state->kind == Kind::kUsing) return state;
    if (upload.step(*state, {.offset = state->offset, .data = state->data, .kind = Kind::kEnded})) return state;
  }
}

// The state of an upload in a folder that is about to be removed becomes kEnded, so that a request which writes to it
// learns that it is gone. False: somebody has changed the state in this moment.
bool end_state(const Dir& folder) {
  for (const Dir::Entry& entry : folder.list()) {
    const auto state = parse_upload_state(entry.name);
    if (!state || state->kind == Kind::kEnded) continue;
    const std::string ended = to_name({.offset = state->offset, .data = state->data, .kind = Kind::kEnded});
    if (renameat(folder.fd(), entry.name.c_str(), folder.fd(), ended.c_str()) == 0) continue;
    if (errno != ENOENT) throw VolumeError(errno, "end an expired upload");
    return false;
  }
  return true;
}

bool is_expired(const Dir& uploads, const std::string& id, base::TimePoint now) {
  const auto found = uploads.status(id);
  if (!found) return false;
  const auto text = uploads.read_file(id + "/" + kUploadRecord, kUploadRecordLimit);
  const auto record = text ? decode_upload_record(*text) : Unexpected<std::string>("absent");
  const std::chrono::seconds expiry = record ? record->expiry : kUsualExpiry;
  return changed_at(*found) + expiry < now;
}

}  // namespace

void create_upload(const Store& store, const Tenant& tenant, const std::string& id, const UploadRecord& record,
                   const base::RequestIds& ids) {
  Staging staging = store.stage(tenant, ids);
  const Dir& folder = staging.folder();
  const UploadState state{.offset = 0, .data = random_name()};
  auto file = folder.create_file(kUploadRecord);
  if (!file || !folder.create_file("data-" + state.data) || !folder.create_file(to_name(state))) {
    throw VolumeError(EEXIST, "stage an upload");
  }
  write_all(file->get(), encode(record));
  sync_and_close(std::move(*file));
  folder.sync_tree();
  const Dir uploads = store.root().make(upload_places::folder_of(tenant));
  if (!store.place(std::move(staging), uploads, id)) throw VolumeError(EEXIST, "create an upload");
  uploads.sync();
}

std::optional<Upload> open_upload(const Store& store, const Tenant& tenant, std::string_view id) {
  if (!is_job_folder_name(id)) return std::nullopt;
  auto folder = store.root().sub(upload_places::folder_of(tenant) + "/" + std::string(id));
  if (!folder) return std::nullopt;
  const auto text = folder->read_file(kUploadRecord, kUploadRecordLimit);
  if (!text) return std::nullopt;
  auto record = decode_upload_record(*text);
  if (!record) throw CorruptFile("upload " + std::string(id) + ": " + record.error());
  return Upload(std::string(id), std::move(*folder), std::move(*record));
}

bool was_upload_used(const Store& store, const Tenant& tenant, std::string_view id) {
  return is_job_folder_name(id) && store.root().status(mark_of(tenant, id)).has_value();
}

std::vector<std::string> list_uploads(const Store& store, const Tenant& tenant) {
  std::vector<std::string> ids;
  each_name(store, upload_places::folder_of(tenant), [&](std::string_view name) {
    if (is_job_folder_name(name)) ids.emplace_back(name);
  });
  return ids;
}

std::uint64_t count_uploads(const Store& store, const Tenant& tenant) {
  return list_uploads(store, tenant).size();
}

EndedUpload end_upload(const Store& store, const Tenant& tenant, const Upload& upload) {
  const auto last = end(upload);
  if (last && last->kind == Kind::kUsing) return {.in_use = true};
  return {.trashed = trash(store, tenant, upload.id()), .bytes = last ? last->offset : 0};
}

std::optional<std::string> end_used_upload(const Store& store, const Tenant& tenant, const Upload& upload) {
  const Dir marks = store.root().make(upload_places::folder_of(tenant) + "/" + upload_places::kUsed);
  marks.create_file(upload.id());
  marks.sync();
  return trash(store, tenant, upload.id());
}

std::size_t sweep_uploads(const Store& store, base::TimePoint now, base::TimePoint marks_before,
                          const OnUnreadable& unreadable, std::stop_token stop) {
  std::size_t removed = 0;
  const auto sweep_marks = [&](const Dir& marks) {
    return walk::each_entry(marks, [&](const Dir::Entry& entry) {
      const auto found = marks.status(entry.name);
      if (found && changed_at(*found) < marks_before && marks.remove_file(entry.name)) ++removed;
      return !stop.stop_requested();
    });
  };
  const auto sweep_one = [&](const Dir& uploads, const std::string& id) {
    if (!is_expired(uploads, id, now)) return;
    const auto folder = uploads.sub(id);
    if (!folder || !end_state(*folder)) return;
    uploads.remove_tree(id, stop);
    ++removed;
  };
  const auto visit = [&](const Dir& tenant, const std::string& path) {
    const auto uploads = tenant.sub(upload_places::kFolder);
    if (!uploads) return true;
    const std::string place = path + "/" + upload_places::kFolder;
    return walk::guarded(place, unreadable, [&] {
      const auto marks = uploads->sub(upload_places::kUsed);
      if (marks && !sweep_marks(*marks)) return false;
      return walk::each_entry(*uploads, [&](const Dir::Entry& entry) {
        if (entry.type == DT_DIR && is_job_folder_name(entry.name)) {
          walk::guarded(place + "/" + entry.name, unreadable, [&] {
            sweep_one(*uploads, entry.name);
            return true;
          });
        }
        return !stop.stop_requested();
      });
    });
  };
  walk::guarded("tenants", unreadable, [&] { return walk::each_tenant(store.root(), unreadable, visit); });
  return removed;
}

}  // namespace vbrain::artifacts

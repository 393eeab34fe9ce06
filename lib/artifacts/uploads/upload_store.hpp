#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/scans/store_scan.hpp"
#include "artifacts/store/store.hpp"
#include "artifacts/uploads/upload_record.hpp"
#include "artifacts/uploads/upload_state.hpp"
#include "base/time/clock.hpp"

// Files that clients upload in several requests (tus), before a job or repository is made of them:
//
//   tenants/<…>/.uploads/<id>/   upload.json              what is fixed
//                                state.<offset>.<data>.…  empty; its name is the state (UploadState)
//                                data-<token>             bytes
//                                before-<token>           the parts in front of that file; absent: none
//   tenants/<…>/.uploads/.used/<id>                       empty: the upload was used and is gone
//
// There is no lock and no lease. Whoever takes over from a request that may still live writes to a new data file, so
// that nothing which that request still writes is ever read. docs/decisions/0038-resumable-uploads.md
// All functions block on the volume and throw VolumeError.
namespace vbrain::artifacts {

class UploadWriter;

// An open upload. Ids are job::new_job_id(). Several threads may use const members at once.
class Upload {
 public:
  const std::string& id() const { return id_; }
  const UploadRecord& record() const { return record_; }

  // Nothing: it was removed meanwhile.
  std::optional<UploadState> state() const;
  // The last change, by the clock of the file server; nothing: it was removed.
  std::optional<base::TimePoint> changed() const;
  // One step. False: the state is another one than `from`. Not durable until sync().
  bool step(const UploadState& from, const UploadState& to) const;
  void sync() const { folder_.sync(); }

  // Begins to write behind state.offset, by a step to kWriting. From kWriting it takes over. Nothing: the state has
  // changed meanwhile.
  std::optional<UploadWriter> begin(const UploadState& seen) const;

  // The parts of all bytes up to state.offset. Throws CorruptFile.
  std::vector<UploadPart> parts(const UploadState& state) const;
  // The file of a part. Throws CorruptFile if it has not so many bytes.
  OpenFile open_part(const UploadPart& part) const;
  // Gives the bytes of the parts to `sink` in their order.
  void read(const std::vector<UploadPart>& parts, const std::function<void(std::string_view)>& sink) const;

 private:
  friend std::optional<Upload> open_upload(const Store& store, const Tenant& tenant, std::string_view id);
  Upload(std::string id, Dir folder, UploadRecord record)
      : id_(std::move(id)), folder_(std::move(folder)), record_(std::move(record)) {}
  std::vector<UploadPart> parts_before(const std::string& data) const;
  std::optional<UploadWriter> append(const UploadState& seen) const;
  std::optional<UploadWriter> take_over(const UploadState& seen) const;

  std::string id_;
  Dir folder_;
  UploadRecord record_;
};

// The bytes of one request. Not thread-safe. The Upload must outlive it.
class UploadWriter {
 public:
  // Behind those before. After an exception it takes no more.
  void write(std::string_view bytes);
  // Bytes of the upload that were written, durable or not.
  std::uint64_t written() const { return written_; }
  // Bytes of the upload that are durable and may be told to the client.
  std::uint64_t durable() const { return state_.offset; }

  enum class Then { kGoOn, kEnd };
  // Makes what was written durable; with kEnd another request may go on. False: another request has taken over, or the
  // upload was removed; nothing of this request was added since the last commit. After an exception the same holds, and
  // the next request takes over.
  bool commit(Then then);
  // Ends without what was written since the last commit. False as above.
  bool drop();

 private:
  friend class Upload;
  UploadWriter(const Upload& upload, UploadState state, Fd file);
  bool step(const UploadState& next);

  const Upload* upload_;
  UploadState state_;
  Fd file_;
  std::uint64_t written_;
  std::uint64_t begun_;  // what the disk was asked to take
  bool broken_ = false;  // a write failed
  bool lost_ = false;    // nothing can be committed any more
};

// Makes an empty upload, durable. `id` is new.
void create_upload(const Store& store, const Tenant& tenant, const std::string& id, const UploadRecord& record,
                   const base::RequestIds& ids = {});
// Nothing: the tenant has none of this id. Throws CorruptFile.
std::optional<Upload> open_upload(const Store& store, const Tenant& tenant, std::string_view id);
// Whether an upload of this id was used within the last day. Other ids: false.
bool was_upload_used(const Store& store, const Tenant& tenant, std::string_view id);
// The ids of a tenant's uploads, complete or not. Reads the whole folder.
std::vector<std::string> list_uploads(const Store& store, const Tenant& tenant);
// How many there are.
std::uint64_t count_uploads(const Store& store, const Tenant& tenant);

struct EndedUpload {
  std::optional<std::string> trashed = {};  // the name for Store::purge(); nothing: another one has removed it
  std::uint64_t bytes = 0;                  // that were durable
  bool in_use = false;                      // it was left, because a job or repository is being made of it
};
// Takes the upload away, whoever writes to it, unless it is being used.
EndedUpload end_upload(const Store& store, const Tenant& tenant, const Upload& upload);
// For what has used it: the same with the mark of was_upload_used(), which is durable first. Returns its name for
// Store::purge(); nothing: another one has removed it.
std::optional<std::string> end_used_upload(const Store& store, const Tenant& tenant, const Upload& upload);

// Removes the uploads of all tenants that have not changed for longer than their expiry at the time `now` of the file
// server, and marks of used ones that are older than `marks_before`, until `stop`. Returns how many. Throws only
// exceptions of `unreadable`.
std::size_t sweep_uploads(const Store& store, base::TimePoint now, base::TimePoint marks_before,
                          const OnUnreadable& unreadable, std::stop_token stop);

}  // namespace vbrain::artifacts

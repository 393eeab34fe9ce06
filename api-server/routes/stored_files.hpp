#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "api-server/jobs/job_record.hpp"
#include "api-server/routes/call.hpp"
#include "api-server/transfer/download.hpp"
#include "api-server/transfer/spool.hpp"
#include "artifacts/files/safe_open.hpp"

namespace vbrain::api {

// What the routes share that send files of the volume.

// A file of up to this size is read at once. A larger one is sent piece by piece, so that a slow reader holds little.
inline constexpr std::uint64_t kSmallFile = 16 * 1024;

// The attempt of a finished job whose files are served.
struct Finished {
  int attempt = 0;
  job::Artifacts sizes;
};

// The state of a job that has not finished, or whose files are not there yet, as an answer. Nothing: it has finished.
std::optional<Answer> answer_unless_finished(const JobRecord& record);
// Of a job that has finished.
Finished finished(const JobRecord& record);

// A network file system may show a file later than the API server shows the status. So an absent file is 503, not 404.
Unexpected<Refusal> not_visible_yet();

// Fills `text` with the file's bytes from `offset` on. Throws VolumeError.
void read_whole(const artifacts::Fd& file, std::string& text, std::uint64_t offset = 0);

// `length` bytes of the file from `offset` on. Throws VolumeError.
DownloadBody body_of(artifacts::Fd file, std::uint64_t offset, std::uint64_t length);
DownloadBody body_of(artifacts::OpenFile file);

// A client that asks for a part, or for the head only, will ask for the same bytes again.
bool will_come_again(const http::RequestHead& head);

// Sends what `make` writes, an archive for example. `absent` is the refusal if there is none. `key` names its bytes
// (MadeArchives); empty: they may be others the next time.
Answer made_archive(const Call& call, Download what, Problem absent, const std::string& key, const ArchiveMaker& make);

}  // namespace vbrain::api

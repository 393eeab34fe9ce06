#include "api-server/routes/stored_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "api-server/answers/made_archives.hpp"
#include "artifacts/store/store.hpp"
#include "base/files/io.hpp"

namespace vbrain::api {
namespace {

using artifacts::OpenFile;
using artifacts::VolumeError;

http::Reply not_yet_finished(std::chrono::seconds retry_after) {
  http::Reply reply = json_reply(202, R"({"message":"Job not yet finished"})");
  reply.headers.emplace_back("Retry-After", std::to_string(retry_after.count()));
  return reply;
}

artifacts::Fd copy_of(const artifacts::Fd& file) {
  artifacts::Fd copy(fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) throw VolumeError(errno, "open an archive once more");
  return copy;
}

}  // namespace

std::optional<Answer> answer_unless_finished(const JobRecord& record) {
  const job::JobStatus& status = *record.status;
  if (status.phase == job::Phase::kFailed) return refuse(Problem::kJobFailed);
  if (status.phase != job::Phase::kFinished) return not_yet_finished(record.retry_after);
  if (!record.on_volume || !status.accepted_attempt) return not_visible_yet();
  return std::nullopt;
}

Finished finished(const JobRecord& record) {
  return {*record.status->accepted_attempt, record.status->artifacts.value_or(job::Artifacts{})};
}

Unexpected<Refusal> not_visible_yet() {
  return refuse(Problem::kUnavailable, {}, "the file is not visible on the storage yet");
}

void read_whole(const artifacts::Fd& file, std::string& text, std::uint64_t offset) {
  const ssize_t got = base::read_full_at(file.get(), text, offset);
  if (got < 0) throw VolumeError(errno, "read a file to send");
  if (static_cast<std::size_t>(got) < text.size()) throw VolumeError(EIO, "read a file to send: shorter than it was");
}

DownloadBody body_of(artifacts::Fd file, std::uint64_t offset, std::uint64_t length) {
  if (length <= kSmallFile) {
    std::string text(length, '\0');
    read_whole(file, text, offset);
    return text;
  }
  http::FileBody body;
  body.offset = offset;
  body.length = length;
  body.file = std::move(file);
  return body;
}

DownloadBody body_of(OpenFile file) {
  return body_of(std::move(file.fd), 0, file.size);
}

bool will_come_again(const http::RequestHead& head) {
  return head.method == http::Method::kHead || head.find("range").has_value();
}

Answer made_archive(const Call& call, Download what, Problem absent, const std::string& key, const ArchiveMaker& make) {
  MadeArchives& archives = call.services.made_archives;
  std::shared_ptr<const Spooled> archive;
  if (!key.empty()) archive = archives.find(key);
  if (archive == nullptr) {
    auto spooled = spool(call.services.volume, call.caller.tenant, call.services.spool_space, make, call.caller.ids);
    if (!spooled) return refuse(absent);
    archive = std::make_shared<const Spooled>(std::move(*spooled));
    if (!key.empty() && will_come_again(call.exchange.head)) archives.keep(key, archive);
  }
  if (what.etag.empty()) what.etag = archive->totals.sha256;
  what.body = body_of(copy_of(archive->file), 0, archive->totals.bytes);
  Answer answer = download(call.exchange.head, std::move(what));
  if (answer) answer->hold = archive->hold;
  return answer;
}

}  // namespace vbrain::api

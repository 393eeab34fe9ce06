#include "api-server/transfer/file_receiver.hpp"

#include <algorithm>
#include <utility>

namespace vbrain::api {
namespace {

using artifacts::ArchiveError;

constexpr std::uint64_t kNameBytesPerEntry = 256;  // of an archive, on average

artifacts::ArchiveLimits archive_limits(const Limits& limits) {
  artifacts::ArchiveLimits result;
  result.entries = limits.max_archive_entries;
  result.inflated_bytes = limits.max_inflated_bytes;
  result.file_bytes = limits.max_inflated_bytes;
  result.names_bytes = std::max(result.names_bytes, limits.max_archive_entries * kNameBytesPerEntry);
  result.ratio = limits.max_inflate_ratio;
  result.code_page = limits.archive_code_page == 850 ? artifacts::CodePage::k850 : artifacts::CodePage::k437;
  return result;
}

void take(StagedInput& input, artifacts::ArchiveListing& listing, std::vector<artifacts::InputFile> files) {
  input.files = std::move(files);
  input.empty_folders = listing.empty_folders();
  input.notes = std::move(listing.notes);
}

}  // namespace

std::optional<Refusal> check_file_name(std::string_view name) {
  const std::string_view why = artifacts::check_entry_name(name, 255, 1);
  std::string detail;
  if (!why.empty()) {
    detail = "filename: " + std::string(why) + "; rename the file";
  } else if (!file_kind(name)) {
    detail = "its filename ends neither in .zip, .csv, .xlsx nor .json; put other files into a ZIP";
  } else {
    return std::nullopt;
  }
  return Refusal{.problem = Problem::kInvalid, .subject = "file", .detail = std::move(detail)};
}

void FileReceiver::open(const artifacts::Dir& parent, artifacts::Staging& staging) {
  if (kind_ == FileKind::kZip) {
    // The archive is not in the staged folder, which may be removed while the file is open: a network file system may
    // keep a name for it until it is closed.
    archive_.emplace(parent, staging.folder());
  } else {
    auto file = staging.input().create_file(name_);
    if (!file) throw artifacts::VolumeError(EEXIST, "create an input file");
    file_ = std::move(*file);
  }
}

void FileReceiver::write(std::string_view bytes) {
  if (archive_) {
    archive_->write(bytes);
  } else {
    artifacts::write_all(file_.get(), bytes);
    digest_.update(bytes);
  }
  size_ += bytes.size();
}

Result<void, ArchiveError> FileReceiver::finish(StagedInput& input, const Limits& limits) {
  if (archive_) {
    auto unpacked = archive_->unpack(archive_limits(limits), input.staging().input());
    archive_.reset();
    if (!unpacked) return Unexpected<ArchiveError>(std::move(unpacked.error()));
    take(input, unpacked->listing, std::move(unpacked->files));
    return {};
  }
  file_ = {};
  const auto written = input.staging().input().open_file(name_);
  if (!written) throw artifacts::VolumeError(ENOENT, "read an input file back");
  const int fd = written->fd.get();
  const auto checked = kind_ == FileKind::kCsv    ? artifacts::check_csv(fd)
                       : kind_ == FileKind::kXlsx ? artifacts::check_xlsx(fd)
                                                  : artifacts::check_json(fd);
  if (!checked) return Unexpected<ArchiveError>(checked.error());
  input.files.push_back({name_, size_, digest_.hex()});
  return {};
}

Result<void, ArchiveError> FileReceiver::unpack_file(int fd, StagedInput& input, const Limits& limits) const {
  auto listing = artifacts::inspect(fd, archive_limits(limits));
  if (!listing) return Unexpected<ArchiveError>(std::move(listing.error()));
  auto files = artifacts::extract(*listing, fd, input.staging().input());
  if (!files) return Unexpected<ArchiveError>(std::move(files.error()));
  take(input, *listing, std::move(*files));
  return {};
}

}  // namespace vbrain::api

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api-server/transfer/submission.hpp"
#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/archive/archive_spool.hpp"
#include "base/text/digest.hpp"

namespace vbrain::api {

// Refuses (kInvalid, `file`) a name that the file of an input can't have. Pure.
std::optional<Refusal> check_file_name(std::string_view name);

// One uploaded file on its way to the volume. Members run on the volume's pool, one after the other; they throw
// VolumeError.
class FileReceiver {
 public:
  // `name` passes check_file_name().
  explicit FileReceiver(std::string name) : name_(std::move(name)), kind_(file_kind(name_).value()) {}

  // `parent` is the folder that holds the staged one.
  void open(const artifacts::Dir& parent, artifacts::Staging& staging);
  void write(std::string_view bytes);
  // Checks what has come and puts it into the staged input.
  Result<void, artifacts::ArchiveError> finish(StagedInput& input, const Limits& limits);

  // Whether unpack_file() can be used in place of open(), write() and finish().
  bool is_archive() const { return kind_ == FileKind::kZip; }
  // The same for an archive that is a file on the volume already, which nobody changes: it is not copied.
  Result<void, artifacts::ArchiveError> unpack_file(int fd, StagedInput& input, const Limits& limits) const;

 private:
  const std::string name_;
  const FileKind kind_;
  std::optional<artifacts::ArchiveSpool> archive_;
  artifacts::Fd file_;
  base::Sha256 digest_;
  std::uint64_t size_ = 0;
};

}  // namespace vbrain::api

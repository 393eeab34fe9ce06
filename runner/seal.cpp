#include "runner/seal.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <system_error>

#include "artifacts/archive/archive_writer.hpp"
#include "artifacts/store/layout.hpp"
#include "base/digest.hpp"
#include "base/io.hpp"
#include "base/json_reader.hpp"
#include "runner/entry_name.hpp"
#include "runner/json_fault.hpp"

namespace vbrain::runner {
namespace {

using artifacts::Dir;
using artifacts::OpenFile;

struct Refused {
  std::string reason;
};

// Checks all of the output before a byte is written, so that an invalid output costs no writes.
class OutputScan {
 public:
  explicit OutputScan(std::uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  void run(const Dir& folder, const std::string& prefix, std::size_t depth) {
    const auto entries = folder.list(kOutputFiles + 1 - entries_);
    entries_ += entries.size();
    if (entries_ > kOutputFiles) throw Refused{"the output has more than 65535 files and folders"};
    for (const Dir::Entry& entry : entries) {
      const std::string name = prefix + entry.name;
      if (!is_portable(entry.name)) throw Refused{"the output has a name that can't be in an archive: " + shown(name)};
      if (depth > kOutputDepth) throw Refused{"the output has more than 32 levels of folders"};
      if (entry.type == DT_DIR) {
        run(folder.at(entry.name), name + "/", depth + 1);
        continue;
      }
      if (entry.type != DT_REG)
        throw Refused{"the output has " + std::string(kind_of(entry.type)) + ": " + shown(name)};
      const auto status = folder.status(entry.name);
      if (!status) continue;
      if (status->st_nlink > 1) throw Refused{"the output has a hard link: " + shown(name)};
      bytes_ += static_cast<std::uint64_t>(status->st_size);
      if (bytes_ > limit_bytes_) {
        throw Refused{"the output is larger than " + std::to_string(limit_bytes_) + " bytes"};
      }
      name_bytes_ += name.size();
      if (name_bytes_ > kOutputNameBytes) throw Refused{"the names of the output are longer than 8 MiB together"};
      names_.push_back(name);
    }
  }

  const std::vector<std::string>& names() const { return names_; }

 private:
  std::uint64_t limit_bytes_;
  std::uint64_t bytes_ = 0;
  std::size_t entries_ = 0;
  std::size_t name_bytes_ = 0;
  std::vector<std::string> names_;
};

SealedOutput write_archive(const Dir* folder, const std::vector<std::string>& names, const Dir& attempt) {
  SealedOutput sealed;
  artifacts::DurableFile file(attempt);
  artifacts::ArchiveWriter writer([&](std::string_view bytes) { artifacts::write_all(file.fd(), bytes); },
                                  artifacts::Compression::kFast);
  for (const std::string& name : names) {
    const auto content = folder->open_file(name);
    if (!content) throw Refused{"an output file was removed while it was packed: " + shown(name)};
    const auto added = writer.add(name, content->fd.get(), content->size, content->modified);
    ++sealed.files_total;
    if (sealed.files.size() < artifacts::kManifestFiles) {
      sealed.files.push_back({name, added.bytes, added.sha256, content->modified});
    }
  }
  const auto whole = writer.finish();
  file.commit(artifacts::layout::kOutput, false);
  sealed.archive_bytes = whole.bytes;
  sealed.archive_sha256 = whole.sha256;
  return sealed;
}

}  // namespace

Result<SealedOutput, std::string> seal_output(const Dir& work, const Dir& attempt, std::uint64_t limit_bytes) {
  try {
    const auto folder = work.sub("output");
    OutputScan scan(limit_bytes);
    if (folder) scan.run(*folder, "", 1);
    return write_archive(folder ? &*folder : nullptr, scan.names(), attempt);
  } catch (const Refused& refused) {
    return Unexpected<std::string>(refused.reason);
  } catch (const artifacts::UnsafeFile&) {
    return Unexpected<std::string>("the output has something else than files and folders");
  }
}

namespace {

// Copies a file and checks at the same time that it is JSON, in constant memory: the checked bytes are the stored
// bytes, and the container's memory limit is for the application.
class CheckedCopy final : public base::JsonHandler {
 public:
  explicit CheckedCopy(int to) : to_(to) {}

  // The error in the file `from`, if there is one.
  std::optional<std::string> run(int from) try {
    // A byte order mark is taken, as in params, and not stored: the result becomes a part of an answer.
    std::array<char, 3> first{};
    const bool marked = base::read_some_at(from, first, 0) == 3 && std::string_view(first.data(), 3) == "\xEF\xBB\xBF";
    to_skip_ = marked ? first.size() : 0;
    const auto read = base::read_json(from, *this,
                                      {.limits = {.elements = base::JsonOptions::kNoLimit},
                                       .strict_keys = false,
                                       .skip_byte_order_mark = true,
                                       .lone_surrogates = true,
                                       .text_limit = 0,
                                       .copy_all = true});
    if (read) return std::nullopt;
    return explain_json_error(from, read.error(), path_);
  } catch (const artifacts::VolumeError&) {
    throw;  // of writing the copy
  } catch (const std::system_error& error) {
    throw artifacts::VolumeError(error.code().value(), "read a file of the application");
  }
  base::JsonNext token(const base::JsonToken& token) override {
    path_.follow(token);
    return base::JsonNext::kContinue;
  }
  void bytes(std::string_view piece) override {
    const std::size_t skipped = std::min(to_skip_, piece.size());
    to_skip_ -= skipped;
    piece.remove_prefix(skipped);
    size_ += piece.size();
    if (size_ > kResultLimit) throw Refused{"it is larger than 16 MiB"};
    artifacts::write_all(to_, piece);
  }
  std::uint64_t size() const { return size_; }

 private:
  int to_;
  JsonPath path_;
  std::size_t to_skip_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace

Result<std::uint64_t, std::string> seal_result(const Dir& work, const Dir& attempt) {
  try {
    const auto file = work.open_file("result.json");
    artifacts::DurableFile sealed(attempt);
    std::uint64_t size = 0;
    if (!file) {
      artifacts::write_all(sealed.fd(), "null");
      size = 4;
    } else {
      if (file->size > kResultLimit) return Unexpected<std::string>("it is larger than 16 MiB");
      CheckedCopy copy(sealed.fd());
      if (auto problem = copy.run(file->fd.get())) return Unexpected<std::string>(std::move(*problem));
      size = copy.size();
    }
    sealed.commit(artifacts::layout::kResult, false);
    return size;
  } catch (const Refused& refused) {
    return Unexpected<std::string>(refused.reason);
  } catch (const artifacts::UnsafeFile&) {
    return Unexpected<std::string>("it is not a regular file");
  }
}

}  // namespace vbrain::runner

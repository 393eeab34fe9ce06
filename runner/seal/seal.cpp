#include "runner/seal/seal.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <unordered_set>

#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/archive/archive_writer.hpp"
#include "artifacts/archive/name_tree.hpp"
#include "artifacts/archive/utf8.hpp"
#include "artifacts/store/layout.hpp"
#include "base/files/io.hpp"
#include "base/json/json_reader.hpp"
#include "base/text/digest.hpp"
#include "runner/json_fault.hpp"
#include "runner/seal/entry_name.hpp"
#include "runner/seal/output_links.hpp"
#include "runner/seal/readable.hpp"

namespace vbrain::runner {
namespace {

using artifacts::Dir;
using artifacts::OpenFile;

struct Refused {
  std::string reason;
};

// Like Dir::open_file. A second link is harmless here: it is in the same work folder, which is the application's own.
std::optional<OpenFile> open_output_file(const Dir& folder, const std::string& path) {
  return folder.open_file(path, std::numeric_limits<nlink_t>::max());
}

// What may not be read, or has a path that is too long, is left out. Other errors are the volume's.
bool can_be_left_out(const artifacts::VolumeError& error) {
  const int number = error.code().value();
  return number == EACCES || number == EPERM || number == ENAMETOOLONG;
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Why an entry cannot be in an archive that vBrain takes as input; empty if it can. `forms` has the normalized names of
// the folder's entries so far, those that are not ASCII.
std::string_view name_problem(const std::string& name, const std::string& path,
                              std::unordered_set<std::string>& forms) {
  if (const auto problem = artifacts::check_entry_name(path); !problem.empty()) return problem;
  const bool is_second = !is_ascii(name) && !forms.insert(artifacts::nfc(name)).second;
  return is_second ? "its name differs from another one in Unicode normalization only" : std::string_view();
}

// Checks all of the output before a byte is written, so that an invalid output costs no writes.
class OutputScan {
 public:
  OutputScan(const Dir& output, std::uint64_t limit_bytes, artifacts::LeftOut& left_out)
      : output_(output), limit_bytes_(limit_bytes), left_out_(left_out) {}

  // Links come last: what their copies do not find room for is left out, and never the files themselves.
  void run() {
    run(output_, "", 1);
    for (const std::string& name : links_) take_link(name);
  }

  // Files in the order of the archive, and empty folders with a slash at the end.
  const std::vector<std::string>& names() const { return names_; }
  // Where the content of a file of the archive lies in the output: elsewhere if it is the copy of a link's target.
  const std::string& source_of(const std::string& name) const {
    const auto copy = copies_.find(name);
    return copy == copies_.end() ? name : copy->second;
  }

 private:
  // The names of an output are those that an uploaded archive may have: a client can send it in again.
  void run(const Dir& folder, const std::string& prefix, std::size_t depth) {
    const auto entries = folder.list(kOutputFiles + 1 - entries_);
    std::unordered_set<std::string> forms;  // of names in this folder that are not ASCII
    entries_ += entries.size();
    if (entries_ > kOutputFiles) throw Refused{"the output has more than 65535 files and folders"};
    for (const Dir::Entry& entry : entries) {
      const std::string name = prefix + entry.name;
      if (depth > kOutputDepth) throw Refused{"the output has more than 32 levels of folders"};
      if (const auto problem = name_problem(entry.name, name, forms); !problem.empty()) {
        left_out_.add(name, std::string(problem));
        continue;
      }
      try {
        take(folder, entry, name, depth);
      } catch (const artifacts::VolumeError& error) {
        if (!can_be_left_out(error)) throw;
        left_out_.add(name, error.code().message());
      }
    }
  }

  void take(const Dir& folder, const Dir::Entry& entry, const std::string& name, std::size_t depth) {
    make_readable(folder, entry.name);
    if (entry.type == DT_DIR) {
      const std::size_t before = names_.size();
      run(folder.at(entry.name), name + "/", depth + 1);
      if (names_.size() == before) add(name + "/");
      return;
    }
    if (entry.type == DT_LNK) {
      count_name(name);
      links_.push_back(name);
      return;
    }
    if (entry.type != DT_REG) return left_out_.add(name, std::string("it is ") + kind_of(entry.type));
    const auto status = folder.status(entry.name);
    if (!status) return;
    bytes_ += static_cast<std::uint64_t>(status->st_size);
    if (bytes_ > limit_bytes_)
      throw Refused{std::string(artifacts::kTooLargeOutput) + std::to_string(limit_bytes_) + " bytes"};
    add(name);
  }

  void add(const std::string& name) {
    count_name(name);
    names_.push_back(name);
  }

  // The names are in memory, which the application's limit bounds.
  void count_name(const std::string& name) {
    name_bytes_ += name.size();
    if (name_bytes_ > kOutputNameBytes) throw Refused{"the output has names of more than 8 MiB together"};
  }

  // Takes the link as a copy of its target, whole or not at all.
  void take_link(const std::string& name) {
    const std::size_t names = names_.size();
    const std::uint64_t bytes = bytes_;
    const std::size_t name_bytes = name_bytes_;
    std::string reason;
    try {
      open_ = {};
      copy_target(name, name, static_cast<std::size_t>(std::ranges::count(name, '/')) + 1);
      return;
    } catch (const Refused& refused) {
      reason = refused.reason;
    } catch (const artifacts::VolumeError& error) {
      if (!can_be_left_out(error)) throw;
      reason = "its target: " + error.code().message();
    }
    left_out_.add(name, reason);
    for (std::size_t i = names; i < names_.size(); ++i) copies_.erase(names_[i]);
    names_.resize(names);
    bytes_ = bytes;
    name_bytes_ = name_bytes;
  }

  // Adds the target of the link `path` under `name`.
  void copy_target(const std::string& path, const std::string& name, std::size_t depth) {
    const auto target = follow_link(output_, path);
    if (!target) throw Refused{"it is " + target.error()};
    if (!target->is_folder) return add_copy(target->path, name);
    const bool inside_itself = contains(target->path, path) || std::ranges::find(open_, target->path) != open_.end();
    if (inside_itself) throw Refused{"it is a symbolic link to a folder that contains it"};
    open_.push_back(target->path);
    copy_folder(target->path, name, depth + 1);
    open_.pop_back();
  }

  void copy_folder(const std::string& path, const std::string& name, std::size_t depth) {
    // The work for links is limited too: a few folders with links to each other have any number of copies.
    const auto check = [&] {
      if (copied_entries_ > kOutputFiles)
        throw Refused{"the targets of all links have more than 65535 files and folders"};
    };
    check();
    const Dir folder = output_.at(path);
    const auto entries = folder.list(kOutputFiles + 1 - copied_entries_);
    copied_entries_ += entries.size();
    check();
    const std::size_t before = names_.size();
    std::unordered_set<std::string> forms;
    for (const Dir::Entry& entry : entries) {
      const std::string from = path + "/" + entry.name;
      const std::string to = name + "/" + entry.name;
      if (const auto problem = name_problem(entry.name, to, forms); !problem.empty()) {
        throw Refused{"its target has a name that cannot be in an archive: " + std::string(problem)};
      }
      if (depth > kOutputDepth) throw Refused{"its target has more than 32 levels of folders"};
      if (entry.type == DT_DIR) copy_folder(from, to, depth + 1);
      if (entry.type == DT_LNK) copy_target(from, to, depth);
      if (entry.type == DT_REG) add_copy(from, to);
    }
    if (names_.size() == before) add_copy_name(path + "/", name + "/");
  }

  void add_copy(const std::string& from, const std::string& name) {
    const auto status = output_.status(from);
    if (!status) return;
    bytes_ += static_cast<std::uint64_t>(status->st_size);
    if (bytes_ > limit_bytes_) throw Refused{"with a copy of its target the output is larger than its limit"};
    add_copy_name(from, name);
  }

  void add_copy_name(const std::string& from, const std::string& name) {
    name_bytes_ += name.size() + from.size();
    if (names_.size() + 1 > kOutputFiles || name_bytes_ > kOutputNameBytes) {
      throw Refused{"with a copy of its target the output has too many files"};
    }
    names_.push_back(name);
    copies_[name] = from;
  }

  const Dir& output_;
  std::uint64_t limit_bytes_;
  artifacts::LeftOut& left_out_;
  std::uint64_t bytes_ = 0;
  std::size_t entries_ = 0;
  std::size_t copied_entries_ = 0;
  std::size_t name_bytes_ = 0;
  std::vector<std::string> names_;
  std::vector<std::string> links_;
  std::map<std::string, std::string> copies_;
  std::vector<std::string> open_;  // the folders that are being copied
};

// `scan` is null if there is no output folder.
void write_archive(const Dir* folder, const OutputScan* scan, const Dir& attempt, SealedOutput& sealed) {
  artifacts::DurableFile file(attempt);
  artifacts::ArchiveWriter writer([&](std::string_view bytes) { artifacts::write_all(file.fd(), bytes); },
                                  artifacts::Compression::kFast);
  for (const std::string& name : scan == nullptr ? std::vector<std::string>() : scan->names()) {
    if (name.ends_with('/')) {
      const std::string& source = scan->source_of(name);
      const auto status = folder->status(source.substr(0, source.size() - 1));
      if (!status) throw Refused{"an output folder was removed while it was packed: " + shown(name)};
      writer.add_folder(name.substr(0, name.size() - 1), base::TimePoint(std::chrono::seconds(status->st_mtim.tv_sec)));
      continue;
    }
    std::optional<OpenFile> content;
    try {
      content = open_output_file(*folder, scan->source_of(name));
    } catch (const artifacts::VolumeError& error) {
      if (error.code().value() != EACCES) throw;
      sealed.left_out.add(name, error.code().message());
      continue;
    }
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
}

}  // namespace

Result<SealedOutput, std::string> seal_output(const Dir& work, const Dir& attempt, std::uint64_t limit_bytes) {
  try {
    SealedOutput sealed;
    make_readable(work, "output");
    const auto folder = work.sub("output");
    std::optional<OutputScan> scan;
    if (folder) {
      scan.emplace(*folder, limit_bytes, sealed.left_out);
      scan->run();
    }
    write_archive(folder ? &*folder : nullptr, scan ? &*scan : nullptr, attempt, sealed);
    return sealed;
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
  // With `text` the copied bytes are kept there, too.
  CheckedCopy(int to, std::string* text) : to_(to), text_(text) {}

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
    if (text_ == nullptr) return;
    if (size_ > schema::kCheckedLimit) {
      throw Refused{"it is larger than 4 MiB, which is the most that is checked against resultSchema"};
    }
    *text_ += piece;
  }
  std::uint64_t size() const { return size_; }

 private:
  int to_;
  std::string* text_;
  JsonPath path_;
  std::size_t to_skip_ = 0;
  std::uint64_t size_ = 0;
};

// Bytes of the violations in the job's message.
constexpr std::size_t kToldViolations = 500;

void check_schema(const schema::Schema& schema, std::string_view result, bool is_there) {
  schema::Work work;
  const schema::Violations violations = schema.check_text(result, work);
  if (violations.empty()) return;
  const std::string words = artifacts::printable(schema::in_words(violations, kToldViolations), 2 * kToldViolations);
  throw Refused{(is_there ? "it does not match resultSchema of the Application: "
                          : "there is no result file, and resultSchema of the Application takes no null: ") +
                words};
}

}  // namespace

Result<std::uint64_t, std::string> seal_result(const Dir& work, const Dir& attempt, const schema::Schema* schema) {
  try {
    make_readable(work, "result.json");
    const auto file = open_output_file(work, "result.json");
    artifacts::DurableFile sealed(attempt);
    std::uint64_t size = 0;
    std::string text = "null";
    if (!file) {
      artifacts::write_all(sealed.fd(), "null");
      size = 4;
    } else {
      if (file->size > kResultLimit) return Unexpected<std::string>("it is larger than 16 MiB");
      text.clear();
      CheckedCopy copy(sealed.fd(), schema == nullptr ? nullptr : &text);
      if (auto problem = copy.run(file->fd.get())) return Unexpected<std::string>(std::move(*problem));
      size = copy.size();
    }
    if (schema != nullptr) check_schema(*schema, text, file.has_value());
    sealed.commit(artifacts::layout::kResult, false);
    return size;
  } catch (const Refused& refused) {
    return Unexpected<std::string>(refused.reason);
  } catch (const artifacts::UnsafeFile&) {
    return Unexpected<std::string>("it is not a regular file");
  }
}

}  // namespace vbrain::runner

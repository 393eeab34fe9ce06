#include "runner/logs/seal_logs.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "artifacts/files/access.hpp"
#include "base/files/io.hpp"
#include "runner/logs/kept_end.hpp"
#include "runner/logs/log_names.hpp"
#include "runner/seal/entry_name.hpp"
#include "runner/seal/readable.hpp"

namespace vbrain::runner {
namespace {

using artifacts::Dir;
using artifacts::LeftOut;
using artifacts::OpenFile;

// Removes what an earlier copy has left.
void remove_others(const Dir& folder, const std::vector<std::string>& ours, LeftOut& left_out) {
  for (const Dir::Entry& entry : folder.list(2 * kLogFiles)) {
    // .nfs…: what an NFS client keeps of a file that was removed while it was open, until it is closed.
    if (entry.name.starts_with(".nfs") || std::ranges::find(ours, entry.name) != ours.end()) continue;
    try {
      folder.remove_tree(entry.name);
    } catch (const artifacts::VolumeError& error) {
      left_out.add(entry.name, error.what());
    }
  }
}

class LogSeal {
 public:
  LogSeal(std::uint64_t limit_bytes, LeftOut& left_out)
      : limit_bytes_(limit_bytes), limit_(std::to_string(limit_bytes)), left_(limit_bytes), left_out_(left_out) {}

  void folder(const Dir& from, const Dir& to, const std::string& prefix, int depth) {
    std::vector<std::string> kept;
    if (depth == 1) kept = {kStdoutLog, kStderrLog};
    // One more than the limit, to know whether there are more.
    for (const Dir::Entry& entry : from.list(kLogFiles + 1)) {
      const std::string name = prefix + entry.name;
      if (entries_ == kLogFiles) {
        left_out_.add(name, kTooManyLogs);
        break;
      }
      if (left_ == 0) {
        left_out_.add(name, "the log limit of " + limit_ + " bytes is reached");
        break;
      }
      ++entries_;
      const std::string target = kept_log_name(entry.name, depth == 1);
      try {
        const auto reason = take(from, entry, to, target, name, depth);
        if (!reason.empty()) left_out_.add(name, reason);
        kept.push_back(target);
      } catch (const LeftOutEntry& left_out) {
        left_out_.add(name, left_out.reason);
      } catch (const artifacts::VolumeError& error) {
        left_out_.add(name, error.code().message());
        kept.push_back(target);
      }
    }
    remove_others(to, kept, left_out_);
  }

  std::uint64_t bytes() const { return bytes_; }

 private:
  struct LeftOutEntry {
    std::string reason;
  };

  // Returns what is missing in it; empty if it is complete.
  std::string take(const Dir& from, const Dir::Entry& entry, const Dir& to, const std::string& target,
                   const std::string& name, int depth) {
    if (const auto problem = log_name_problem(entry.name); !problem.empty()) throw LeftOutEntry{std::string(problem)};
    make_readable(from, entry.name);
    const bool is_folder = entry.type == DT_DIR;
    if (is_folder && depth == kLogDepth) throw LeftOutEntry{std::string(kTooDeepLog)};
    if (!is_folder && entry.type != DT_REG) throw LeftOutEntry{std::string("it is ") + kind_of(entry.type)};
    // A copy that was made of another entry with this name.
    const auto found = to.status(target);
    if (found && S_ISDIR(found->st_mode) != is_folder) to.remove_tree(target);
    if (is_folder) {
      if (found) artifacts::restore_access_at(to.fd(), target);
      const Dir below = from.at(entry.name);
      folder(below, to.make(target), name + "/", depth + 1);
      return {};
    }
    // A second link is harmless: it is in the same work folder, which is the application's own.
    const auto file = from.open_file(entry.name, std::numeric_limits<nlink_t>::max());
    if (!file) throw LeftOutEntry{"it was removed while it was read"};
    return copy(*file, to, target);
  }

  std::string copy(const OpenFile& file, const Dir& to, const std::string& name) {
    artifacts::DurableFile copy(to);
    std::string cut;
    std::uint64_t done = 0;
    if (file.size <= left_) {
      done = copy_part(file, 0, left_, copy.fd(), name);
    } else {
      // The beginning and the end: the cause of a failure often stands at the end.
      const std::uint64_t last = end_bytes_of(left_);
      const std::uint64_t missing = file.size - left_;
      done = copy_part(file, 0, left_ - last, copy.fd(), name);
      artifacts::write_all(copy.fd(), left_out_line(limit_bytes_, missing));
      done += copy_part(file, file.size - last, last, copy.fd(), name);
      cut =
          "cut: " + std::to_string(missing) + " bytes in the middle; the log limit of " + limit_ + " bytes is reached";
    }
    copy.commit(name);
    left_ -= done;
    bytes_ += done;
    return cut;
  }

  // Returns the number of bytes copied; fewer if the file has become shorter.
  static std::uint64_t copy_part(const OpenFile& file, std::uint64_t from, std::uint64_t size, int to,
                                 const std::string& name) {
    std::array<char, 64U << 10> block;
    std::uint64_t done = 0;
    while (done < size) {
      const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), size - done));
      const ssize_t got = base::read_some_at(file.fd.get(), std::span(block).first(wanted), from + done);
      if (got < 0) throw artifacts::VolumeError(errno, "read " + name);
      if (got == 0) break;
      artifacts::write_all(to, {block.data(), static_cast<std::size_t>(got)});
      done += static_cast<std::uint64_t>(got);
    }
    return done;
  }

  const std::uint64_t limit_bytes_;
  const std::string limit_;
  std::uint64_t left_;
  std::uint64_t bytes_ = 0;
  std::size_t entries_ = 0;
  LeftOut& left_out_;
};

}  // namespace

std::uint64_t seal_logs(const Dir& work, const Dir& logs, std::uint64_t limit_bytes, LeftOut& left_out) {
  LogSeal seal(limit_bytes, left_out);
  try {
    make_readable(work, "logs");
    if (const auto folder = work.sub("logs")) seal.folder(*folder, logs, "", 1);
  } catch (const artifacts::UnsafeFile&) {
    left_out.add("VBRAIN_LOG_DIR", "it is not a folder any more");
  } catch (const artifacts::VolumeError& error) {
    left_out.add("VBRAIN_LOG_DIR", error.code().message());
  }
  return seal.bytes();
}

}  // namespace vbrain::runner

#include "runner/logs/seal_logs.hpp"

#include <dirent.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <span>
#include <string>

#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/store/layout.hpp"
#include "base/io.hpp"
#include "runner/entry_name.hpp"
#include "runner/readable.hpp"

namespace vbrain::runner {
namespace {

using artifacts::Dir;
using artifacts::LeftOut;
using artifacts::OpenFile;

// The end of a log that is kept beyond the limit.
constexpr std::uint64_t kLastBytes = 256U << 10;

std::string free_name(const Dir& to, const std::string& name) {
  std::string candidate = name;
  for (int i = 1; to.status(candidate); ++i) candidate = name + "." + std::to_string(i);
  return candidate;
}

class LogSeal {
 public:
  LogSeal(std::uint64_t limit_bytes, LeftOut& left_out)
      : limit_(std::to_string(limit_bytes)), left_(limit_bytes), left_out_(left_out) {}

  void folder(const Dir& from, const Dir& to, const std::string& prefix, int depth) {
    // One more than the limit, to know whether there are more.
    for (const Dir::Entry& entry : from.list(kLogFiles + 1)) {
      const std::string name = prefix + entry.name;
      if (files_ == kLogFiles) return left_out_.add(name, "there are more than 1000 log files");
      if (left_ == 0) return left_out_.add(name, "the log limit of " + limit_ + " bytes is reached");
      try {
        if (const std::string reason = take(from, entry, to, name, depth); !reason.empty()) left_out_.add(name, reason);
      } catch (const artifacts::VolumeError& error) {
        left_out_.add(name, error.code().message());
      }
    }
  }

  std::uint64_t bytes() const { return bytes_; }

 private:
  // The reason why it is left out; empty if it is not.
  std::string take(const Dir& from, const Dir::Entry& entry, const Dir& to, const std::string& name, int depth) {
    if (!artifacts::check_entry_name(entry.name).empty()) return "its name cannot be in an archive";
    if (entry.name.starts_with(".vbrain-")) return "the name is reserved for the runner";
    make_readable(from, entry.name);
    if (entry.type == DT_DIR) {
      if (depth == kLogDepth) return "it is more than 16 levels deep";
      const Dir below = from.at(entry.name);
      folder(below, to.make(free_name(to, entry.name)), name + "/", depth + 1);
      return {};
    }
    if (entry.type != DT_REG) return std::string("it is ") + kind_of(entry.type);
    // A second link is harmless: it is in the same work folder, which is the application's own.
    const auto file = from.open_file(entry.name, std::numeric_limits<nlink_t>::max());
    return file ? copy(*file, to, entry.name) : std::string("it was removed while it was read");
  }

  std::string copy(const OpenFile& file, const Dir& to, const std::string& name) {
    artifacts::DurableFile copy(to);
    std::string cut;
    std::uint64_t done = 0;
    if (file.size <= left_) {
      done = copy_part(file, 0, left_, copy.fd(), name);
    } else {
      // The beginning and the end: the cause of a failure often stands at the end.
      const std::uint64_t last = std::min(kLastBytes, left_ / 2);
      const std::string missing = std::to_string(file.size - left_) + " bytes";
      done = copy_part(file, 0, left_ - last, copy.fd(), name);
      artifacts::write_all(copy.fd(),
                           "\n[log limit of " + limit_ + " bytes reached: " + missing + " are left out here]\n");
      done += copy_part(file, file.size - last, last, copy.fd(), name);
      cut = "cut: " + missing + " in the middle; the log limit of " + limit_ + " bytes is reached";
    }
    copy.commit(free_name(to, name));
    left_ -= done;
    bytes_ += done;
    ++files_;
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

  const std::string limit_;
  std::uint64_t left_;
  std::uint64_t bytes_ = 0;
  std::size_t files_ = 0;
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

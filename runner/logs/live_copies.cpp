#include "runner/logs/live_copies.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <span>
#include <utility>

#include "base/files/io.hpp"
#include "runner/logs/kept_end.hpp"
#include "runner/logs/log_names.hpp"
#include "runner/logs/shared_file_system.hpp"
#include "runner/seal/entry_name.hpp"

namespace vbrain::runner {
namespace {

using artifacts::Dir;
using artifacts::Fd;
using artifacts::OpenFile;
using artifacts::VolumeError;

constexpr std::size_t kBlock = 64U << 10;
constexpr std::uint64_t kCompared = 64;  // bytes

std::string limit_note(std::uint64_t limit) {
  return "the log limit of " + std::to_string(limit) + " bytes is reached";
}

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// The bytes before `at`.
std::string read_before(const OpenFile& file, std::uint64_t at) {
  std::string bytes(static_cast<std::size_t>(std::min(at, kCompared)), '\0');
  const ssize_t got = base::read_full_at(file.fd.get(), bytes, at - bytes.size());
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return bytes;
}

// An entry of `folder` for writing; nothing if it is not a regular file with this length and one name. The application
// may have changed it, if the kernel has no Landlock.
Fd open_copy(const Dir& folder, const std::string& name, std::uint64_t length) {
  Fd fd(openat(folder.fd(), name.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat found {};
  const bool ours = fd && fstat(fd.get(), &found) == 0 && S_ISREG(found.st_mode) && found.st_nlink == 1 &&
                    static_cast<std::uint64_t>(found.st_size) == length;
  return ours ? std::move(fd) : Fd();
}

}  // namespace

LiveCopies::LiveCopies(const Dir& work, const Dir& logs, std::uint64_t limit_bytes)
    : work_(work), logs_(logs), limit_(limit_bytes), shared_(is_on_shared_file_system(logs.fd())) {}

void LiveCopies::update(std::stop_token stop) {
  stop_ = std::move(stop);
  left_out_ = artifacts::LeftOut("The runner");
  try {
    const auto folder = work_.sub("logs");
    const Sources sources = folder ? scan(*folder) : Sources();
    move_copies(sources);
    remove_copies(sources);
    for (const auto& [path, look] : sources) {
      if (stop_.stop_requested()) return;
      try {
        follow(*folder, path, look);
      } catch (const VolumeError& error) {
        left_out_.add(path, error.code().message());
      }
    }
    for (const auto& [path, copy] : copies_) {
      if (!copy.note.empty()) left_out_.add(path, copy.note);
    }
    write_left_out();
  } catch (const VolumeError&) {
    // seal_logs says so, if it lasts.
  }
}

std::vector<std::string> LiveCopies::names() const {
  return {names_.begin(), names_.end()};
}

// --- What the application has.

std::optional<LiveCopies::Look> LiveCopies::look_at(int folder, const char* name, int flags) {
  struct statx found {};
  if (statx(folder, name, flags, STATX_BASIC_STATS | STATX_BTIME, &found) != 0 || !S_ISREG(found.stx_mode)) {
    return std::nullopt;
  }
  const auto nanoseconds = [](const statx_timestamp& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; };
  const bool has_birth = (found.stx_mask & STATX_BTIME) != 0;
  return Look{.identity = {.device = std::uint64_t{found.stx_dev_major} << 32 | found.stx_dev_minor,
                           .number = found.stx_ino,
                           .born_ns = has_birth ? nanoseconds(found.stx_btime) : 0},
              .size = found.stx_size,
              .modified_ns = nanoseconds(found.stx_mtime)};
}

LiveCopies::Sources LiveCopies::scan(const Dir& folder) {
  Sources sources;
  entries_ = 0;
  is_partial_ = false;
  scan(folder, "", 1, sources);
  if (!is_partial_) return sources;
  // A file that is copied is followed further, whichever entries the limit has left.
  for (const auto& [path, copy] : copies_) {
    if (sources.contains(path)) continue;
    const auto file = folder.open_file(path, std::numeric_limits<nlink_t>::max());
    if (!file) continue;
    if (const auto look = look_at(file->fd.get(), "", AT_EMPTY_PATH)) sources.emplace(path, *look);
  }
  return sources;
}

void LiveCopies::scan(const Dir& folder, const std::string& prefix, int depth, Sources& sources) {
  for (const Dir::Entry& entry : folder.list(kLogFiles + 1)) {
    const std::string path = prefix + entry.name;
    if (++entries_ > kLogFiles) {
      if (!is_partial_) left_out_.add(path, kTooManyLogs);
      is_partial_ = true;
      return;
    }
    if (const auto problem = log_name_problem(entry.name); !problem.empty()) {
      left_out_.add(path, problem);
    } else if (entry.type == DT_REG) {
      const auto look = look_at(folder.fd(), entry.name.c_str(), AT_SYMLINK_NOFOLLOW);
      if (look) sources.emplace(path, *look);
    } else if (entry.type != DT_DIR) {
      left_out_.add(path, std::string("it is ") + kind_of(entry.type));
    } else if (depth == kLogDepth) {
      left_out_.add(path, kTooDeepLog);
    } else {
      try {
        if (const auto below = folder.sub(entry.name)) scan(*below, path + "/", depth + 1, sources);
      } catch (const VolumeError& error) {
        is_partial_ = true;
        left_out_.add(path, error.code().message());
      }
    }
  }
}

// --- Names.

LiveCopies::Dir LiveCopies::parent_of(const std::string& kept_path) {
  names_.insert(kept_path.substr(0, kept_path.find('/')));
  const std::size_t slash = kept_path.rfind('/');
  return slash == kept_path.npos ? logs_.at(".") : logs_.make(kept_path.substr(0, slash));
}

void LiveCopies::forget(const std::string& path, Copy& copy) {
  taken_ -= copy.taken;
  if (end_owner_ == path) {
    end_owner_.clear();
    end_room_ = 0;
  }
  copy = {};
}

void LiveCopies::move_copies(const Sources& sources) {
  FilesByPath copied;
  FilesByPath present;
  for (const auto& [path, copy] : copies_) copied.emplace(path, copy.identity);
  for (const auto& [path, look] : sources) present.emplace(path, look.identity);
  for (const auto& [from, to] : plan_moves(copied, present)) {
    bool moved = false;
    try {
      const std::string target = kept_log_path(to);
      parent_of(target);
      moved = logs_.move(kept_log_path(from), logs_, target);
    } catch (const VolumeError&) {
      // It is removed as a copy without a source, and made anew under its new name.
    }
    if (!moved) continue;
    if (const auto replaced = copies_.find(to); replaced != copies_.end()) {
      forget(to, replaced->second);
      copies_.erase(replaced);
    }
    auto copy = copies_.extract(from);
    copy.key() = to;
    copies_.insert(std::move(copy));
    if (end_owner_ == from) end_owner_ = to;
  }
}

void LiveCopies::remove_copies(const Sources& sources) {
  for (auto at = copies_.begin(); at != copies_.end();) {
    if (sources.contains(at->first)) {
      ++at;
      continue;
    }
    try {
      logs_.remove_file(kept_log_path(at->first));
    } catch (const VolumeError&) {
      // seal_logs removes it.
    }
    forget(at->first, at->second);
    at = copies_.erase(at);
  }
}

// --- Bytes.

void LiveCopies::follow(const Dir& folder, const std::string& path, const Look& look) {
  const auto known = copies_.find(path);
  if (known != copies_.end() && known->second.look == look) return;
  if (known == copies_.end() && copies_.size() == kLogFiles) return left_out_.add(path, kTooManyLogs);
  // A second link is harmless: it is in the same work folder, which is the application's own.
  const auto file = folder.open_file(path, std::numeric_limits<nlink_t>::max());
  const auto now = file ? look_at(file->fd.get(), "", AT_EMPTY_PATH) : std::nullopt;
  if (!now || now->identity != look.identity) return;  // it was replaced just now: the next update sees it
  Copy& copy = copies_[path];
  const bool continues = copy.identity == now->identity && now->size >= std::max(copy.taken, copy.end_until) &&
                         read_before(*file, copy.taken) == copy.last_taken;
  const std::string kept = kept_log_path(path);
  const Fd to = continues ? open_copy(parent_of(kept), base_name(kept), copy.length) : Fd();
  copy.look = {};
  if (to) {
    go_on(*file, to.get(), path, copy, now->size);
  } else {
    forget(path, copy);
    copy.identity = now->identity;
    begin(*file, path, copy, now->size);
  }
  if (!stop_.stop_requested()) copy.look = *now;
}

void LiveCopies::begin(const OpenFile& file, const std::string& path, Copy& copy, std::uint64_t size) {
  const std::string kept = kept_log_path(path);
  const std::string name = base_name(kept);
  const Dir folder = parent_of(kept);
  if (const auto found = folder.status(name); found && S_ISDIR(found->st_mode)) folder.remove_tree(name);
  if (const auto made = folder.create_file(name)) return go_on(file, made->get(), path, copy, size);
  // The former copy stays until the new one is complete.
  try {
    artifacts::DurableFile anew(folder);
    go_on(file, anew.fd(), path, copy, size);
    anew.commit(name, false);
  } catch (const VolumeError&) {
    forget(path, copy);
    throw;
  }
}

void LiveCopies::go_on(const OpenFile& file, int to, const std::string& path, Copy& copy, std::uint64_t size) {
  if (end_owner_ != path) {
    const std::uint64_t wanted = size - copy.taken;
    const std::uint64_t left = limit_ - taken_ - end_room_;
    if (wanted > left && end_owner_.empty()) {
      own_the_end(file, to, path, copy);
    } else {
      take_more(file, to, copy, std::min(wanted, left));
      copy.note = wanted > left ? limit_note(limit_) : std::string();
    }
  }
  if (end_owner_ == path) keep_end(file, to, copy, size);
  if (shared_ && fdatasync(to) != 0) throw VolumeError(errno, "write " + path);
}

// The file does not fit. Its beginning gets what the limit leaves without the room for its end.
void LiveCopies::own_the_end(const OpenFile& file, int to, const std::string& path, Copy& copy) {
  const std::uint64_t head = limit_ - end_bytes_of(limit_);
  if (taken_ < head) {
    take_more(file, to, copy, head - taken_);
  } else {
    const std::uint64_t excess = std::min(copy.taken, taken_ - head);
    copy.taken -= excess;
    taken_ -= excess;
    copy.last_taken = read_before(file, copy.taken);
  }
  copy.end_until = copy.taken;
  copy.note = limit_note(limit_);
  if (taken_ == limit_ || stop_.stop_requested()) return;
  end_owner_ = path;
  end_room_ = limit_ - taken_;
  copy.note = "cut in the middle: " + copy.note;
}

void LiveCopies::keep_end(const OpenFile& file, int to, Copy& copy, std::uint64_t size) {
  if (size == copy.end_until) return;
  const EndStep step = next_end_step(copy.end_in_file, size - copy.end_until, end_room_);
  std::uint64_t at = copy.length;
  if (step.anew) {
    const std::string line = left_out_line(limit_, size - copy.taken - step.bytes);
    at = copy.taken;
    copy.end_in_file = 0;
    if (lseek(to, static_cast<off_t>(at), SEEK_SET) < 0) throw VolumeError(errno, "write the end of a log");
    artifacts::write_all(to, line);
    at += line.size();
  }
  const std::uint64_t done = transfer(file, size - step.bytes, step.bytes, to, at);
  if (step.anew && ftruncate(to, static_cast<off_t>(at + done)) != 0) error_ = errno;
  copy.length = at + done;
  // After an incomplete step the end is written anew.
  copy.end_in_file = done == step.bytes ? copy.end_in_file + done : 0;
  copy.end_until = size;
  throw_if_failed();
}

void LiveCopies::take_more(const OpenFile& file, int to, Copy& copy, std::uint64_t bytes) {
  const std::uint64_t done = transfer(file, copy.taken, bytes, to, copy.taken);
  copy.taken += done;
  taken_ += done;
  copy.length = copy.taken;
  copy.last_taken = read_before(file, copy.taken);
  throw_if_failed();
}

// Returns how many bytes are written; fewer if it is told to stop, if the file has become shorter, or with `error_`
// set.
std::uint64_t LiveCopies::transfer(const OpenFile& file, std::uint64_t from, std::uint64_t bytes, int to,
                                   std::uint64_t at) {
  error_ = 0;
  block_.resize(kBlock);
  std::uint64_t done = 0;
  while (done < bytes && !stop_.stop_requested()) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, bytes - done));
    const ssize_t got = base::read_some_at(file.fd.get(), std::span(block_).first(wanted), from + done);
    if (got < 0) error_ = errno;
    if (got <= 0) break;
    for (ssize_t sent = 0; sent < got;) {
      const auto size = static_cast<std::size_t>(got - sent);
      const ssize_t written =
          base::without_eintr([&] { return pwrite(to, &block_[sent], size, static_cast<off_t>(at + done)); });
      if (written < 0) {
        error_ = errno;
        return done;
      }
      sent += written;
      done += static_cast<std::uint64_t>(written);
    }
  }
  return done;
}

void LiveCopies::throw_if_failed() {
  if (error_ != 0) throw VolumeError(std::exchange(error_, 0), "copy a log");
}

void LiveCopies::write_left_out() {
  std::string text = left_out_.empty() ? std::string() : left_out_.text();
  if (text == left_out_text_) return;
  names_.insert(kLeftOutFile);
  if (text.empty()) {
    logs_.remove_file(kLeftOutFile);
  } else {
    logs_.write_file_durably(kLeftOutFile, text);
  }
  left_out_text_ = std::move(text);
}

}  // namespace vbrain::runner

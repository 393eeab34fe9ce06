#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/archive/left_out.hpp"
#include "artifacts/files/safe_open.hpp"
#include "runner/logs/live_moves.hpp"

namespace vbrain::runner {

// Copies of the files in VBRAIN_LOG_DIR, made while the application writes them. They are in logs/ of the attempt,
// under the names that seal_logs gives, and are what is left if the runner is killed. Each update writes only what is
// new. A file that was renamed keeps its copy, a file that was replaced or shortened gets a new one at once, and a file
// that was removed loses it. The limits are those of seal_logs: bytes of all files together, files and folders, depth.
// Links are not followed. Memory: one block of 64 KiB and about 200 bytes for each file, besides its name. Not
// thread-safe.
class LiveCopies {
 public:
  // `work` is the folder with logs/, `logs` that of the attempt. Both must outlive this.
  LiveCopies(const artifacts::Dir& work, const artifacts::Dir& logs, std::uint64_t limit_bytes);

  // Brings the copies up to date. Ends early if `stop` is requested. Throws nothing if the volume fails: the next
  // update tries again.
  void update(std::stop_token stop = {});

  // The entries of logs/ that this object has made.
  std::vector<std::string> names() const;

 private:
  // What is known of a source file.
  struct Look {
    FileIdentity identity;
    std::uint64_t size = 0;
    std::int64_t modified_ns = 0;

    friend bool operator==(const Look&, const Look&) = default;
  };
  struct Copy {
    Look look;                      // of the source, when the copy was brought up to date; all zero: it is not
    FileIdentity identity;          // of the source
    std::uint64_t taken = 0;        // bytes from the source's beginning, which are the copy's beginning
    std::string last_taken;         // the last of them, to notice that the source was written anew
    std::uint64_t end_until = 0;    // where the end that is kept beyond the limit ends in the source
    std::uint64_t end_in_file = 0;  // bytes of that end; 0 if there is none
    std::uint64_t length = 0;       // of the copy, with that end
    std::string note;               // what is missing in it
  };
  using Sources = std::map<std::string, Look>;
  using Dir = artifacts::Dir;
  using OpenFile = artifacts::OpenFile;

  static std::optional<Look> look_at(int folder, const char* name, int flags);
  Sources scan(const Dir& folder);
  void scan(const Dir& folder, const std::string& prefix, int depth, Sources& sources);
  void move_copies(const Sources& sources);
  void remove_copies(const Sources& sources);
  void follow(const Dir& folder, const std::string& path, const Look& look);
  void begin(const OpenFile& file, const std::string& path, Copy& copy, std::uint64_t size);
  void go_on(const OpenFile& file, int to, const std::string& path, Copy& copy, std::uint64_t size);
  void own_the_end(const OpenFile& file, int to, const std::string& path, Copy& copy);
  void keep_end(const OpenFile& file, int to, Copy& copy, std::uint64_t size);
  void take_more(const OpenFile& file, int to, Copy& copy, std::uint64_t bytes);
  std::uint64_t transfer(const OpenFile& file, std::uint64_t from, std::uint64_t bytes, int to, std::uint64_t at);
  void throw_if_failed();
  void forget(const std::string& path, Copy& copy);
  void write_left_out();
  Dir parent_of(const std::string& kept_path);

  const Dir& work_;
  const Dir& logs_;
  const std::uint64_t limit_;
  const bool shared_;
  std::stop_token stop_;
  std::map<std::string, Copy> copies_;  // by the path of the source in VBRAIN_LOG_DIR
  std::set<std::string> names_;         // entries of logs/ that this object made
  std::uint64_t taken_ = 0;             // of all copies
  std::string end_owner_;               // the file whose end is kept, because it exceeds the limit
  std::uint64_t end_room_ = 0;          // bytes for that end
  std::size_t entries_ = 0;             // of the scan so far
  bool is_partial_ = false;             // the scan has not seen all entries
  artifacts::LeftOut left_out_{"The runner"};
  std::string left_out_text_;  // in the file
  std::string block_;
  int error_ = 0;  // errno of the last transfer
};

}  // namespace vbrain::runner

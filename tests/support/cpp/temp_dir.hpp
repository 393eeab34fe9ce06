#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace vbrain::testing {

// The folder for the volumes of tests: VBRAIN_TEST_VOLUMES, or else the system's temporary folder. A test run sets the
// variable to run the volume tests on another file system.
inline std::string volumes_folder() {
  const char* named = std::getenv("VBRAIN_TEST_VOLUMES");
  return named != nullptr ? named : std::filesystem::temp_directory_path().string();
}

// Creates a new folder in `parent`, with mode 0700.
inline std::string make_temp_folder(const std::string& parent) {
  std::string path = parent + "/vbrain-test-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("cannot make a folder in " + parent);
  return path;
}

// A folder that is removed with the object.
class TempDir {
 public:
  TempDir() : TempDir(volumes_folder()) {}
  explicit TempDir(const std::string& parent) : path_(make_temp_folder(parent)) {}
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view below) const { return path_ + "/" + std::string(below); }

 private:
  std::string path_;
};

inline void write_file(const std::string& path, std::string_view bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline std::string read_fd(int fd) {
  std::string bytes;
  char block[65536];
  for (off_t at = 0;;) {
    const ssize_t got = pread(fd, block, sizeof block, at);
    if (got <= 0) return bytes;
    bytes.append(block, static_cast<std::size_t>(got));
    at += got;
  }
}

// Names, relative to `root`, of all files and folders below it. Those that another thread removes meanwhile are left
// out, or named although they are gone; a missing `root` has none.
inline std::vector<std::string> names_below(const std::filesystem::path& root) {
  std::vector<std::string> names;
  std::vector<std::string> open = {""};
  while (!open.empty()) {
    const std::string folder = open.back();
    open.pop_back();
    std::error_code gone;
    std::filesystem::directory_iterator entry(root / folder, gone);
    while (!gone && entry != std::filesystem::directory_iterator()) {
      names.push_back((folder.empty() ? "" : folder + "/") + entry->path().filename().string());
      std::error_code unknown;
      if (entry->symlink_status(unknown).type() == std::filesystem::file_type::directory) open.push_back(names.back());
      entry.increment(gone);
    }
  }
  return names;
}

inline std::size_t count_below(const std::string& path) {
  return names_below(path).size();
}

inline unsigned mode_of(const std::string& path) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) throw std::runtime_error("cannot stat " + path);
  return found.st_mode & 07777;
}

}  // namespace vbrain::testing

#include "controller/runner_install.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <vector>

#include "base/text/digest.hpp"

namespace vbrain::controller {

std::string runner_version(const std::string& source) {
  namespace fs = std::filesystem;
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(source)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  base::Sha256 digest;
  std::vector<char> buffer(1U << 20);
  bool has_runner = false;
  for (const fs::path& path : files) {
    const std::string name = path.lexically_relative(source).generic_string();
    has_runner = has_runner || name == "runner";
    // The size comes first, so that different lists of files never give the same input of the hash.
    digest.update(name + '\0' + std::to_string(fs::file_size(path)) + '\0');
    std::ifstream file(path, std::ios::binary);
    while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || file.gcount() > 0) {
      digest.update({buffer.data(), static_cast<std::size_t>(file.gcount())});
    }
    if (!file.eof()) throw std::runtime_error("can't read " + path.string());
  }
  if (!has_runner) throw std::runtime_error("there is no runner in " + source);
  return std::string(VBRAIN_VERSION) + "-" + digest.hex().substr(0, 12);
}

std::string install_runner(const artifacts::Store& store, const std::string& source) {
  const std::string version = runner_version(source);
  store.install_runner(source, version);
  return artifacts::layout::bin(version);
}

}  // namespace vbrain::controller

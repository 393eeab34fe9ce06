#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace vbrain::base {

// Reads a small file, such as one of a mounted Secret: 1 MiB at most. Fails with a sentence that names the file. Blocks
// as long as its file system does. Thread-safe.
Result<std::string, std::string> read_text_file(const std::filesystem::path& path);

}  // namespace vbrain::base

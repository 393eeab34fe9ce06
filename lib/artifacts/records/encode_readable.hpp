#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "artifacts/records/job_file.hpp"
#include "artifacts/store/store.hpp"
#include "base/result.hpp"

namespace vbrain::artifacts {

// The text of a new job.json or repository.json, of which it is checked that it can be decoded again. Throws TooLarge
// if it has more than the decoder accepts.
template <class File>
std::string encode_readable(const File& file, Result<File, std::string> (*decode)(std::string_view)) {
  std::string text = encode(file);
  const auto read = text.size() <= kJobFileLimit ? decode(text) : Unexpected<std::string>("more than 64 MiB");
  if (read) return text;
  if (read.error().starts_with("more than")) {
    throw TooLarge("params, metadata and the names of the input files: " + read.error());
  }
  throw std::logic_error("a new file cannot be decoded: " + read.error());
}

}  // namespace vbrain::artifacts

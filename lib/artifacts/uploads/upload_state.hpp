#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vbrain::artifacts {

// Where an upload is. It is the name of an empty file in the upload's folder, so that a step from one state to the next
// is one rename: of several programs that see the same state and want another one, exactly one succeeds. Nobody can
// take the last step of a program that was overtaken. docs/decisions/0038-resumable-uploads.md
struct UploadState {
  enum class Kind {
    kIdle,
    kWriting,  // `by`: the request that sends bytes; it may have died
    kUsing,    // `by`: what makes a job or repository of the upload, which is complete
    kEnded,    // the upload is being removed
  };
  std::uint64_t offset = 0;  // that many bytes are durable
  std::string data;          // token of the data file that has the last of them (upload_store.hpp)
  Kind kind = Kind::kIdle;
  std::string by = {};

  friend bool operator==(const UploadState&, const UploadState&) = default;
};

// `data` and `by` are 1 to 80 of [0-9a-z-]; `by` is empty for kIdle and kEnded. Pure.
std::string to_name(const UploadState& state);
// Nothing: the file is none of these. Pure.
std::optional<UploadState> parse_upload_state(std::string_view name);

}  // namespace vbrain::artifacts

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "artifacts/archive/left_out.hpp"
#include "artifacts/files/safe_open.hpp"
#include "artifacts/records/manifest.hpp"
#include "base/result.hpp"
#include "schema/schema.hpp"

namespace vbrain::runner {

inline constexpr std::uint64_t kResultLimit = 16ULL << 20;
inline constexpr std::size_t kOutputFiles = 65'535;        // and folders
inline constexpr std::size_t kOutputDepth = 32;            // components of a name
inline constexpr std::size_t kOutputNameBytes = 8U << 20;  // of all names together, which are kept in memory

struct SealedOutput {
  std::uint64_t archive_bytes = 0;
  std::string archive_sha256;
  std::vector<artifacts::OutputFile> files;  // the first kManifestFiles
  std::uint64_t files_total = 0;
  artifacts::LeftOut left_out{"The runner", "the output"};
};

// Call these when all processes of the application are dead. Its folders may contain anything: files are opened by
// artifacts::Dir, only regular files are read, and a FIFO does not block. Files and folders that their owner may not
// read get this right back. Errors are sentences for the job's message. They throw VolumeError if a file cannot be read
// or written.

// Packs work/output into `attempt`/output.zip. An empty or absent folder becomes an archive without entries. A symbolic
// link to a file or folder of the output is packed as a copy of its target; hard links are files. Other links, FIFOs,
// sockets, devices and what cannot be read are left out. The bytes
// of the file are durable; its name is durable when the caller has synced `attempt`.
Result<SealedOutput, std::string> seal_output(const artifacts::Dir& work, const artifacts::Dir& attempt,
                                              std::uint64_t limit_bytes);

// Copies work/result.json to `attempt`/result.json if it is JSON of at most kResultLimit, as durable as the output,
// without a byte order mark. A missing file becomes `null`. Returns its size. Constant memory, because the container's
// limit is for the application. With `schema` (may be null) the result must match it, and be no larger than what can be
// checked: that takes up to about 30 MB.
Result<std::uint64_t, std::string> seal_result(const artifacts::Dir& work, const artifacts::Dir& attempt,
                                               const schema::Schema* schema);

}  // namespace vbrain::runner

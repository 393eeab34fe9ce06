#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "api-server/answers/shared_answer.hpp"
#include "api-server/services.hpp"
#include "artifacts/store/layout.hpp"
#include "base/log/request_ids.hpp"

namespace vbrain::api {

// One file in a list.
struct ListedFile {
  std::string_view name;
  std::uint64_t bytes = 0;
  std::string_view sha256 = {};  // empty: not known
  std::optional<std::uint32_t> crc32 = {};
};

// {"name", "bytes", "type", "sha256", "crc32"}; what is not known is absent. Pure.
std::string render_file(const ListedFile& file);

// Calls the function that it is given with each file. May be called twice.
using FileSource = std::function<void(const std::function<void(const ListedFile&)>&)>;

// Lists that may be longer are written into a file, as archives are: on Services::bulk_workers.
inline constexpr std::uint64_t kShortList = 1024 * 1024;
// The longest text of a list of `count` files with `names_bytes` of names. Pure.
std::uint64_t longest_list(std::uint64_t count, std::uint64_t names_bytes);

// A JSON array of all files. `longest`: see longest_list(). A list of up to kShortList counts against the tenant's part
// of the JSON budget; a longer one takes 64 KiB of memory and has no entity tag. Blocks on the volume. Throws
// VolumeError and http::Overloaded. `ids`: of the request, for log lines.
SharedAnswer share_files(const Services& services, const artifacts::Tenant& tenant, std::uint64_t longest,
                         const FileSource& files, const base::RequestIds& ids);

}  // namespace vbrain::api

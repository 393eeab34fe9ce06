#include "artifacts/records/manifest.hpp"

#include <nlohmann/json.hpp>

#include "artifacts/archive/utf8.hpp"
#include "artifacts/records/json_fields.hpp"
#include "artifacts/records/outcome_json.hpp"
#include "base/json/json.hpp"

namespace vbrain::artifacts {
namespace {

constexpr std::size_t kNameLimit = 4096;       // PATH_MAX
constexpr std::size_t kListLimit = 16U << 20;  // names as written; escapes at most double the counted size

}  // namespace

std::string encode_manifest(const Manifest& manifest) {
  nlohmann::json object = outcome_to_json(manifest.outcome);
  object["podUid"] = manifest.pod_uid;
  object["startTime"] = base::format_rfc3339(manifest.start_time);
  object["completionTime"] = base::format_rfc3339(manifest.completion_time);
  object["maxRssBytes"] = manifest.max_rss_bytes;
  object["cpuMs"] = manifest.cpu_ms;
  object["filesTotal"] = manifest.files_total;
  auto& files = object["files"] = nlohmann::json::array();
  std::size_t bytes = 0;
  for (const OutputFile& file : manifest.files) {
    bytes += file.name.size() + 200;
    if (files.size() == kManifestFiles || bytes > kListLimit) break;
    files.push_back({{"name", file.name},
                     {"bytes", file.bytes},
                     {"sha256", file.sha256},
                     {"modified", base::format_rfc3339(file.modified)}});
  }
  return object.dump() + "\n";
}

Result<Manifest, std::string> decode_manifest(std::string_view text) {
  if (text.size() > kManifestLimit) return Unexpected<std::string>("longer than 32 MiB");
  const auto object = base::parse_json(text, {.depth = 8, .elements = 6 * kManifestFiles});
  if (!object) return Unexpected<std::string>(object.error());
  try {
    Manifest manifest;
    manifest.outcome = outcome_from_json(*object);
    manifest.pod_uid = fields::text(*object, "podUid", 64);
    manifest.start_time = fields::time(*object, "startTime");
    manifest.completion_time = fields::time(*object, "completionTime");
    manifest.max_rss_bytes = fields::size(*object, "maxRssBytes");
    manifest.cpu_ms = fields::size(*object, "cpuMs");
    manifest.files_total = fields::size(*object, "filesTotal");
    const nlohmann::json* files = fields::find(*object, "files");
    if (files == nullptr) return manifest;
    if (!files->is_array() || files->size() > kManifestFiles) fields::refuse("files", "is not a list of files");
    for (const nlohmann::json& file : *files) {
      if (!file.is_object()) fields::refuse("files", "has an element that is not an object");
      manifest.files.push_back({fields::text(file, "name", kNameLimit), fields::size(file, "bytes"),
                                fields::sha256(file, "sha256", false), fields::time(file, "modified")});
    }
    return manifest;
  } catch (const fields::Malformed& malformed) {
    return Unexpected<std::string>(malformed.reason);
  }
}

}  // namespace vbrain::artifacts

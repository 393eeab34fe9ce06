// Headers of tus, and the names and files that say what is known of an upload.
#include <algorithm>

#include "api-server/transfer/file_receiver.hpp"
#include "api-server/uploads/tus.hpp"
#include "artifacts/uploads/upload_record.hpp"
#include "artifacts/uploads/upload_state.hpp"
#include "fuzz/fuzz.hpp"
#include "fuzz/header_lines.hpp"

namespace vbrain::fuzz {
namespace {

void run_tus(std::string_view input) {
  const auto fields = header_lines(input);
  static_cast<void>(api::check_tus_version(fields));
  const api::Limits limits;
  if (const auto upload = api::read_new_upload(limits, fields)) {
    require(upload->bytes <= limits.max_upload_bytes, "an upload is not too large");
    require(!api::check_file_name(upload->name), "an upload has a name that an input can have");
    require(api::parse_upload_metadata(upload->metadata).has_value(), "metadata that are kept can be read again");
  }
  if (const auto checksum = api::read_checksum(fields); checksum && *checksum) {
    const bool is_sha1 = (*checksum)->algorithm == api::Checksum::Algorithm::kSha1;
    require((*checksum)->digest.size() == (is_sha1 ? 20U : 32U), "a digest has the length of its algorithm");
  }
  if (const auto offset = api::read_number(fields, "Upload-Offset")) {
    const auto again = std::to_string(*offset);
    require(api::read_number({{"Upload-Offset", again}}, "Upload-Offset") == *offset, "an offset is read as written");
  }
  if (const auto pairs = api::parse_upload_metadata(input)) {
    for (auto pair = pairs->begin(); pair != pairs->end(); ++pair) {
      require(!pair->key.empty() && pair->key.find_first_of(" ,") == std::string::npos, "a key is one word");
      require(std::find_if(pairs->begin(), pair, [&](const auto& one) { return one.key == pair->key; }) == pair,
              "keys are different");
    }
  }
}

void run_upload_files(std::string_view input) {
  if (const auto state = artifacts::parse_upload_state(input)) {
    require(artifacts::to_name(*state) == input, "a state has one name");
    require(input.find('/') == std::string_view::npos && input.size() < 256, "a state is the name of a file");
  }
  if (const auto record = artifacts::decode_upload_record(input)) {
    require(artifacts::decode_upload_record(artifacts::encode(*record)) == *record,
            "a record is read as it is written");
  }
  if (const auto parts = artifacts::decode_upload_parts(input)) {
    for (const auto& part : *parts) {
      require(part.data.find_first_of("/.") == std::string::npos, "a token stays in its folder");
    }
    require(artifacts::decode_upload_parts(artifacts::encode(*parts)) == *parts, "parts are read as they are written");
  }
}

}  // namespace

std::vector<Target> upload_targets() {
  return {
      {"tus",
       run_tus,
       {"Tus-Resumable: 1.0.0\nUpload-Length: 5368709120\nUpload-Metadata: filename aW5wdXQuemlw,is_confidential\n",
        "tus-resumable: 1.0.0\nUpload-Offset: 1048576\nUpload-Checksum: sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=\n",
        "Upload-Checksum: sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=\n", "filename d29ybGQ=, a YQ,b ,c",
        "Upload-Defer-Length: 1\n", "Upload-Concat: final;/a /b\n"},
       {"Upload-Length: ", "Upload-Offset: ", "Upload-Metadata: ", "Upload-Checksum: ", "sha1 ", "sha256 ", "filename ",
        "name ", ",", " ", "=", "==", "YQ==", "\n", "999999999999999999", "0", "-1", "Li4vYS56aXA="}},
      {"upload-files",
       run_upload_files,
       {"state.0.9f86d081884c7d65.idle", "state.1048576.a1.writing.4b227777", "state.5.b.using.0193-d",
        "state.5.b.ended",
        R"({"format":1,"bytes":10,"name":"input.zip","metadata":"a YQ==","createdBy":"ana","createdOn":"2020-09-23T16:29:39.000Z","expirySeconds":86400})",
        R"({"format":1,"parts":[{"data":"a1","bytes":5},{"data":"b2","bytes":0}]})"},
       {"state.", ".idle", ".writing.", ".using.", ".ended", ".", "-", "/", "18446744073709551615",
        "\"bytes\":", "\"data\":", "\"parts\":[", "{}", "null"}},
  };
}

}  // namespace vbrain::fuzz

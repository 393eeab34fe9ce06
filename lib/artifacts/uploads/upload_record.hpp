#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time/clock.hpp"

namespace vbrain::artifacts {

// What is fixed when an upload is created: upload.json in its folder.
struct UploadRecord {
  std::uint64_t bytes = 0;        // of the whole file
  std::string name = {};          // of the file, for example input.zip
  std::string metadata = {};      // Upload-Metadata as sent
  std::string created_by = {};    // username
  base::TimePoint created_on{};   // by the clock of the api-server
  std::chrono::seconds expiry{};  // after this time without a change it is removed

  friend bool operator==(const UploadRecord&, const UploadRecord&) = default;
};
inline constexpr std::size_t kUploadRecordLimit = 1U << 20;
inline constexpr const char* kUploadRecord = "upload.json";

std::string encode(const UploadRecord& record);
// Untrusted input: the error is a short sentence for the log.
Result<UploadRecord, std::string> decode_upload_record(std::string_view text);

// The first `bytes` of one data file of an upload. What is behind them is not part of the upload.
struct UploadPart {
  std::string data;  // token of the file
  std::uint64_t bytes = 0;

  friend bool operator==(const UploadPart&, const UploadPart&) = default;
};

// The parts in front of the last one, in their order.
std::string encode(const std::vector<UploadPart>& parts);
Result<std::vector<UploadPart>, std::string> decode_upload_parts(std::string_view text);

}  // namespace vbrain::artifacts

#include "job/names.hpp"

#include <chrono>
#include <cstdint>
#include <stdexcept>

#include "base/text/digest.hpp"

namespace vbrain::job {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

bool is_dash_position(std::size_t i) {
  return i == 8 || i == 13 || i == 18 || i == 23;
}

}  // namespace

std::string make_job_id(base::TimePoint now, std::string_view random) {
  if (random.size() < 10) throw std::invalid_argument("a job id needs 10 random bytes");
  unsigned char bytes[16];
  const auto milliseconds = static_cast<std::uint64_t>(now.time_since_epoch().count());
  for (int i = 0; i < 6; ++i) bytes[i] = static_cast<unsigned char>(milliseconds >> (40 - 8 * i));
  for (int i = 0; i < 10; ++i) bytes[6 + i] = static_cast<unsigned char>(random[static_cast<std::size_t>(i)]);
  bytes[6] = static_cast<unsigned char>(0x70 | (bytes[6] & 0x0f));  // version 7
  bytes[8] = static_cast<unsigned char>(0x80 | (bytes[8] & 0x3f));  // variant 10

  std::string id;
  id.reserve(36);
  for (const unsigned char byte : bytes) {
    if (is_dash_position(id.size())) id += '-';
    id += kHexDigits[byte >> 4];
    id += kHexDigits[byte & 15];
  }
  return id;
}

std::string new_job_id(base::TimePoint now) {
  return make_job_id(now, base::random_bytes(10));
}

bool is_job_id(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_dash_position(i) ? text[i] != '-' : kHexDigits.find(text[i]) == std::string_view::npos) return false;
  }
  return true;
}

std::optional<base::TimePoint> time_of_job_id(std::string_view id) {
  if (!is_job_id(id) || id[14] != '7') return std::nullopt;
  std::int64_t milliseconds = 0;
  // The first 12 digits, with a dash between them, are the milliseconds.
  for (const char c : id.substr(0, 13)) {
    if (c != '-') milliseconds = milliseconds * 16 + static_cast<std::int64_t>(kHexDigits.find(c));
  }
  return base::TimePoint(std::chrono::milliseconds(milliseconds));
}

std::string label_hash(std::string_view name) {
  return base::sha256_hex(name).substr(0, 16);
}

std::string pod_name(std::string_view job_id, int attempt) {
  return std::string(job_id) + "-" + std::to_string(attempt);
}

}  // namespace vbrain::job

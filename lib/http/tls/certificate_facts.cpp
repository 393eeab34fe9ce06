#include "http/tls/certificate_facts.hpp"

#include <algorithm>

namespace vbrain::http {
namespace {

constexpr std::chrono::minutes kClockDifference{5};
constexpr std::chrono::milliseconds kMostNotice = std::chrono::days(14);

}  // namespace

std::string why_unusable(const CertificateFacts& facts, base::TimePoint now) {
  if (now >= facts.ends) return "the certificate has expired at " + base::format_rfc3339_seconds(facts.ends);
  if (now + kClockDifference < facts.begins) {
    return "the certificate is not valid before " + base::format_rfc3339_seconds(facts.begins);
  }
  return "";
}

bool expires_soon(const CertificateFacts& facts, base::TimePoint now) {
  return facts.ends - now < std::min((facts.ends - facts.begins) / 5, kMostNotice);
}

}  // namespace vbrain::http

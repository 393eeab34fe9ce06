#include "controller/webhooks/signature.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "base/text/base64.hpp"

namespace vbrain::controller {
namespace {

constexpr std::string_view kPrefix = "whsec_";
constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::size_t kLeastKey = 24;
constexpr std::size_t kMostKey = 64;
constexpr std::size_t kMostKeys = 8;

std::string hmac_base64(const std::string& key, const std::string& message) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest.data(), &size) == nullptr) {
    throw std::runtime_error("HMAC-SHA256 failed");
  }
  // RFC 4648: four characters for three bytes, and OpenSSL writes a NUL behind them.
  std::array<char, EVP_MAX_MD_SIZE * 2> text{};
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), digest.data(), static_cast<int>(size));
  return {text.data(), static_cast<std::size_t>(length)};
}

}  // namespace

Result<std::vector<std::string>, std::string> read_secrets(std::string_view text) {
  std::vector<std::string> keys;
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
    if (text.empty()) break;
    const std::string_view word = text.substr(0, text.find_first_of(kBlanks));
    text.remove_prefix(word.size());
    auto key = word.starts_with(kPrefix) ? base::decode_base64(word.substr(kPrefix.size())) : std::nullopt;
    if (!key || key->size() < kLeastKey || key->size() > kMostKey) {
      return Unexpected<std::string>("secret " + std::to_string(keys.size() + 1) +
                                     " is not whsec_ and 24 to 64 bytes as base64");
    }
    keys.push_back(std::move(*key));
  }
  if (keys.empty() || keys.size() > kMostKeys) {
    return Unexpected<std::string>("it holds " + std::to_string(keys.size()) + " secrets, and should hold 1 to " +
                                   std::to_string(kMostKeys));
  }
  return keys;
}

std::string sign(const std::vector<std::string>& keys, std::string_view id, std::string_view timestamp,
                 std::string_view body) {
  const std::string message = std::string(id) + "." + std::string(timestamp) + "." + std::string(body);
  std::string all;
  for (const std::string& key : keys) all += (all.empty() ? "v1," : " v1,") + hmac_base64(key, message);
  return all;
}

}  // namespace vbrain::controller

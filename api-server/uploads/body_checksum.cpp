#include "api-server/uploads/body_checksum.hpp"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace vbrain::api {

struct BodyChecksum::State {
  explicit State(Checksum sent) : wanted(std::move(sent)) {}
  ~State() { EVP_MD_CTX_free(context); }

  const Checksum wanted;
  EVP_MD_CTX* context = EVP_MD_CTX_new();
};

BodyChecksum::BodyChecksum(Checksum wanted) : state_(std::make_unique<State>(std::move(wanted))) {
  const bool is_sha1 = state_->wanted.algorithm == Checksum::Algorithm::kSha1;
  const EVP_MD* algorithm = is_sha1 ? EVP_sha1() : EVP_sha256();
  if (state_->context == nullptr || EVP_DigestInit_ex(state_->context, algorithm, nullptr) != 1) {
    throw std::runtime_error("the algorithm of a checksum is not available");
  }
}
BodyChecksum::~BodyChecksum() = default;

void BodyChecksum::update(std::string_view bytes) {
  if (EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) != 1) {
    throw std::runtime_error("a checksum failed");
  }
}

bool BodyChecksum::fits() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_DigestFinal_ex(state_->context, digest.data(), &size) != 1) throw std::runtime_error("a checksum failed");
  return std::string_view(reinterpret_cast<const char*>(digest.data()), size) == state_->wanted.digest;
}

}  // namespace vbrain::api

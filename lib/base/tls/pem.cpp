#include "base/tls/pem.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>
#include <utility>

namespace vbrain::base {
namespace {

using Failure = Unexpected<std::string>;
using Bio = std::unique_ptr<BIO, FreeWith<&BIO_free>>;

Bio open_text(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Without it OpenSSL asks at the terminal.
int no_password(char*, int, int, void*) {
  return 0;
}

}  // namespace

Result<std::vector<Certificate>, std::string> read_certificates(const std::string& pem, const std::string& what) {
  const Bio bio = open_text(pem);
  std::vector<Certificate> certificates;
  while (Certificate certificate{PEM_read_bio_X509(bio.get(), nullptr, &no_password, nullptr)}) {
    certificates.push_back(std::move(certificate));
  }
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  const bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (certificates.empty() || !at_end) return Failure(what + " holds no readable PEM certificate");
  return certificates;
}

Result<PrivateKey, std::string> read_private_key(const std::string& pem, const std::string& what) {
  const Bio bio = open_text(pem);
  PrivateKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_password, nullptr));
  ERR_clear_error();
  if (key != nullptr) return key;
  if (pem.find("ENCRYPTED") != std::string::npos) {
    return Failure(what + " holds an encrypted key; store the key without a passphrase");
  }
  return Failure(what + " holds no readable PEM key");
}

std::string take_openssl_error() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  if (error == 0) return "";
  if (const char* reason = ERR_reason_error_string(error); reason != nullptr) return reason;
  std::array<char, 256> text{};
  ERR_error_string_n(error, text.data(), text.size());
  return text.data();
}

}  // namespace vbrain::base
